//! Carries out a plan. Nothing is decided here: batches are created under the names in the plan, and jobs end as the plan says.

use std::{sync::Arc, time::Duration};

use fno_cluster::{
    conflict::{is_conflict, is_not_found},
    patch::status_patch,
};
use fno_core::{
    job_status,
    plan::{JobEnd, NewBatch},
};
use fno_crds::{
    FnoBatch, FnoJob, FnoJobStatus, JobPhase,
    names::{FINALIZER, LABEL_ACCOUNT, LABEL_MANAGED_BY, LABEL_PROVIDER, MANAGER},
};
use fno_process::liveness::Work;
use futures::{StreamExt as _, stream};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use tracing::info;

use super::failed;
use crate::{
    batch,
    context::Context,
    error::{Error, Result},
    known::key,
    metrics,
    patch::write_status,
};

const AT_ONCE: usize = 16;
/// When planning runs again after a part of a plan could not be carried out.
const AGAIN: Duration = Duration::from_secs(2);

/// The parts of a plan that are carried out here.
pub struct Parts<'a> {
    /// Batches to create.
    pub create: &'a [NewBatch],
    /// Jobs that end without a try.
    pub end: &'a [JobEnd],
}

/// Carries out these parts. What fails is planned again.
pub async fn all(context: &Arc<Context>, parts: Parts<'_>, work: &Work) {
    let mut all_done = true;
    for new in parts.create {
        if let Err(error) = create(context, new).await {
            failed(context, "a batch was not created", &new.key, &error);
            all_done = false;
        }
        work.progress();
    }
    let ends: Vec<_> = parts.end.iter().map(|job| end_one(context, job)).collect();
    let done: Vec<bool> =
        stream::iter(ends).buffer_unordered(AT_ONCE).inspect(|_| work.progress()).collect().await;
    let is_done = all_done && !done.contains(&false);
    if is_done && let Some(lasted) = context.plan_outage().ended(context.clock.uptime()) {
        info!(seconds = lasted.as_secs(), "plans are carried out again after failures");
    }
    if !is_done {
        let context = Arc::clone(context);
        tokio::spawn(async move {
            tokio::time::sleep(AGAIN).await;
            context.known.caches.plan.notify_one();
        });
    }
}

async fn create(context: &Context, new: &NewBatch) -> Result<()> {
    let api: Api<FnoBatch> = Api::namespaced(context.client.clone(), &new.key.namespace);
    let labels = [
        (LABEL_MANAGED_BY, MANAGER),
        (LABEL_PROVIDER, new.spec.provider.as_str()),
        (LABEL_ACCOUNT, new.spec.account.as_str()),
    ];
    let object = FnoBatch {
        metadata: ObjectMeta {
            name: Some(new.key.name.clone()),
            namespace: Some(new.key.namespace.clone()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            finalizers: Some(vec![FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        spec: new.spec.clone(),
        status: None,
    };
    let parameters =
        PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let creating = async {
        let created = api.create(&parameters, &object).await;
        // Recorded before the lock is released: the task that gives up the permissions in the namespace checks what is known.
        if let Ok(created) = &created {
            context.known.batches.wrote(&key(created), &Arc::new(created.clone()));
        }
        Ok(created)
    };
    let (namespace, uptime) = (&new.key.namespace, context.clock.uptime());
    let created = match context.rights.held(&context.client, namespace, uptime, creating).await? {
        Ok(created) => {
            info!(
                batch = new.key.name,
                namespace = new.key.namespace,
                provider = new.spec.provider,
                account = new.spec.account,
                jobs = new.spec.jobs.len(),
                "created a batch"
            );
            let labels = metrics::Provider {
                namespace: new.key.namespace.clone(),
                provider: new.spec.provider.clone(),
            };
            context.metrics.batches_created.get_or_create(&labels).inc();
            created
        }
        // An earlier plan created the batch, but the answer was lost: the same jobs give the same name.
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            match api.get_opt(&new.key.name).await? {
                Some(found) => found,
                None => return Ok(()),
            }
        }
        Err(error) => return Err(error.into()),
    };
    // The next plan has to take the batch into account even if the watch has not shown it yet.
    context.known.batches.wrote(&key(&created), &Arc::new(created));
    Ok(())
}

/// Fails the job for its reason, or withdraws it if it has none. False if the job has to be planned again.
async fn end_one(context: &Context, ending: &JobEnd) -> bool {
    let (now, why) = (context.now(), ending.why.as_ref());
    let status = |job: &FnoJob| {
        why.map_or_else(|| job_status::withdrawn(job, now), |why| job_status::failed(job, why, now))
    };
    end(context, ending, status)
        .await
        .map_err(|error| failed(context, "a job was not ended", &ending.key, &error))
        .is_ok()
}

async fn end(
    context: &Context,
    ending: &JobEnd,
    status: impl Fn(&FnoJob) -> FnoJobStatus,
) -> Result<()> {
    let of = &ending.key;
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    loop {
        let Some(job) = api.get_opt(&of.name).await? else {
            context.known.job_deleted(of, &ending.uid);
            return Ok(());
        };
        // The plan was about a job of the same name that was deleted meanwhile, or about one that is not Pending any more.
        if job.metadata.uid.as_deref() != Some(&ending.uid) || job.phase() != JobPhase::Pending {
            context.known.job_applied(job, context.now());
            return Ok(());
        }
        let Some(patch) = status_patch(
            job.metadata.resource_version.as_deref(),
            job.status.as_ref(),
            &status(&job),
        )?
        else {
            return Ok(());
        };
        match write_status(&api, &of.name, &patch).await {
            Ok(written) => {
                batch::ended(context, &written, written.phase()).await;
                context.known.job_applied(written, context.now());
                return Ok(());
            }
            Err(error) if is_conflict(&error) => {}
            Err(error) if is_not_found(&error) => {
                context.known.job_deleted(of, &ending.uid);
                return Ok(());
            }
            Err(error) => return Err(Error::from(error)),
        }
    }
}
