//! One batch in one browser session: log in, one job after the other, log out. What goes wrong is judged in [`verdict`], what follows
//! is decided in [`recovery`], what ends it from outside is in [`halt`].

mod close;
pub mod halt;
mod job;
mod login;
mod portal;
mod probe;
mod record;
pub mod recovery;
mod run_login;
mod secrets;
mod session_flow;
mod uploads;
pub mod verdict;

use std::time::Duration;

use fno_core::{
    flow::{kind::FlowKind, streak::Streak},
    text::{at_most, sentence},
    work::{JobWork, Work},
};
use fno_crds::Reason;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::{
    halt::{Halt, Halts},
    record::Common,
    verdict::MESSAGE,
};
pub use self::{
    portal::{Firefox, Opened, Portal},
    secrets::Credentials,
    uploads::Uploads,
};
use crate::{
    control::{Control, Urgency},
    engine::{Rules, Trace},
};

/// What a batch works from.
pub struct Setup<'a> {
    /// Flows and jobs.
    pub work: &'a Work,
    /// Who logs in.
    pub credentials: &'a Credentials,
    /// How long the flow of one job may take.
    pub job_deadline: Duration,
    /// When the runner began.
    pub began: Instant,
    /// Where evidence goes.
    pub uploads: Uploads,
    /// Cancelled when the process is told to end.
    pub terminated: CancellationToken,
}

/// How a batch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why: `Completed`, `Drained`, ….
    pub reason: Reason,
    /// Human-readable explanation of `reason`.
    pub message: Option<String>,
    /// Everything, the end included, was reported and taken.
    pub reported: bool,
}

/// Works through a batch and reports its end.
pub async fn run<P: Portal, C: Control>(setup: Setup<'_>, portal: P, control: &C) -> Ended {
    let Setup { work, credentials, job_deadline, began, uploads, terminated } = setup;
    let mut batch = Batch {
        work,
        credentials,
        control,
        portal,
        uploads,
        halts: Halts::new(control.orders(), terminated),
        rules: Rules {
            base_url: work.base_url.clone(),
            allowed_origins: work.allowed_origins.clone(),
            allow_scripts: work.browser.allow_scripts,
        },
        common: Common {
            namespace: work.namespace.clone(),
            provider: work.provider.clone(),
            batch: work.batch.clone(),
            flows_digest: fno_core::flow::digest::flows_digest(&work.flows),
            browser: String::new(),
        },
        job_deadline,
        began,
        began_at: Timestamp::now(),
        waited: Duration::ZERO,
        session: Session::Unopened,
        asked: 0,
        logins: 0,
        reopened: false,
        worked: false,
        streak: Streak::new(work.limits.flow_failures_to_open),
        trace: Trace::default(),
    };
    let end = match batch.work_through().await {
        Ok(()) => End { message: None, ..End::new(Reason::Completed, "") },
        Err(end) => end,
    };
    batch.close(end).await
}

/// Why no further job is started.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    reason: Reason,
    message: Option<String>,
    step: Option<String>,
    shown: Shown,
    /// Whether anybody reads what we report.
    heard: bool,
}

/// Where a picture of the reason lies.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Nowhere,
    /// In the evidence of the session.
    Session,
    /// In that of the job with this UID.
    Job(String),
}

impl End {
    fn new(reason: Reason, message: &str) -> Self {
        Self {
            reason,
            message: Some(at_most(message, MESSAGE)),
            step: None,
            shown: Shown::Nowhere,
            heard: true,
        }
    }
}

impl From<Halt> for End {
    fn from(halt: Halt) -> Self {
        Self { heard: halt.heard, ..Self::new(halt.reason, &halt.message) }
    }
}

/// What is known of browser and portal session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    /// No browser yet.
    Unopened,
    /// The browser is gone or does not answer.
    Crashed,
    /// A browser, but not logged in.
    LoggedOut,
    /// Logged in.
    LoggedIn { since: Instant, used: Instant },
}

struct Batch<'a, P, C> {
    work: &'a Work,
    credentials: &'a Credentials,
    control: &'a C,
    portal: P,
    uploads: Uploads,
    halts: Halts,
    rules: Rules,
    common: Common,
    job_deadline: Duration,
    began: Instant,
    began_at: Timestamp,
    /// Time spent waiting for permission and code.
    waited: Duration,
    session: Session,
    /// Logins asked for.
    asked: i32,
    /// Logins that succeeded.
    logins: i32,
    /// The one new browser session of the batch is used up.
    reopened: bool,
    /// The flow of a job was started.
    worked: bool,
    streak: Streak,
    /// Logins, probes between jobs, logout.
    trace: Trace,
}

impl<P: Portal, C: Control> Batch<'_, P, C> {
    async fn work_through(&mut self) -> Result<(), End> {
        let work = self.work;
        for job in &work.jobs {
            if let Some(halt) = self.halts.now() {
                return Err(halt.into());
            }
            self.job(job).await?;
        }
        Ok(())
    }

    /// A browser, and logged in. `job` is the next one.
    async fn ensure_session(&mut self, job: &JobWork) -> Result<(), End> {
        loop {
            match self.session {
                Session::LoggedIn { .. } => return Ok(()),
                Session::LoggedOut => self.login(job).await?,
                Session::Unopened => self.open().await?,
                Session::Crashed if self.reopened => {
                    return Err(self
                        .lost(Reason::BrowserCrashed, "The browser crashed for the second time."));
                }
                Session::Crashed => {
                    self.reopened = true;
                    self.open().await?;
                }
            }
        }
    }

    async fn open(&mut self) -> Result<(), End> {
        let opened = tokio::select! {
            opened = self.portal.open() => opened,
            halt = self.halts.any() => return Err(halt.into()),
        };
        let opened = opened.map_err(|error| {
            let message = sentence(&format!("The browser did not start: {error}"));
            End::new(Reason::BrowserCrashed, &message)
        })?;
        tracing::info!(
            session = opened.session_id,
            browser = opened.version,
            "browser session opened"
        );
        if let Some(warning) = &opened.warning {
            tracing::warn!("{warning}");
        }
        self.common.browser.clone_from(&opened.version);
        self.control.reporter().report(Urgency::Now, |run| {
            run.session_id = Some(at_most(&opened.session_id, 100));
            run.browser = Some(at_most(&opened.version, 100));
        });
        self.session = Session::LoggedOut;
        Ok(())
    }

    /// The end of a batch whose session or browser is lost for good. If no job has started, the flow that should have proven the session
    /// is named: it may be the cause, and not the jobs.
    fn lost(&self, reason: Reason, message: &str) -> End {
        let step =
            (self.logins > 0 && !self.worked).then(|| FlowKind::SessionProbe.as_str().to_owned());
        End { step, shown: Shown::Session, ..End::new(reason, message) }
    }

    const fn may_log_in(&self) -> bool {
        self.asked < self.work.session.max_logins
    }
}

#[cfg(test)]
mod tests;
