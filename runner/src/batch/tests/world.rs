//! A portal and an outside that do what the test says, and write down what happened.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use fno_core::work::{JobWork, Work};
use fno_crds::{
    Action, Reason,
    batch::{JobResult, LoginState, Run},
};
use fno_store::{S3, Settings};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::super::{Credentials, Ended, Opened, Portal, Setup, Uploads, run};
use crate::{
    browser::{DriverError, DriverErrorKind},
    control::{Control, Orders, Refused, Reporter},
    engine::{Act, Entry, Failure, FailureKind, FlowEnd, FlowRun, NoCode, StepResult, Trace},
};

type Log = Arc<Mutex<Vec<String>>>;

pub struct World {
    pub work: Work,
    pub site: Site,
    pub desk: Desk,
    pub store: String,
    pub terminated: CancellationToken,
    log: Log,
    folder: TempDir,
}

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
    pub login_fails: Option<Reason>,
    looked_up: usize,
    logged_in: bool,
    crashed: bool,
    log: Log,
}

/// The outside.
pub struct Desk {
    pub codes: VecDeque<String>,
    pub refuse_leave: Option<(i32, Reason)>,
    pub leave_takes: f64,
    pub code_takes: f64,
    pub delivers: bool,
    reporter: Reporter,
    orders: watch::Sender<Orders>,
    given: Mutex<usize>,
    log: Log,
}

pub struct Done {
    pub ended: Ended,
    pub run: Run,
    pub log: Vec<String>,
    /// Seconds on the test's clock.
    pub took: f64,
    folder: TempDir,
}

pub fn failure(reason: Reason, step: &str) -> FlowEnd {
    FlowEnd::Failed(Failure { reason, kind: FailureKind::NotFound, step: step.to_owned(), message: format!("Step {step} failed."), act: Act::NotReached })
}

impl World {
    pub fn with_jobs(jobs: usize) -> Self {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        let flows = json!({"login": flow, "sessionProbe": flow, "validation": flow, "logout": flow});
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::default();
        let parsed = |value| serde_json::from_value(value);
        Self {
            work: Work {
                namespace: "isp".to_owned(),
                batch: "b-1".to_owned(),
                provider: "octotel".to_owned(),
                account: "bot".to_owned(),
                totp: true,
                base_url: "https://portal.example".to_owned(),
                allowed_origins: vec!["https://portal.example".to_owned()],
                flows: parsed(flows).expect("flows"),
                session: Default::default(),
                limits: Default::default(),
                browser: Default::default(),
                proxy: None,
                jobs: (0..jobs).map(job).collect(),
            },
            site: Site {
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
                login_fails: None,
                looked_up: 0,
                logged_in: false,
                crashed: false,
                log: Arc::clone(&log),
            },
            desk: Desk {
                codes: VecDeque::new(),
                refuse_leave: None,
                leave_takes: 0.0,
                code_takes: 0.0,
                delivers: true,
                reporter: Reporter::new(Run::default()),
                orders: watch::Sender::default(),
                given: Mutex::default(),
                log: Arc::clone(&log),
            },
            store: format!("file://{}/store", folder.path().display()),
            terminated: CancellationToken::new(),
            log,
            folder,
        }
    }

    /// Changes the orders so many seconds after the start.
    pub fn orders_at(&self, seconds: f64, change: impl FnOnce(&mut Orders) + Send + 'static) {
        let orders = self.desk.orders.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs_f64(seconds)).await;
            orders.send_modify(change);
        });
    }

    pub async fn run(self) -> Done {
        let Self { work, site, desk, store, terminated, log, folder } = self;
        let settings = Settings { url: store, s3: S3 { endpoint: None, region: None, credentials_dir: folder.path().to_owned() } };
        let uploads = Uploads::new(settings, folder.path().join("spool"), desk.reporter.clone());
        let credentials = Credentials { username: "the-user".into(), password: "the-password".into() };
        let began = Instant::now();
        let setup = Setup { work: &work, credentials: &credentials, job_deadline: Duration::from_secs(180), began, uploads, terminated };
        let ended = run(setup, site, &desk).await;
        let log = log.lock().expect("no panic").clone();
        assert!(!folder.path().join("spool").exists(), "the local copies are gone");
        Done { ended, run: desk.reporter.look().run, log, took: began.elapsed().as_secs_f64(), folder }
    }
}

fn job(n: usize) -> JobWork {
    JobWork {
        name: format!("job-{n:02}"),
        uid: format!("u-{n:02}"),
        action: Action::Validation,
        circuit_number: format!("C-{n}"),
        parameters: Default::default(),
        expect: Default::default(),
        attempt: 1,
    }
}

impl Done {
    pub fn count(&self, what: &str) -> usize {
        self.log.iter().filter(|line| line.as_str() == what).count()
    }

    pub fn lookups(&self) -> Vec<String> {
        self.log.iter().filter_map(|line| line.strip_prefix("lookup ").map(str::to_owned)).collect()
    }

    pub fn last(&self, n: usize) -> Vec<&str> {
        self.log[self.log.len().saturating_sub(n)..].iter().map(String::as_str).collect()
    }

    pub fn sorted_results(&self) -> Vec<&JobResult> {
        let mut results: Vec<_> = self.run.results.iter().collect();
        results.sort_by(|a, b| a.uid.cmp(&b.uid));
        results
    }

    /// Phase and reason of the results, in the order of the jobs.
    pub fn reasons(&self) -> Vec<(fno_crds::JobPhase, Reason)> {
        self.sorted_results().into_iter().map(|result| (result.phase, result.reason)).collect()
    }

    pub fn store_url(&self) -> String {
        format!("file://{}/store", self.folder.path().display())
    }

    pub fn stored(&self, uri: &str, name: &str) -> bool {
        uri.strip_prefix("file://").is_some_and(|path| std::path::Path::new(path).join(name).exists())
    }

    pub fn anything_stored_contains(&self, text: &str) -> bool {
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).contains(text) {
                    return true;
                }
            }
        }
        false
    }
}

impl Site {
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
        let rejected = |code: &str, message: &str| FlowEnd::Outcome { code: code.to_owned(), message: message.to_owned(), step: "refused".to_owned() };
        if run.secrets.password().expose_secret() != self.right_password {
            return rejected("LoginRejected", "The password is wrong.");
        }
        match run.secrets.code().await {
            Ok(code) if code.expose_secret() == self.right_code => {
                self.logged_in = true;
                FlowEnd::Finished
            }
            Ok(_) if self.locks => rejected("AccountLocked", "Your account has been locked."),
            Ok(_) => rejected("LoginRejected", "The code is wrong."),
            Err(NoCode { reason, message }) => {
                FlowEnd::Failed(Failure { reason, kind: FailureKind::Secret, step: "code".to_owned(), message, act: Act::NotReached })
            }
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
                false => FlowEnd::Outcome { code: "SessionLost".to_owned(), message: String::new(), step: "lost".to_owned() },
            };
        }
        if let Some((_, end)) = self.odd.iter().find(|(odd, _)| *odd == circuit) {
            return end.clone();
        }
        run.scope.fields.insert("circuit".to_owned(), json!(circuit));
        FlowEnd::Outcome { code: "Active".to_owned(), message: String::new(), step: "active".to_owned() }
    }
}

impl Portal for Site {
    async fn open(&mut self) -> Result<Opened, DriverError> {
        self.note("open");
        if self.no_browser > 0 {
            self.no_browser -= 1;
            return Err(DriverError { kind: DriverErrorKind::Timeout, message: "nobody listens".to_owned() });
        }
        (self.crashed, self.logged_in) = (false, false);
        Ok(Opened { session_id: "s-1".to_owned(), version: "Firefox 140.0".to_owned(), warning: None })
    }

    async fn run(&mut self, run: &mut FlowRun<'_>, trace: &mut Trace) -> FlowEnd {
        let end = match run.name {
            _ if self.crashed => failure(Reason::BrowserCrashed, "any"),
            "login" => self.login(run).await,
            "validation" => self.look_up(run).await,
            "sessionProbe" => {
                self.note("probe");
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
        let result = if matches!(end, FlowEnd::Failed(_)) { StepResult::Failed } else { StepResult::Done };
        trace.entries.push(entry(run.name, result));
        end
    }

    async fn picture(&mut self, trace: &mut Trace, step: &str) -> Result<String, DriverError> {
        Ok(trace.add_file(step, "image/png", b"png".to_vec()))
    }

    async fn clock_offset(&mut self) -> Option<f64> {
        Some(0.5)
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

impl Desk {
    /// What the outside sees of the login at hand.
    fn note(&self, what: &str, login: i32) {
        let seen = self.reporter.look().run.login.map_or_else(|| "nothing".to_owned(), |login| format!("{} {}", login.n, login.state));
        self.log.lock().expect("no panic").push(format!("{what} {login}: {seen}"));
    }
}

impl Control for Desk {
    fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    fn orders(&self) -> watch::Receiver<Orders> {
        self.orders.subscribe()
    }

    async fn leave(&self, login: i32) -> Result<(), Refused> {
        self.note("leave", login);
        sleep(Duration::from_secs_f64(self.leave_takes)).await;
        match self.refuse_leave {
            Some((refused, reason)) if refused == login => Err(Refused { reason, message: "No leave.".to_owned() }),
            _ => Ok(()),
        }
    }

    async fn code(&self, login: i32) -> Result<SecretString, NoCode> {
        self.note("code", login);
        sleep(Duration::from_secs_f64(self.code_takes)).await;
        let mut given = self.given.lock().expect("no panic");
        let code = self.codes.get(*given).cloned().unwrap_or_else(|| "123456".to_owned());
        *given += 1;
        Ok(code.into())
    }

    async fn counted(&self, login: i32) {
        self.note("counted", login);
        let state = self.reporter.look().run.login.map(|login| login.state);
        assert!(matches!(state, Some(LoginState::Rejected | LoginState::Failed)), "{state:?}");
    }

    async fn delivered(&self) -> bool {
        self.log.lock().expect("no panic").push("delivered".to_owned());
        self.delivers
    }
}
