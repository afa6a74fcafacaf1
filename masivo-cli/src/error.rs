//! What can go wrong at the terminal. The only file that knows exit codes.

use masivo_core::Rejection;
use masivo_core::problem::{Problem, Report};
use masivo_core::value::{Json, object};
use masivo_store::{StoreError, SubmitError};
use std::fmt;
use std::process::ExitCode;

/// The exit codes, as `--help` shows them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   refused by the rules, not found, or a check found something
  2   wrong usage or malformed input: mend it and try again
  3   the surroundings: no such file, file in use, disk, network, server not reachable
  70  a bug in masivo

Errors go to stderr and say what to do; with --json they are one JSON document there.";

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The rules refuse it, or it is not there.
    Refused,
    /// What was typed or sent is wrong.
    Usage,
    /// File system, network, server.
    Environment,
    /// Ours.
    Bug,
}

impl Fault {
    const fn exit_code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Bug => 70,
        }
    }
}

/// Why a command was not carried out, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    fault: Fault,
    code: String,
    message: String,
    hint: String,
    problems: Vec<Json>,
    /// It was said already; only the exit code counts.
    silent: bool,
}

impl Failure {
    fn new(fault: Fault, code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (code, message, hint) = (code.to_owned(), message.into(), hint.into());
        Self { fault, code, message, hint, problems: Vec::new(), silent: false }
    }

    /// The rules refuse it, or it is not there.
    pub(crate) fn refused(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Fault::Refused, code, message, hint)
    }

    /// What was typed is wrong.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Fault::Usage, "usage", message, hint)
    }

    /// File system, network, server.
    pub(crate) fn environment(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Fault::Environment, code, message, hint)
    }

    /// Something that cannot happen happened.
    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self::new(Fault::Bug, "bug", message, "report it, with what you did")
    }

    /// What was found was said on stdout already; only the exit code is left.
    pub(crate) fn findings() -> Self {
        Self { silent: true, ..Self::refused("findings", "", "") }
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("`{}`: {error}", path.display());
        Self::environment("file", message, "check the path and its permissions")
    }

    /// Malformed input, with all its problems.
    pub(crate) fn malformed(what: impl Into<String>, problems: Vec<Json>) -> Self {
        let hint = "mend every problem and try again";
        Self { problems, ..Self::new(Fault::Usage, "malformed", what, hint) }
    }

    /// The same failure with more to say about where it happened.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// An error as a server answers it.
    pub(crate) fn of_answer(status: u16, body: &Json) -> Self {
        let fault = match status {
            400 | 405 | 413 | 415 | 422 => Fault::Usage,
            401 | 403 | 408 | 429 | 502..=504 => Fault::Environment,
            500 => Fault::Bug,
            _ => Fault::Refused,
        };
        let message =
            body.text("error").map_or_else(|| format!("the server answered {status}"), ToOwned::to_owned);
        let hint = body.text("details").unwrap_or_default();
        let problems = body.get("problems").map_or(&[][..], Json::items).to_vec();
        Self { problems, ..Self::new(fault, body.text("code").unwrap_or("http"), message, hint) }
    }

    /// The stable code.
    #[cfg(test)]
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Whose fault it is.
    pub(crate) const fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether it was said already.
    pub(crate) const fn is_silent(&self) -> bool {
        self.silent
    }

    /// What the program ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.fault.exit_code())
    }

    /// The failure as a document: `code`, `error`, `hint`, `problems[]`.
    pub(crate) fn to_json(&self) -> Json {
        object()
            .with("code", self.code.as_str())
            .with("error", self.message.as_str())
            .with_some("hint", (!self.hint.is_empty()).then_some(self.hint.as_str()))
            .with("problems", self.problems.clone())
            .with("exit_code", u32::from(self.fault.exit_code()))
            .build()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        for problem in &self.problems {
            let place = problem.text("pointer").filter(|pointer| !pointer.is_empty()).unwrap_or("input");
            write!(f, "\n  {place}: {}", problem.text("message").unwrap_or_default())?;
            if let Some(hint) = problem.text("hint") {
                write!(f, " ({hint})")?;
            }
        }
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n  what to do: {}", self.hint) }
    }
}

impl From<&Report> for Failure {
    fn from(report: &Report) -> Self {
        Self::malformed("the input is malformed", report.problems.iter().map(Problem::to_json).collect())
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        match &rejection {
            Rejection::Malformed(report) => report.into(),
            _ => Self::refused(rejection.code(), rejection.to_string(), rejection.hint()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        // Some of the store's messages say what to do after a colon already.
        match error {
            StoreError::Locked { .. } => Self::environment(
                "locked",
                text,
                "wait until the other program is done, or go through its server",
            ),
            StoreError::Newer { .. } => Self::environment("newer", text, ""),
            StoreError::OtherMode { .. } => {
                Self::new(Fault::Usage, "other_mode", text, "leave --test out: the file says what it is")
            }
            StoreError::Damaged { .. } => {
                Self::environment("damaged", text, "restore a backup, and keep the file for a look")
            }
            StoreError::Sqlite(_) | StoreError::File(_) | StoreError::Injected => {
                Self::environment("store", text, "check the path, its permissions and the space on the disk")
            }
        }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        let text = error.to_string();
        match error {
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::Store(error) => error.into(),
            SubmitError::Overloaded => Self::environment("overloaded", text, "try again a little later"),
            SubmitError::NotCommitted { .. } | SubmitError::Unknown { .. } => Self::environment(
                "not_written",
                text,
                "check the disk and try again: with the same id or key nothing happens twice",
            ),
            SubmitError::ClockJumped { .. } => {
                Self::environment("clock_jumped", text, "check the system's clock and try again")
            }
            SubmitError::Closing => Self::environment("closing", text, "try again"),
            SubmitError::Bug { .. } => Self::bug(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_is_wrong_and_what_to_do() {
        let failure: Failure = Rejection::CustomerNotFound { id: "ana".into() }.into();
        assert_eq!(
            failure.to_string(),
            "error: there is no customer `ana`\n  what to do: register the customer first"
        );
        assert_eq!(failure.to_json().integer("exit_code"), Some(1));
    }

    #[test]
    fn answers_of_a_server_keep_their_meaning() {
        let body = Json::parse(br#"{"error":"wrong","code":"malformed","details":"mend it","problems":[{"pointer":"/a","message":"bad"}]}"#).unwrap();
        let failure = Failure::of_answer(400, &body);
        assert_eq!((failure.fault(), failure.code()), (Fault::Usage, "malformed"));
        assert_eq!(failure.to_string(), "error: wrong\n  /a: bad\n  what to do: mend it");
        for (status, fault) in [
            (404, Fault::Refused),
            (409, Fault::Refused),
            (401, Fault::Environment),
            (500, Fault::Bug),
            (503, Fault::Environment),
        ] {
            assert_eq!(Failure::of_answer(status, &Json::Null).fault(), fault, "{status}");
        }
    }
}
