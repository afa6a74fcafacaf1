//! The one place that knows status codes: every failure becomes the same JSON envelope.
//!
//! `{ "error", "details", "code", "problems"[], "request_id" }`: what is wrong in a short sentence, what to do
//! about it, a stable code, every problem with its place, and the number under which the log knows the request.

use super::auth::Principal;
use super::log;
use super::respond::json_response;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use masivo_core::Rejection;
use masivo_core::problem::{Problem, Report};
use masivo_core::value::{Json, object};
use masivo_store::{StoreError, SubmitError};

/// Why a request was not answered as it wished.
#[derive(Debug)]
pub(crate) struct Failure(Box<Envelope>);

#[derive(Debug)]
struct Envelope {
    status: StatusCode,
    code: &'static str,
    error: String,
    details: String,
    problems: Vec<Problem>,
    retry_after: Option<u32>,
    /// What a customer has to fulfil first, in the merchant's words.
    requirement: Option<String>,
    /// For the log only: what failed inside.
    cause: Option<String>,
}

impl Failure {
    /// A failure with a status, a stable code, what is wrong and what to do.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        error: impl Into<String>,
        details: impl Into<String>,
    ) -> Self {
        Self(Box::new(Envelope {
            status,
            code,
            error: error.into(),
            details: details.into(),
            problems: Vec::new(),
            retry_after: None,
            requirement: None,
            cause: None,
        }))
    }

    fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub(crate) fn retry(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The failure with what a customer has to fulfil first.
    pub(crate) fn requiring(mut self, requirement: String) -> Self {
        self.0.requirement = Some(requirement);
        self
    }

    /// 400 with one problem.
    pub(crate) fn problem(pointer: &str, code: &'static str, message: String, hint: &str) -> Self {
        let problem = Problem { pointer: pointer.into(), code, message, hint: hint.into() };
        Report { problems: vec![problem], warnings: Vec::new() }.into()
    }

    /// 401: who is asking is not known.
    pub(crate) fn unauthorized(error: &str, details: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", error, details)
    }

    /// 403: a CLIENT key asked for more than it may.
    pub(crate) fn not_for_client() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not_for_client_keys",
            "CLIENT keys only send events",
            "use a SERVER key, and keep it off devices",
        )
    }

    /// 404: there is no such path.
    pub(crate) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "path_not_found",
            "there is nothing at this path",
            "see /docs for what there is",
        )
    }

    /// 405: the path knows other methods.
    pub(crate) fn method_not_allowed(method: &Method) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("this path does not know {method}"),
            "the Allow header names the methods it knows",
        )
    }

    /// 408: the body did not come in time.
    pub(crate) fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the body did not come in time",
            "send it again, with the same Idempotency-Key",
        )
    }

    /// 413: the body is too large.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("the body is larger than {limit} bytes"),
            "send less at once",
        )
    }

    /// 415: the body is not JSON by its headers.
    pub(crate) fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "bodies are JSON in UTF-8, not compressed",
            "send the header content-type: application/json",
        )
    }

    /// 501: the product has it and we do not yet.
    pub(crate) fn not_supported_yet(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "not_supported_yet",
            format!("{what} is not there yet"),
            "nothing was done; see the change log for what comes next",
        )
    }

    /// 500: a bug in the server.
    pub(crate) fn panicked() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "bug",
            "the server failed while answering",
            "this is a fault of ours: report it with the request_id",
        )
        .because("panicked")
    }

    /// 503: not ready.
    pub(crate) fn not_ready(cause: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            "the engine does not answer",
            "try again in a moment",
        )
        .retry(1)
        .because(cause)
    }

    /// The failure as the asker sees it: a type that a CLIENT key may not send is forbidden to it.
    pub(crate) fn for_principal(mut self, principal: Principal) -> Self {
        if principal != Principal::Server && self.0.code == "reserved_event_type" {
            self.0.status = StatusCode::FORBIDDEN;
        }
        self
    }

    /// The failure as a row of an answer to many.
    pub(crate) fn into_row(self) -> Json {
        let Envelope { status, code, error, details, problems, cause, .. } = *self.0;
        if let Some(cause) = &cause {
            log::failure(code, cause);
        }
        let problems: Vec<Json> = problems.iter().map(Problem::to_json).collect();
        object()
            .with("status", u32::from(status.as_u16()))
            .with("error", error)
            .with("details", details)
            .with("code", code)
            .with_some("problems", (!problems.is_empty()).then_some(problems))
            .build()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Envelope { status, code, error, details, problems, retry_after, requirement, cause } = *self.0;
        if let Some(cause) = &cause {
            log::failure(code, cause);
        }
        let problems: Vec<Json> = problems.iter().map(Problem::to_json).collect();
        let body = object()
            .with("error", error)
            .with("details", details)
            .with("code", code)
            .with("problems", problems)
            .with_some("requirement", requirement)
            .with("request_id", log::request_id())
            .build();
        let mut response = json_response(status, &body);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        let all = "every entry of problems[] names a place and what to do";
        let (error, details) = match report.problems.as_slice() {
            [only] if only.hint.is_empty() => (only.message.clone(), all.to_owned()),
            [only] => (only.message.clone(), only.hint.clone()),
            many => (format!("the request has {} problems", many.len()), all.to_owned()),
        };
        let mut failure = Self::new(StatusCode::BAD_REQUEST, "malformed", error, details);
        failure.0.problems = report.problems;
        failure
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let status = status_of(&rejection);
        let (code, hint) = (rejection.code(), rejection.hint());
        match rejection {
            Rejection::Malformed(report) => report.into(),
            other => {
                let mut failure = Self::new(status, code, other.to_string(), hint);
                if status == StatusCode::BAD_REQUEST {
                    // Only `issued_at` is judged against the clock; its place is known.
                    let (pointer, message, hint) = ("/issued_at".into(), other.to_string(), hint.into());
                    failure.0.problems = vec![Problem { pointer, code, message, hint }];
                }
                failure
            }
        }
    }
}

/// The status of a refusal. No `_` here: whoever adds a refusal chooses its status.
const fn status_of(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::Malformed(_) | Rejection::IssuedInFuture { .. } | Rejection::IssuedTooLongAgo { .. } => {
            StatusCode::BAD_REQUEST
        }
        Rejection::CustomerNotFound { .. }
        | Rejection::LotNotFound { .. }
        | Rejection::EventNotFound { .. }
        | Rejection::UnknownCoupon
        | Rejection::UnknownGiftCard
        | Rejection::DefinitionNotFound { .. } => StatusCode::NOT_FOUND,
        Rejection::AnswerErased | Rejection::CustomerDeleted => StatusCode::GONE,
        Rejection::UnknownBrand { .. }
        | Rejection::UnknownEventType { .. }
        | Rejection::ReservedEventType { .. }
        | Rejection::UnknownReward { .. }
        | Rejection::NotReturnable
        | Rejection::GiftCardRefused { .. }
        | Rejection::NotTransferable
        | Rejection::NotMigrated
        | Rejection::ReturnExceeds { .. }
        | Rejection::OutOfRange => StatusCode::UNPROCESSABLE_ENTITY,
        Rejection::KeyReused
        | Rejection::CustomerExists { .. }
        | Rejection::CustomerAmbiguous { .. }
        | Rejection::EmailTaken
        | Rejection::NotAnonymous
        | Rejection::AlreadyMigrated
        | Rejection::CustomerInactive
        | Rejection::EventClosed { .. }
        | Rejection::GiftCardClosed { .. }
        | Rejection::TooManyReturns { .. }
        | Rejection::TooManyPending { .. }
        | Rejection::PointsSpent { .. }
        | Rejection::PlanOutdated
        | Rejection::InsufficientBalance { .. }
        | Rejection::CampaignNotRunning { .. }
        | Rejection::CampaignFixed { .. }
        | Rejection::AudienceDynamic
        | Rejection::CustomerAnonymous
        | Rejection::LastServerKey => StatusCode::CONFLICT,
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        let unavailable = |code, error: &str, details: &str| {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, code, error, details)
        };
        let again = "send the same again with the same Idempotency-Key: it will not act twice";
        match error {
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::Overloaded => {
                unavailable("overloaded", "too much is queued; nothing was done", "send it again in a moment")
                    .retry(1)
            }
            SubmitError::NotCommitted { reason } => {
                unavailable("not_committed", "the store could not write; nothing was done", again)
                    .retry(1)
                    .because(reason)
            }
            SubmitError::Unknown { reason } => {
                unavailable("outcome_unknown", "it is not known whether it was written", again)
                    .retry(1)
                    .because(reason)
            }
            SubmitError::ClockJumped { seconds } => unavailable(
                "clock_jumped",
                "the clock jumped; writing waits until the time is confirmed",
                "mend the clock, or confirm the time with POST /clock/confirm",
            )
            .retry(60)
            .because(format!("{seconds} s")),
            SubmitError::Closing => {
                unavailable("closing", "the server is closing; nothing was done", again).retry(5)
            }
            SubmitError::Bug { incident } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "bug",
                format!("the request failed inside the engine (incident {incident}) and changed nothing"),
                "this is a fault of ours: report it with the incident and the request_id",
            )
            .because(format!("incident {incident}")),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let cause = error.to_string();
        match error {
            StoreError::Damaged { .. } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "store_damaged",
                "the store could not be read",
                "run `masivo verify` and restore a backup if it fails",
            )
            .because(cause),
            _ => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "the store could not be read",
                "try again in a moment",
            )
            .retry(1)
            .because(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_could_not_do_has_its_status_and_says_when_to_try_again() {
        let reason = || "disk full".to_owned();
        for (error, status, code, retry) in [
            (SubmitError::Overloaded, 503, "overloaded", Some("1")),
            (SubmitError::NotCommitted { reason: reason() }, 503, "not_committed", Some("1")),
            (SubmitError::Unknown { reason: reason() }, 503, "outcome_unknown", Some("1")),
            (SubmitError::ClockJumped { seconds: 7_200 }, 503, "clock_jumped", Some("60")),
            (SubmitError::Closing, 503, "closing", Some("5")),
            (SubmitError::Bug { incident: 7 }, 500, "bug", None),
            (StoreError::Injected.into(), 503, "store_unavailable", Some("1")),
            (StoreError::Damaged { what: reason() }.into(), 500, "store_damaged", None),
            (Rejection::CustomerDeleted.into(), 410, "customer_deleted", None),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.0.code, code);
            assert!(!failure.0.error.contains("disk full") && !failure.0.details.is_empty());
            let again = matches!(code, "not_committed" | "outcome_unknown");
            assert!(!again || failure.0.details.contains("same Idempotency-Key"), "{code}");
            let response = failure.into_response();
            assert_eq!(response.status(), status, "{code}");
            let header = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(header, retry, "{code}");
        }
    }
}
