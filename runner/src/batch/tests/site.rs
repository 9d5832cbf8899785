//! A portal that does what the test says, and writes down what happened.

use std::time::Duration;

use fno_crds::Reason;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::time::sleep;

use super::{
    super::{Opened, Portal},
    world::Log,
};
use crate::{
    browser::{DriverError, DriverErrorKind},
    engine::{
        Act, Drift, Entry, Failure, FailureKind, FlowEnd, FlowRun, NoCode, StepResult, Trace,
    },
};

/// The portal.
pub struct Site {
    pub right_password: String,
    pub right_code: String,
    pub locks: bool,
    /// Seconds.
    pub login_takes: f64,
    pub lookup_takes: f64,
    /// The session ends before these look-ups (counted from 0 over the whole run).
    pub expires_before: Vec<usize>,
    /// The browser crashes at these.
    pub crashes_at: Vec<usize>,
    /// The portal is away from this one on.
    pub down_from: Option<usize>,
    /// A lost session is seen as a failed step, and only the probe knows better.
    pub silent_expiry: bool,
    /// How the flow ends on a circuit, instead of with an answer.
    pub odd: Vec<(String, FlowEnd)>,
    /// The driver refuses to open so many times.
    pub no_browser: usize,
    /// The driver opens no session after a crash.
    pub stays_away: bool,
    pub login_fails: Option<Reason>,
    /// Every session probe fails for this reason.
    pub probe_fails: Option<Reason>,
    /// Steps of the login flow that need the second selector alternative.
    pub login_drifts: Vec<String>,
    /// The portal's clock minus ours, as its pages tell.
    pub clock: Option<i64>,
    pub asks_for_code: bool,
    looked_up: usize,
    logged_in: bool,
    crashed: bool,
    log: Log,
}

pub fn failure(reason: Reason, step: &str) -> FlowEnd {
    FlowEnd::Failed(Failure {
        reason,
        kind: FailureKind::NotFound,
        step: step.to_owned(),
        message: format!("Step {step} failed."),
        act: Act::NotReached,
    })
}

impl Site {
    pub fn new(log: Log) -> Self {
        Self {
            right_password: "the-password".to_owned(),
            right_code: "123456".to_owned(),
            locks: false,
            login_takes: 2.0,
            lookup_takes: 1.0,
            expires_before: Vec::new(),
            crashes_at: Vec::new(),
            down_from: None,
            silent_expiry: false,
            odd: Vec::new(),
            no_browser: 0,
            stays_away: false,
            login_fails: None,
            probe_fails: None,
            login_drifts: Vec::new(),
            clock: Some(500),
            asks_for_code: true,
            looked_up: 0,
            logged_in: false,
            crashed: false,
            log,
        }
    }

    fn note(&self, what: impl Into<String>) {
        self.log.lock().expect("no panic").push(what.into());
    }

    async fn login(&mut self, run: &FlowRun<'_>) -> FlowEnd {
        self.note("login");
        sleep(Duration::from_secs_f64(self.login_takes)).await;
        if let Some(reason) = self.login_fails.take() {
            self.crashed |= reason == Reason::BrowserCrashed;
            return failure(reason, "user");
        }
        let rejected = |code: &str, message: &str| FlowEnd::Outcome {
            code: code.to_owned(),
            message: message.to_owned(),
            step: "refused".to_owned(),
        };
        if run.secrets.password().expose_secret() != self.right_password {
            return rejected("LoginRejected", "The password is wrong.");
        }
        if !self.asks_for_code {
            self.logged_in = true;
            return FlowEnd::Finished;
        }
        match run.secrets.code(self.clock).await {
            Ok(code) if code.expose_secret() == self.right_code => {
                self.logged_in = true;
                FlowEnd::Finished
            }
            Ok(_) if self.locks => rejected("AccountLocked", "Your account has been locked."),
            Ok(_) => rejected("LoginRejected", "The code is wrong."),
            Err(NoCode { reason, message }) => FlowEnd::Failed(Failure {
                reason,
                kind: FailureKind::Secret,
                step: "code".to_owned(),
                message,
                act: Act::NotReached,
            }),
        }
    }

    async fn look_up(&mut self, run: &mut FlowRun<'_>) -> FlowEnd {
        let circuit = run.scope.params["circuitNumber"].clone();
        let number = self.looked_up;
        self.looked_up += 1;
        self.note(format!("lookup {circuit}"));
        sleep(Duration::from_secs_f64(self.lookup_takes)).await;
        if self.expires_before.contains(&number) {
            self.logged_in = false;
        }
        if self.crashes_at.contains(&number) {
            self.crashed = true;
            return failure(Reason::BrowserCrashed, "search");
        }
        if self.down_from.is_some_and(|from| number >= from) {
            return failure(Reason::PortalUnavailable, "search");
        }
        if !self.logged_in {
            return match self.silent_expiry {
                true => failure(Reason::StepFailed, "search"),
                false => FlowEnd::Outcome {
                    code: "SessionLost".to_owned(),
                    message: String::new(),
                    step: "lost".to_owned(),
                },
            };
        }
        if let Some((_, end)) = self.odd.iter().find(|(odd, _)| *odd == circuit) {
            return end.clone();
        }
        run.scope.fields.insert("circuit".to_owned(), json!(circuit));
        FlowEnd::Outcome {
            code: "Active".to_owned(),
            message: String::new(),
            step: "active".to_owned(),
        }
    }
}

impl Portal for Site {
    async fn open(&mut self) -> Result<Opened, DriverError> {
        self.note("open");
        if self.no_browser > 0 || (self.crashed && self.stays_away) {
            self.no_browser = self.no_browser.saturating_sub(1);
            return Err(DriverError {
                kind: DriverErrorKind::Timeout,
                message: "nobody listens".to_owned(),
            });
        }
        (self.crashed, self.logged_in) = (false, false);
        Ok(Opened {
            session_id: "s-1".to_owned(),
            version: "Firefox 140.0".to_owned(),
            warning: None,
        })
    }

    async fn run(&mut self, run: &mut FlowRun<'_>, trace: &mut Trace) -> FlowEnd {
        let end = match run.name {
            _ if self.crashed => failure(Reason::BrowserCrashed, "any"),
            "login" => self.login(run).await,
            "validation" => self.look_up(run).await,
            "sessionProbe" => {
                self.note("probe");
                if let Some(reason) = self.probe_fails {
                    self.crashed |= reason == Reason::BrowserCrashed;
                    return failure(reason, "probe");
                }
                match (self.down_from.is_some_and(|from| self.looked_up > from), self.logged_in) {
                    (true, _) => failure(Reason::PortalUnavailable, "probe"),
                    (false, true) => FlowEnd::Finished,
                    (false, false) => failure(Reason::StepFailed, "probe"),
                }
            }
            "logout" => {
                self.note("logout");
                self.logged_in = false;
                FlowEnd::Finished
            }
            other => panic!("there is no flow {other}"),
        };
        let result =
            if matches!(end, FlowEnd::Failed(_)) { StepResult::Failed } else { StepResult::Done };
        if run.name == "login" {
            for step in &self.login_drifts {
                let drift =
                    Drift { alternative: 1, wanted: "#old".to_owned(), found: "#new".to_owned() };
                let drifted = Entry {
                    step: step.clone(),
                    drift: Some(drift),
                    ..entry("login", StepResult::Done)
                };
                trace.entries.push(drifted);
            }
        }
        trace.entries.push(entry(run.name, result));
        end
    }

    async fn picture(&mut self, trace: &mut Trace, step: &str) -> Result<String, DriverError> {
        Ok(trace.add_file(step, "image/png", b"png".to_vec()))
    }

    async fn clock_offset(&mut self) -> Option<i64> {
        self.clock
    }

    async fn quit(&mut self) {
        self.note("quit");
    }
}

fn entry(flow: &str, result: StepResult) -> Entry {
    Entry {
        flow: flow.to_owned(),
        step: "step".to_owned(),
        type_: fno_crds::StepType::Navigate,
        label: None,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        millis: 1,
        result,
        url: None,
        drift: None,
        message: None,
        files: Vec::new(),
    }
}
