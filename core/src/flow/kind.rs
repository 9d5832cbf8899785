//! The kinds of flows of a provider. The kind decides what an `outcome` means.

use fno_crds::{flow::Flow, job::Action, provider::Flows};

/// The flows a provider may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowKind {
    /// Opens a session.
    Login,
    /// Checks whether the session is still alive.
    SessionProbe,
    /// Looks a circuit up.
    Validation,
    /// Cancels a circuit.
    Cancellation,
    /// Ends the session.
    Logout,
}

impl FlowKind {
    /// All kinds, in the order in which they run.
    pub const ALL: [Self; 5] =
        [Self::Login, Self::SessionProbe, Self::Validation, Self::Cancellation, Self::Logout];

    /// Name of the field in `spec.flows`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SessionProbe => "sessionProbe",
            Self::Validation => "validation",
            Self::Cancellation => "cancellation",
            Self::Logout => "logout",
        }
    }

    /// The flow of this kind, if the provider has one.
    #[must_use]
    pub const fn of(self, flows: &Flows) -> Option<&Flow> {
        match self {
            Self::Login => Some(&flows.login),
            Self::SessionProbe => flows.session_probe.as_ref(),
            Self::Validation => Some(&flows.validation),
            Self::Cancellation => flows.cancellation.as_ref(),
            Self::Logout => flows.logout.as_ref(),
        }
    }

    /// Whether the flow runs for a job, not for the session.
    #[must_use]
    pub const fn is_for_job(self) -> bool {
        matches!(self, Self::Validation | Self::Cancellation)
    }
}

impl From<Action> for FlowKind {
    fn from(action: Action) -> Self {
        match action {
            Action::Validation => Self::Validation,
            Action::Cancellation => Self::Cancellation,
        }
    }
}
