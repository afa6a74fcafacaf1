//! The description of the API, made of the same table that registers the handlers.

use crate::http::error::Failure;
use crate::routes::{Access, Input, Output, PREFIX, Route, table};
use crate::shapes::{ANY_TEXT, COUNT, ERROR, PROBLEM};
use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use masivo_core::shape::{Field, ObjectShape, Shape, Unknown};
use masivo_core::value::{Decimal, Json, Name, object};
use std::collections::BTreeMap;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The page that shows the description; it brings its own scripts.
pub(crate) fn page() -> Router {
    let page: Router = SwaggerUi::new("/docs").config(Config::from("/openapi.json")).into();
    page.layer(map_response(async |response: Response| {
        let failed = response.status().is_client_error() || response.status().is_server_error();
        if failed { Failure::no_such_path().into_response() } else { response }
    }))
}

/// The whole description, in OpenAPI 3.1.
pub fn describe() -> Json {
    let mut schemas = Schemas::default();
    let mut paths: Vec<(Name, Json)> = Vec::new();
    for route in table() {
        let operation = schemas.operation(route);
        let method = route.method.name().to_lowercase();
        match paths.iter_mut().find(|(path, _)| path == route.path) {
            Some((_, item)) => item.set(method, operation),
            None => paths.push((route.path.into(), object().with(method, operation).build())),
        }
    }
    schemas.reference(&ERROR);
    let bearer = object()
        .with("type", "http")
        .with("scheme", "bearer")
        .with("description", "a token of GET /auth/authorize, or a SERVER key");
    object()
        .with("openapi", "3.1.0")
        .with(
            "info",
            object()
                .with("title", "masivo")
                .with("version", env!("CARGO_PKG_VERSION"))
                .with("description", "Loyalty, customer data and marketing automation in one engine.")
                .with(
                    "license",
                    object().with("name", "MIT OR Apache-2.0").with("identifier", "MIT OR Apache-2.0"),
                ),
        )
        .with("paths", Json::Object(paths))
        .with(
            "components",
            object()
                .with(
                    "schemas",
                    Json::Object(schemas.0.into_iter().map(|(name, schema)| (name.into(), schema)).collect()),
                )
                .with("securitySchemes", object().with("bearer", bearer)),
        )
        .build()
}

/// Schemas by name.
#[derive(Default)]
struct Schemas(BTreeMap<String, Json>);

impl Schemas {
    fn operation(&mut self, route: &Route) -> Json {
        let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = in_path.map(|name| {
            object()
                .with("name", name)
                .with("in", "path")
                .with("required", true)
                .with("schema", object().with("type", "string"))
                .build()
        });
        let mut parameters: Vec<Json> = in_path.collect();
        parameters.extend(route.query.iter().map(|field| self.parameter(field)));
        if route.is_product_path() && route.method != crate::routes::Method::Get {
            parameters.push(idempotency_key());
        }
        let mut operation = object()
            .with("operationId", operation_id(route))
            .with("summary", route.summary)
            .with("tags", Json::List(vec![Json::from(tag(route))]))
            .with("parameters", parameters)
            .build();
        if route.access != Access::Anybody {
            let bearer = object().with("bearer", Json::List(Vec::new())).build();
            operation.set("security", Json::List(vec![bearer]));
        }
        if let Input::Checked(shape) | Input::Described(shape) | Input::Rows(_, shape) = &route.input {
            let content = json_content(self.schema(shape));
            let body = object().with("required", route.body_required).with("content", content);
            operation.set("requestBody", body);
        }
        operation.set("responses", self.responses(route));
        operation
    }

    fn parameter(&mut self, field: &Field) -> Json {
        object()
            .with("name", field.name)
            .with("in", "query")
            .with("required", field.required)
            .with("description", field.about)
            .with("schema", self.schema(&field.shape))
            .build()
    }

    fn responses(&mut self, route: &Route) -> Json {
        let failure = object()
            .with("description", "what is wrong, and what to do about it")
            .with("content", json_content(self.reference(&ERROR)))
            .build();
        let success = match &route.output {
            Output::NotYet => return object().with("501", failure.clone()).with("default", failure).build(),
            Output::Text(content_type) => {
                let text = object().with("schema", object().with("type", "string"));
                object().with(*content_type, text).build()
            }
            Output::Plain(shape) => json_content(self.schema(shape)),
            Output::Data(shape) => {
                let schema = self.schema(shape);
                json_content(self.envelope(schema, &[]))
            }
            Output::Page(of) => {
                let items = list_of(self.schema(of));
                json_content(self.envelope(items, &[("next", Shape::Nullable(&ANY_TEXT))]))
            }
            Output::Window(of) => {
                let items = list_of(self.schema(of));
                json_content(self.envelope(items, &[("from", COUNT), ("to", COUNT), ("count", COUNT)]))
            }
        };
        let success = object().with("description", "done").with("content", success);
        object().with(route.status.to_string(), success).with("default", failure).build()
    }

    fn envelope(&mut self, data: Json, more: &[(&'static str, Shape)]) -> Json {
        let mut properties = object().with("data", data).build();
        let mut required = vec![Json::from("data")];
        for (name, shape) in more {
            properties.set(*name, self.schema(shape));
            required.push(Json::from(*name));
        }
        properties.set("warnings", list_of(self.reference(&PROBLEM)));
        object().with("type", "object").with("required", required).with("properties", properties).build()
    }

    /// A reference to the schema of an object, which is put among the components.
    fn reference(&mut self, shape: &'static ObjectShape) -> Json {
        let name = shape.name;
        if !self.0.contains_key(name) {
            // Its place is taken first, should it contain itself.
            self.0.insert(name.to_owned(), Json::Null);
            let schema = self.object(shape);
            self.0.insert(name.to_owned(), schema);
        }
        object().with("$ref", format!("#/components/schemas/{name}")).build()
    }

    fn object(&mut self, shape: &'static ObjectShape) -> Json {
        let mut properties = object().build();
        let mut required = Vec::new();
        for field in shape.fields {
            let mut schema = self.schema(&field.shape);
            if field.required {
                required.push(Json::from(field.name));
            } else {
                // What is absent may also be null.
                schema = either(vec![schema, object().with("type", "null").build()]);
            }
            if !field.about.is_empty() {
                schema.set("description", field.about);
            }
            properties.set(field.name, schema);
        }
        let mut schema = object().with("type", "object").with("properties", properties).build();
        if !required.is_empty() {
            schema.set("required", required);
        }
        if shape.unknown == Unknown::Refused {
            schema.set("additionalProperties", false);
        }
        schema
    }

    fn schema(&mut self, shape: &Shape) -> Json {
        let string = || object().with("type", "string");
        match shape {
            Shape::Any => object().build(),
            Shape::Flag => object().with("type", "boolean").build(),
            Shape::Text(most) => string().with("minLength", 1_u32).with("maxLength", count(*most)).build(),
            Shape::TextOrEmpty(most) => string().with("maxLength", count(*most)).build(),
            Shape::Id => string().with("minLength", 1_u32).with("maxLength", 255_u32).build(),
            Shape::Email => string().with("format", "email").with("maxLength", 254_u32).build(),
            Shape::Number(least, most) => {
                bounded("number", (*least != Decimal::MIN).then_some(*least), *most)
            }
            Shape::Integer(least, most) => {
                object().with("type", "integer").with("minimum", *least).with("maximum", *most).build()
            }
            Shape::Instant => string().with("format", "date-time").build(),
            Shape::DateOrInstant => either(vec![
                string().with("format", "date").build(),
                string().with("format", "date-time").build(),
            ]),
            Shape::Uuid => string().with("format", "uuid").build(),
            Shape::Choice(words) => {
                string().with("enum", words.iter().map(|word| Json::from(*word)).collect::<Vec<_>>()).build()
            }
            Shape::List(of, most) => {
                let mut schema = list_of(self.schema(of));
                schema.set("maxItems", count(*most));
                schema
            }
            Shape::Object(shape) => self.reference(shape),
            Shape::Map(of, most) => object()
                .with("type", "object")
                .with("additionalProperties", self.schema(of))
                .with("maxProperties", count(*most))
                .build(),
            Shape::Nullable(of) => {
                let schema = self.schema(of);
                either(vec![schema, object().with("type", "null").build()])
            }
            Shape::Either(shapes) => either(shapes.iter().map(|shape| self.schema(shape)).collect()),
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn bounded(kind: &str, least: Option<Decimal>, most: Decimal) -> Json {
    let most = (most != Decimal::MAX).then_some(most);
    object().with("type", kind).with_some("minimum", least).with_some("maximum", most).build()
}

fn either(schemas: Vec<Json>) -> Json {
    object().with("anyOf", Json::List(schemas)).build()
}

fn list_of(schema: Json) -> Json {
    object().with("type", "array").with("items", schema).build()
}

fn json_content(schema: Json) -> Json {
    object().with("application/json", object().with("schema", schema)).build()
}

fn idempotency_key() -> Json {
    object()
        .with("name", "Idempotency-Key")
        .with("in", "header")
        .with("required", false)
        .with("description", "the same key and request are carried out once and answered the same")
        .with("schema", object().with("type", "string").with("minLength", 1_u32).with("maxLength", 255_u32))
        .build()
}

/// The first part of the path below the prefix.
fn tag(route: &Route) -> &'static str {
    let path = route.path.strip_prefix(PREFIX).filter(|_| route.is_product_path()).unwrap_or("/server");
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

fn operation_id(route: &Route) -> String {
    let path = route.path.strip_prefix(PREFIX).unwrap_or(route.path);
    let words =
        path.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> =
        std::iter::once(route.method.name().to_lowercase()).chain(words.map(str::to_lowercase)).collect();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_description_is_whole() {
        let description = describe();
        assert_eq!(description.text("openapi"), Some("3.1.0"));
        let text = description.to_string();
        let components =
            description.get("components").and_then(|components| components.get("schemas")).unwrap();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(components.get(name).is_some(), "{name}");
        }
        let mut ids = BTreeSet::new();
        for (path, item) in description.get("paths").unwrap().fields() {
            for (method, operation) in item.fields() {
                let id = operation.text("operationId").unwrap().to_owned();
                assert!(ids.insert(id.clone()), "{method} {path} {id}");
            }
        }
        assert_eq!(ids.len(), table().count());
    }

    #[test]
    fn a_name_stands_for_one_schema() {
        fn visit(shape: &Shape, seen: &mut BTreeMap<&'static str, Vec<&'static str>>) {
            match shape {
                Shape::Object(object) => {
                    let names: Vec<&str> = object.fields.iter().map(|field| field.name).collect();
                    let known = seen.entry(object.name).or_insert_with(|| names.clone());
                    assert_eq!(*known, names, "two schemas are called {}", object.name);
                    object.fields.iter().for_each(|field| visit(&field.shape, seen));
                }
                Shape::List(of, _) | Shape::Map(of, _) | Shape::Nullable(of) => visit(of, seen),
                Shape::Either(shapes) => shapes.iter().for_each(|shape| visit(shape, seen)),
                _ => {}
            }
        }
        let mut seen = BTreeMap::new();
        for route in table() {
            if let Input::Checked(shape) | Input::Described(shape) | Input::Rows(_, shape) = &route.input {
                visit(shape, &mut seen);
            }
            if let Output::Data(shape) | Output::Page(shape) | Output::Window(shape) | Output::Plain(shape) =
                &route.output
            {
                visit(shape, &mut seen);
            }
        }
        visit(&Shape::Object(&ERROR), &mut seen);
        assert!(seen.len() > 40);
    }
}
