//! The batch under test between its portal and its outside, and what came of it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fno_core::work::{JobWork, Work};
use fno_crds::{
    Action, Reason,
    batch::{JobResult, Run},
};
use fno_store::{S3, Settings};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Credentials, Ended, Setup, Uploads, run},
    desk::Desk,
    site::Site,
};
use crate::control::Orders;

/// What happened, a line each.
pub type Log = Arc<Mutex<Vec<String>>>;

pub struct World {
    pub work: Work,
    pub site: Site,
    pub desk: Desk,
    pub store: String,
    pub terminated: CancellationToken,
    log: Log,
    folder: TempDir,
}

pub struct Done {
    pub ended: Ended,
    pub run: Run,
    pub log: Vec<String>,
    /// Seconds on the test's clock.
    pub took: f64,
    folder: TempDir,
    /// The portal's clock as it was reported when a code was asked for.
    pub clocks: Vec<Option<i64>>,
}

impl World {
    pub fn with_jobs(jobs: usize) -> Self {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        let flows =
            json!({"login": flow, "sessionProbe": flow, "validation": flow, "logout": flow});
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
            site: Site::new(Arc::clone(&log)),
            desk: Desk::new(Arc::clone(&log)),
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
        let settings = Settings {
            url: store,
            s3: S3 { endpoint: None, region: None, credentials_dir: folder.path().to_owned() },
        };
        let spool = folder.path().join("spool");
        let uploads = Uploads::new(settings, "b-1-a1".to_owned(), spool, desk.reporter.clone());
        let credentials =
            Credentials { username: "the-user".into(), password: "the-password".into() };
        let began = Instant::now();
        let setup = Setup {
            work: &work,
            credentials: &credentials,
            job_deadline: Duration::from_secs(180),
            began,
            uploads,
            terminated,
        };
        let ended = run(setup, site, &desk).await;
        let log = log.lock().expect("no panic").clone();
        assert!(!folder.path().join("spool").exists(), "the local copies are gone");
        Done {
            ended,
            run: desk.reporter.look().run,
            log,
            took: began.elapsed().as_secs_f64(),
            clocks: desk.clocks.into_inner().expect("no panic"),
            folder,
        }
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
        deadline: None,
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
        uri.strip_prefix("file://")
            .is_some_and(|path| std::path::Path::new(path).join(name).exists())
    }

    pub fn anything_stored_contains(&self, text: &str) -> bool {
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if String::from_utf8_lossy(&std::fs::read(&path).expect("a file"))
                    .contains(text)
                {
                    return true;
                }
            }
        }
        false
    }
}
