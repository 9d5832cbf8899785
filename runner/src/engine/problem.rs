//! The problem of a step, before its sentence gets the step's name and page.

use fno_core::flow::{
    condition::ConditionError, row::RowError, selector::SelectorError, template::TemplateError,
    text::TextError,
};
use fno_crds::Reason;

use super::failure::FailureKind;
use crate::browser::{DriverError, DriverErrorKind};

/// A problem that stops a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: FailureKind,
    pub(super) reason: Reason,
    pub(super) message: String,
}

pub(super) type Done<T = ()> = Result<T, Problem>;

impl Problem {
    pub(super) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, reason: kind.reason(), message: message.into() }
    }

    pub(super) fn because(reason: Reason, kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, reason, message: message.into() }
    }

    /// A field is missing that linter and API server require.
    pub(super) fn lacks(field: &str) -> Self {
        Self::new(FailureKind::Flow, format!("the step needs {field}"))
    }
}

impl From<DriverError> for Problem {
    fn from(error: DriverError) -> Self {
        let kind = match error.kind {
            DriverErrorKind::Timeout => FailureKind::TimedOut,
            DriverErrorKind::DialogOpen => FailureKind::Dialog,
            DriverErrorKind::ErrorPage => FailureKind::ErrorPage,
            // A driver that leaves one command unanswered does not answer later ones either.
            DriverErrorKind::Crashed | DriverErrorKind::Unknown => FailureKind::Crashed,
            DriverErrorKind::Stale => FailureKind::NotActionable,
            DriverErrorKind::NotFound | DriverErrorKind::Other => FailureKind::Driver,
        };
        Self::new(kind, error.message)
    }
}

macro_rules! wrong_flow {
    ($($error:ty),+) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self::new(FailureKind::Flow, error.to_string())
            }
        })+
    };
}
wrong_flow!(TemplateError, SelectorError, ConditionError);

impl From<TextError> for Problem {
    fn from(error: TextError) -> Self {
        let kind = if matches!(error, TextError::Date(_)) {
            FailureKind::Value
        } else {
            FailureKind::Flow
        };
        Self::new(kind, error.to_string())
    }
}

impl From<RowError> for Problem {
    fn from(error: RowError) -> Self {
        let kind = match &error {
            RowError::Ambiguous(_) => FailureKind::Ambiguous,
            RowError::Match(_) => FailureKind::Flow,
            _ => FailureKind::Value,
        };
        Self::because(error.reason(), kind, error.to_string())
    }
}
