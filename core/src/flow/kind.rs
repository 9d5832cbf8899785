//! Which flow of a provider it is: it decides what an `outcome` means there.

use fno_crds::{flow::Flow, job::Action, provider::Flows};

/// The flows a provider may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowKind {
    /// Opens a session.
    Login,
    /// Tells whether the session still lives.
    SessionProbe,
    /// Looks a circuit up.
    Validation,
    /// Cancels a circuit.
    Cancellation,
    /// Ends the session.
    Logout,
}

impl FlowKind {
    /// All, in the order they run.
    pub const ALL: [Self; 5] =
        [Self::Login, Self::SessionProbe, Self::Validation, Self::Cancellation, Self::Logout];

    /// The field of `spec.flows`.
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

    /// The flow itself, if the provider has it.
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

    /// Whether it runs for a job (and not for the session).
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
