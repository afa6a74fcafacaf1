//! Query parameters: the same shapes as bodies, and the same way of naming everything that is wrong.

use super::error::Failure;
use crate::routes::Route;
use axum::extract::Query;
use axum::http::Uri;
use masivo_core::problem::{Pointer, Problem, Report};
use masivo_core::shape::{Field, Shape, Unknown};
use masivo_core::value::{Decimal, Json, object};

/// The parameters that a route knows, checked; and what deserves a look.
///
/// # Errors
/// 400 with every parameter that is missing, unknown to one of our own endpoints, or wrong.
pub(crate) fn read(route: &Route, uri: &Uri) -> Result<(Json, Vec<Problem>), Failure> {
    if uri.query().is_none() && route.query.iter().all(|field| !field.required) {
        return Ok((object().build(), Vec::new()));
    }
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        let message = "the query cannot be read".to_owned();
        return Err(Failure::problem("", "not_a_query", message, "write it as ?name=value&name=value"));
    };
    let mut report = Report::default();
    let mut query = object().build();
    let root = Pointer::root();
    for (name, text) in &pairs {
        let at = root.field(name);
        match route.query.iter().find(|field| field.name == name) {
            None if route.unknown == Unknown::Refused => {
                let known: Vec<&str> = route.query.iter().map(|field| field.name).collect();
                let hint = if known.is_empty() {
                    "this path knows no parameters".to_owned()
                } else {
                    format!("known are {}", known.join(", "))
                };
                report.problem(&at, "unknown_parameter", format!("`{name}` is not known here"), hint);
            }
            None => {
                report.warning(
                    &at,
                    "unknown_parameter",
                    format!("`{name}` is not known here and was ignored"),
                );
            }
            Some(_) if query.get(name).is_some() => {
                report.problem(&at, "repeated", format!("`{name}` is there twice"), "send it once");
            }
            Some(_) if text.is_empty() => {}
            Some(field) => {
                let value = value_of(field, text);
                field.shape.check(&value, &at, &mut report);
                query.set(name.clone(), value);
            }
        }
    }
    for field in route.query.iter().filter(|field| field.required && query.get(field.name).is_none()) {
        let message = format!("`{}` is required", field.name);
        report.problem(&root.field(field.name), "missing", message, field.about);
    }
    for problem in report.problems.iter_mut().chain(&mut report.warnings) {
        problem.pointer = problem.pointer.replacen('/', "?", 1);
    }
    let (query, warnings) = report.into_result(query)?;
    Ok((query, warnings))
}

/// A parameter's text as the value its shape asks for.
fn value_of(field: &Field, text: &str) -> Json {
    match field.shape {
        Shape::Integer(..) | Shape::Number(..) => {
            Decimal::read(text).map_or_else(|_| Json::from(text), |(number, _)| Json::Number(number))
        }
        Shape::Flag => match text {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            other => Json::from(other),
        },
        _ => Json::from(text),
    }
}
