//! One request on its way to a handler.

use super::auth::{self, Principal};
use super::body;
use super::error::Failure;
use super::log::Matched;
use super::query;
use super::respond::{Outcome, Reply};
use crate::app::App;
use crate::routes::{Input, Method, Route};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use masivo_core::Command;
use masivo_core::limits::PROBLEMS_MAX;
use masivo_core::problem::{Pointer, Problem, Report};
use masivo_core::shape::{ObjectShape, Shape, Unknown};
use masivo_core::value::{Json, object};
use masivo_store::query::Query;
use masivo_store::{Answer, Request as Submission, SubmitError, Work};
use std::sync::Arc;

/// The name of the header that makes repeating a write harmless.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Nothing: what a body must be where none is asked for.
const NOTHING: ObjectShape = ObjectShape { name: "Nothing", fields: &[], unknown: Unknown::Warned };

/// A request whose parts have been checked.
#[derive(Debug)]
pub(crate) struct Call {
    /// The server.
    pub(crate) app: Arc<App>,
    /// Who is asking.
    pub(crate) principal: Principal,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The query's parameters, checked.
    pub(crate) query: Json,
    /// The body: checked against its shape unless the core reads it itself.
    pub(crate) body: Json,
    /// Problems inside the rows of a body whose rows are judged alone.
    pub(crate) problems: Vec<Problem>,
    /// The idempotency key.
    pub(crate) key: Option<String>,
    path: Vec<(String, String)>,
}

impl Call {
    /// A part of the path.
    pub(crate) fn path(&self, name: &str) -> String {
        let found = self.path.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// A text of the query.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.query.text(name).map(ToOwned::to_owned)
    }

    /// A whole number of the query.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.query.integer(name)
    }

    /// How many are asked for: `limit`, or 100.
    pub(crate) fn limit(&self) -> usize {
        self.query.integer("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100)
    }

    /// Submits work under the request's key.
    ///
    /// # Errors
    /// What the engine refuses or cannot do.
    pub(crate) async fn submit(&self, work: Work) -> Result<Answer, Failure> {
        let submission = Submission { work, key: self.key.clone() };
        Ok(self.app.handle.submit(submission).await?)
    }

    /// Submits a command under the request's key; the answer as it is shown.
    ///
    /// # Errors
    /// What the engine refuses or cannot do.
    pub(crate) async fn command(&self, command: Command) -> Outcome {
        let answer = self.submit(Work::Customer(Box::new(command))).await?;
        Ok(Reply::data(self.show(&answer)))
    }

    /// The answer as it is shown.
    pub(crate) fn show(&self, answer: &Answer) -> Json {
        answer.to_json(&self.app.handle.program())
    }

    /// Asks the store, away from the threads that serve connections.
    ///
    /// # Errors
    /// What is not there or cannot be read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Query) -> Result<T, SubmitError> + Send + 'static,
    ) -> Result<T, Failure> {
        self.app.read(question).await
    }
}

/// Answers one request of a route.
pub(crate) async fn dispatch(app: Arc<App>, route: &'static Route, request: Request) -> Response {
    let mut response = match prepare(app, route, request).await {
        Ok((call, warnings)) => match (route.handler)(call).await {
            Ok(mut reply) => {
                reply.warnings.splice(0..0, warnings);
                reply.into_response()
            }
            Err(failure) => failure.into_response(),
        },
        Err(failure) => failure.into_response(),
    };
    response.extensions_mut().insert(Matched(route.path));
    response
}

async fn prepare(
    app: Arc<App>,
    route: &'static Route,
    request: Request,
) -> Result<(Call, Vec<Problem>), Failure> {
    let (mut parts, body) = request.into_parts();
    let principal = auth::authenticate(&app, route.access, &parts.headers)?;
    let path = path_of(&mut parts).await?;
    let (query, mut warnings) = query::read(route, &parts.uri)?;
    let key = if route.method == Method::Get { None } else { key_of(&parts.headers)? };
    let mut problems = Vec::new();
    let mut json = Json::Null;
    if route.method != Method::Get {
        let limits = &app.settings.limits;
        let limit =
            if matches!(route.input, Input::Rows(..)) { limits.batch_bytes } else { limits.body_bytes };
        let bytes = body::read(&parts.headers, body, limit, limits.body_time).await?;
        let mut report = Report::default();
        json = match bytes {
            Some(bytes) => Json::read(&bytes, &mut report),
            None => absent(route, &mut report),
        };
        json = check(route, json, &mut report);
        if matches!(route.input, Input::Rows(..)) && are_in_rows(&report) {
            problems = std::mem::take(&mut report.problems);
        }
        let ((), more) = report.into_result(())?;
        warnings.extend(more);
    }
    let call = Call { app, principal, headers: parts.headers, query, body: json, problems, key, path };
    Ok((call, warnings))
}

/// The parts of the path, decoded.
async fn path_of(parts: &mut Parts) -> Result<Vec<(String, String)>, Failure> {
    let Ok(parameters) = RawPathParams::from_request_parts(parts, &()).await else {
        let message = "the path is not UTF-8 once it is decoded".to_owned();
        return Err(Failure::problem("", "not_utf8", message, "encode the path as %XX of UTF-8"));
    };
    Ok(parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The idempotency key: 1 to 255 printable characters.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=255).contains(&text.len()) && !text.contains('\t'));
    text.map(|text| Some(text.to_owned())).ok_or_else(|| {
        let message = "the Idempotency-Key is not 1 to 255 printable ASCII characters".to_owned();
        Failure::problem("", "not_a_key", message, "a UUID does well")
    })
}

/// What stands for a body that is not there.
fn absent(route: &Route, report: &mut Report) -> Json {
    if route.body_required {
        let hint = "send it with the header content-type: application/json";
        report.problem(&Pointer::root(), "missing", "a JSON body is required", hint);
    }
    object().build()
}

/// Checks a body that no one else checks, and takes out what is unknown.
fn check(route: &Route, json: Json, report: &mut Report) -> Json {
    if report.has_problems() && !matches!(route.input, Input::Rows(..)) {
        return json;
    }
    match &route.input {
        Input::Described(_) => json,
        Input::Checked(shape) | Input::Rows(shape, _) => {
            shape.check(&json, &Pointer::root(), report);
            shape.prune(&json)
        }
        Input::None => {
            let nothing = Shape::Object(&NOTHING);
            if !json.is_null() {
                nothing.check(&json, &Pointer::root(), report);
            }
            object().build()
        }
    }
}

/// Whether every problem lies inside one row of a batch, `/events/3/…`, so that the other rows can be trusted: not when
/// the document was cut off, nor when there may be more problems than are named.
fn are_in_rows(report: &Report) -> bool {
    let is_in_a_row = |problem: &Problem| row_of(problem).is_some() && problem.code != "too_deep";
    report.problems.len() < PROBLEMS_MAX && report.problems.iter().all(is_in_a_row)
}

/// The number of the row a problem lies in.
pub(super) fn row_of(problem: &Problem) -> Option<usize> {
    let mut steps = problem.pointer.split('/').skip(2);
    steps.next().and_then(|index| index.parse().ok())
}
