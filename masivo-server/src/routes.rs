//! The table of everything the server answers: one entry registers a handler, is its description in
//! `/openapi.json`, and says what its answers look like (a test holds every answer against it).

mod customers;
mod events;
mod operation;
mod program;

use crate::app::App;
use crate::http::call::{Call, dispatch};
use crate::http::error::Failure;
use crate::http::respond::Outcome;
use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodFilter, on};
use masivo_core::shape::{Field, Shape, Unknown};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Where the product's paths begin.
pub const PREFIX: &str = "/api/storefront/v1";

/// A method of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or does.
    Post,
    /// Writes as a whole.
    Put,
    /// Changes.
    Patch,
    /// Takes away.
    Delete,
}

impl Method {
    /// The method as HTTP writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches the server.
    Anybody,
    /// Holders of CLIENT and SERVER keys.
    Keys,
    /// Holders of SERVER keys.
    Server,
}

/// What a route takes as body.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// Nothing.
    None,
    /// JSON of that shape, checked before the handler sees it.
    Checked(Shape),
    /// JSON of that shape, which the core checks when it reads it.
    Described(Shape),
    /// A batch: JSON of the first shape whose rows are judged alone; the second is what they look like.
    Rows(Shape, Shape),
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug)]
pub enum Output {
    /// `{ data }`, with `warnings` where something deserves a look.
    Data(Shape),
    /// `{ data, next }`: items of that shape, and where the next page starts.
    Page(Shape),
    /// `{ data, from, to, count }`: a window of items of that shape.
    Window(Shape),
    /// The bare JSON.
    Plain(Shape),
    /// Text of that content type.
    Text(&'static str),
    /// Nothing: the route only says that it is not there yet.
    NotYet,
}

pub(crate) type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One entry of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The pattern of the path.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Who may use it.
    pub access: Access,
    /// The parameters of the query.
    pub query: &'static [Field],
    /// What happens with a parameter that is not listed.
    pub unknown: Unknown,
    /// What it takes as body.
    pub input: Input,
    /// Whether there must be a body.
    pub body_required: bool,
    /// The status of success.
    pub status: u16,
    /// What success looks like.
    pub output: Output,
    pub(crate) handler: Handler,
}

impl Route {
    const fn new(method: Method, path: &'static str, summary: &'static str, handler: Handler) -> Self {
        Self {
            method,
            path,
            summary,
            access: Access::Server,
            query: &[],
            unknown: Unknown::Refused,
            input: Input::None,
            body_required: false,
            status: 200,
            output: Output::NotYet,
            handler,
        }
    }

    /// Who may use it, other than holders of SERVER keys.
    const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The parameters of the query.
    const fn query(mut self, query: &'static [Field]) -> Self {
        self.query = query;
        self
    }

    /// A path of the product: unknown parameters are ignored and named in `warnings[]`.
    const fn product(mut self) -> Self {
        self.unknown = Unknown::Warned;
        self
    }

    /// It takes a body.
    const fn takes(mut self, input: Input) -> Self {
        self.input = input;
        self.body_required = true;
        self
    }

    /// The body may be left out.
    const fn body_optional(mut self) -> Self {
        self.body_required = false;
        self
    }

    /// It answers with 200.
    const fn gives(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// It answers with 201.
    const fn creates(mut self, shape: Shape) -> Self {
        self.status = 201;
        self.output = Output::Data(shape);
        self
    }

    /// Whether it belongs to the product's paths; the others are about the server itself.
    pub fn is_product_path(&self) -> bool {
        self.path.starts_with(PREFIX)
    }
}

/// Wraps an async function as a handler.
macro_rules! handler {
    ($($path:ident)::+) => {
        |call| Box::pin($($path)::+(call))
    };
}
pub(crate) use handler;

/// A path below the prefix.
macro_rules! at {
    ($path:literal) => {
        concat!("/api/storefront/v1", $path)
    };
}
pub(crate) use at;

/// The whole table.
pub fn table() -> impl Iterator<Item = &'static Route> {
    [operation::ROUTES, customers::ROUTES, events::ROUTES, program::ROUTES].into_iter().flatten()
}

/// A router with every entry of the table.
pub(crate) fn register(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in table() {
        let app = Arc::clone(app);
        let handler = move |request: Request| dispatch(Arc::clone(&app), route, request);
        router = router.route(route.path, on(route.method.filter(), handler));
    }
    router
}

/// What the product has and we do not yet.
async fn not_yet(call: Call) -> Outcome {
    drop(call);
    Err(Failure::not_supported_yet("this part of the product"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_prefix_is_the_one_that_paths_are_written_with() {
        assert_eq!(at!("/customers"), format!("{PREFIX}/customers"));
    }

    #[test]
    fn no_entry_is_there_twice_and_all_say_what_they_do() {
        let mut seen = BTreeSet::new();
        for route in table() {
            assert!(seen.insert((route.path, route.method.name())), "{} {}", route.method.name(), route.path);
            assert!(!route.summary.is_empty(), "{}", route.path);
        }
        assert!(seen.len() > 80, "{}", seen.len());
    }
}
