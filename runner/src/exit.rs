//! What the exit code means. It is a contract: scripts and the Pod's status show it.

use fno_crds::Reason;

use crate::batch::Ended;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// `run`: the batch was completed or drained, and that was reported. `local`: every job got its answer. `lint`: no errors.
    Done = 0,
    /// Something unexpected; the last line says what.
    Broken = 1,
    /// What was given cannot be used: command line, files, flows with errors. Nothing was started.
    Unusable = 2,
    /// The end could not be reported: the batch has ended without us, or the API server does not answer. Nothing more is done.
    Unheard = 3,
    /// The batch ended early, and that was reported; `local`: a job got no answer.
    Early = 4,
}

impl Exit {
    /// How a batch in the cluster ends.
    #[must_use]
    pub const fn of(ended: &Ended) -> Self {
        match (ended.reported, ended.reason) {
            (false, _) => Self::Unheard,
            (true, Reason::Completed | Reason::Drained) => Self::Done,
            (true, _) => Self::Early,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_in_order_is_zero_and_an_unreported_one_is_its_own() {
        for (reason, reported, code) in [
            (Reason::Completed, true, 0),
            (Reason::Drained, true, 0),
            (Reason::PortalChanged, true, 4),
            (Reason::LoginRejected, true, 4),
            (Reason::Completed, false, 3),
            (Reason::Aborted, false, 3),
        ] {
            assert_eq!(
                Exit::of(&Ended { reason, message: None, reported }) as u8,
                code,
                "{reason} {reported}"
            );
        }
    }
}
