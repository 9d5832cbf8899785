//! Evidence on its way to the store, beside the work: a store that is slow or away holds up no job.
//!
//! A result is reported once its evidence lies in the store; one whose evidence cannot be stored until the batch's end is reported
//! without. Everything waits on local disk, not in memory.

use std::{path::PathBuf, sync::Arc, time::Duration};

use fno_crds::{batch::JobResult, job::Evidence};
use fno_store::{Folder, Manifest, NewFile, Place, Settings, Store};
use tokio::{
    sync::{OnceCell, Semaphore, watch},
    task::JoinSet,
    time::Instant,
};

use crate::control::{Reporter, Urgency};

/// Folders that are put at once.
const AT_ONCE: usize = 2;
/// One try, from the first file to the manifest.
const TRY: Duration = Duration::from_secs(60);
/// Between two tries, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Between two tries once the batch ends.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What is to be stored, and what is to be reported then.
pub(super) struct Parcel {
    /// The job's try; none is the session of the batch.
    pub job: Option<(JobResult, i32, Urgency)>,
    pub manifest: Manifest,
    pub files: Vec<NewFile>,
}

/// The way to the store. It is opened when it is needed first: a store that is away keeps no batch from working.
#[derive(Debug)]
pub struct Uploads {
    way: Arc<Way>,
    tasks: JoinSet<Option<Evidence>>,
    /// When the last try has to be done. None: no hurry.
    closing: watch::Sender<Option<Instant>>,
}

#[derive(Debug)]
struct Way {
    settings: Settings,
    /// Name of this runner's Pod.
    pod: String,
    store: OnceCell<Store>,
    spool: PathBuf,
    writing: Semaphore,
    putting: Semaphore,
    reporter: Reporter,
}

impl Uploads {
    /// `pod` is the name of this runner's Pod: the folders of evidence in the store end in it. `spool` is a folder on local disk that
    /// no other process uses.
    #[must_use]
    pub fn new(settings: Settings, pod: String, spool: PathBuf, reporter: Reporter) -> Self {
        let way = Way {
            settings,
            pod,
            store: OnceCell::new(),
            spool,
            writing: Semaphore::new(1),
            putting: Semaphore::new(AT_ONCE),
            reporter,
        };
        Self { way: Arc::new(way), tasks: JoinSet::new(), closing: watch::Sender::new(None) }
    }

    /// Sends something on its way.
    pub(super) fn send(&mut self, parcel: Parcel) {
        self.tasks.spawn(deliver(Arc::clone(&self.way), parcel, self.closing.subscribe()));
    }

    /// Waits until everything is stored or `patience` is over; then all results have been reported. Gives the evidence of the session.
    pub(super) async fn finish(&mut self, patience: Duration) -> Option<Evidence> {
        self.closing.send_replace(Some(Instant::now() + patience));
        let mut session = None;
        while let Some(done) = self.tasks.join_next().await {
            match done {
                Ok(evidence) => session = session.or(evidence),
                Err(error) => tracing::error!(%error, "evidence was lost"),
            }
        }
        self.clear().await;
        session
    }

    /// Drops everything that is not stored yet: another runner may work on the same jobs.
    pub(super) async fn abandon(&mut self) {
        self.tasks.shutdown().await;
        self.clear().await;
    }

    async fn clear(&self) {
        if let Err(error) = tokio::fs::remove_dir_all(&self.way.spool).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "the local copy of the evidence stays");
        }
    }
}

async fn deliver(
    way: Arc<Way>,
    parcel: Parcel,
    closing: watch::Receiver<Option<Instant>>,
) -> Option<Evidence> {
    let Parcel { job, manifest, files } = parcel;
    let (namespace, provider, batch) =
        (manifest.namespace.clone(), manifest.provider.clone(), manifest.batch.clone());
    let place = match &job {
        Some((result, attempt, _)) => Place::Job {
            namespace: &namespace,
            provider: &provider,
            uid: &result.uid,
            attempt: *attempt,
            pod: &way.pod,
        },
        None => Place::Session {
            namespace: &namespace,
            provider: &provider,
            batch: &batch,
            pod: &way.pod,
        },
    };
    let name = job.as_ref().map_or_else(
        || "session".to_owned(),
        |(result, attempt, _)| format!("{}-{attempt}", result.uid),
    );
    let evidence = match way.spool(name, manifest, files).await {
        Ok(folder) => {
            let stored = tokio::select! {
                evidence = way.put(&place, &folder, closing.clone()) => Some(evidence),
                () = closed(closing) => None,
            };
            if let Err(error) = folder.remove().await {
                tracing::debug!(%error, "the local copy of the evidence stays");
            }
            stored
        }
        Err(error) => {
            tracing::error!(%error, "evidence cannot be written to local disk");
            None
        }
    };
    let Some((mut result, _, urgency)) = job else { return evidence };
    if evidence.is_none() {
        tracing::error!(job = result.job, "the job's evidence could not be stored");
    }
    result.evidence = evidence;
    way.reporter.report(urgency, |run| run.results.push(result));
    None
}

/// When the last try has to be done.
async fn closed(mut closing: watch::Receiver<Option<Instant>>) {
    let until = match closing.wait_for(Option::is_some).await {
        Ok(until) => *until,
        Err(_) => return,
    };
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
}

impl Way {
    async fn spool(
        &self,
        name: String,
        manifest: Manifest,
        files: Vec<NewFile>,
    ) -> std::io::Result<Folder> {
        let _one = self.writing.acquire().await;
        let path = self.spool.join(name);
        tokio::task::spawn_blocking(move || Folder::write(&path, manifest, files))
            .await
            .map_err(std::io::Error::other)?
    }

    async fn put(
        &self,
        place: &Place<'_>,
        folder: &Folder,
        mut closing: watch::Receiver<Option<Instant>>,
    ) -> Evidence {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.try_to_put(place, folder).await {
                Ok(evidence) => return evidence,
                Err(error) => tracing::warn!(error, "evidence is not stored yet"),
            }
            let last = closing.borrow().is_some();
            tokio::select! {
                () = tokio::time::sleep(if last { LAST_PAUSE } else { pause }) => {}
                // The batch ends: no more long pauses.
                _ = closing.wait_for(Option::is_some), if !last => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_to_put(&self, place: &Place<'_>, folder: &Folder) -> Result<Evidence, String> {
        let _one = self.putting.acquire().await;
        let tried = async {
            let store = self
                .store
                .get_or_try_init(|| async { Store::open(&self.settings) })
                .await
                .map_err(|error| error.to_string())?;
            store.put_evidence(place, folder).await.map_err(|error| error.to_string())
        };
        tokio::time::timeout(TRY, tried).await.unwrap_or_else(|_| {
            Err(format!("{} took longer than {} s", self.settings.url, TRY.as_secs()))
        })
    }
}
