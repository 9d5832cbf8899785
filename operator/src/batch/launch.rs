//! Action: create the work Secret, the runner's identity and its Pod. Every object has a fixed name and is only ever created, so doing this
//! twice does no harm.

mod create;

use std::{path::Path, sync::Arc};

use fno_core::{
    key::Key,
    lifecycle::{End, Hold},
    objects::{self, KEY_ACCESS_ID, PodInput, access, evidence_claim, pinned_version, work_secret},
    time::after,
    why::Why,
    work::Work,
};
use fno_crds::{FnoBatch, FnoBatchStatus, FnoJob, FnoProvider, Reason, batch::BatchPhase, names};
use futures::try_join;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time};
use kube::{Api, ResourceExt as _};
use tracing::info;

use self::create::{bind, create, ensure_volume};

use super::{
    acted::Acted,
    end,
    observe::{Observed, at_work},
};
use crate::{
    context::Context,
    error::{Error, Result},
    known::{key, provider_key},
    provider,
    secrets::{self, AccountSecrets},
};

/// When the creation of a Pod that was refused is tried again.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Launches a Pod with the jobs that are in the batch.
///
/// # Errors
/// If the API server does not answer.
pub async fn launch(
    context: &Context,
    batch: &Arc<FnoBatch>,
    observed: &Observed,
    attempt: i32,
    status: FnoBatchStatus,
) -> Result<Acted> {
    let of = key(&**batch);
    let (provider, secrets) = match provider_for(context, batch, attempt).await? {
        Ok(found) => found,
        Err(why) => {
            let end = End { phase: BatchPhase::Failed, why, fence: true };
            return end::finish(context, batch, observed, end).await;
        }
    };
    let job_key = |name: &String| Key { namespace: of.namespace.clone(), name: name.clone() };
    let jobs: Vec<_> = batch
        .spec
        .jobs
        .iter()
        .filter_map(|job| at_work(context, batch, &job_key(&job.name), &job.uid))
        .collect();
    match make(context, batch, &provider, &secrets, attempt, &jobs).await? {
        Ok(made) => {
            info!(
                batch = of.name,
                namespace = of.namespace,
                provider = batch.spec.provider,
                account = batch.spec.account,
                jobs = jobs.len(),
                attempt,
                "created the runner Pod"
            );
            context.known.batches.with(&of, |memory| memory.held = None);
            let assigned = assigned(batch, status, attempt, made, context.now());
            Ok(Acted::stated(Arc::clone(batch), assigned))
        }
        // Trying again would not help: the jobs are planned again in smaller batches.
        Err(why) if why.reason == Reason::WorkRejected => {
            let end = End { phase: BatchPhase::Failed, why, fence: true };
            end::finish(context, batch, observed, end).await
        }
        Err(why) => {
            let hold = Hold { why, until: after(context.now(), ASK_AGAIN), in_turn: false };
            let shown = Some(hold.why.clone());
            context.known.batches.with(&of, |memory| memory.held = Some(hold));
            Ok(Acted { shown, ..Acted::stated(Arc::clone(batch), status) })
        }
    }
}

/// The provider that the Pod is built from, and the account's Secrets. The inner error says why no Pod may be created.
async fn provider_for(
    context: &Context,
    batch: &FnoBatch,
    attempt: i32,
) -> Result<std::result::Result<(FnoProvider, AccountSecrets), Why>> {
    let of = provider_key(batch);
    let Some(provider) = provider::status::read(&context.client, &of).await? else {
        return Ok(Err(Why {
            reason: Reason::ProviderNotFound,
            message: format!("The provider {} does not exist any more.", of.name),
        }));
    };
    // Flows and limits are pinned with the first Pod, because the work Secret is created then.
    if attempt == 1 && provider.metadata.generation != Some(batch.spec.provider_generation) {
        let message =
            "The provider was changed while the batch was created: its jobs are planned again."
                .to_owned();
        return Ok(Err(Why { reason: Reason::ProviderNotReady, message }));
    }
    let Some(account) =
        provider.spec.accounts.iter().find(|account| account.name == batch.spec.account)
    else {
        return Ok(Err(Why {
            reason: Reason::ProviderNotReady,
            message: format!("The provider no longer has an account {}.", batch.spec.account),
        }));
    };
    let key = &context.credentials_key;
    let secrets = secrets::read(&context.client, key, &of.namespace, account).await?;
    if let Some(problem) = secrets.facts.problem {
        context.known.inspect_again(&of);
        return Ok(Err(problem));
    }
    Ok(Ok((provider, secrets)))
}

/// The created Pod of an attempt, and the credentials that its runner types.
struct Made {
    pod_uid: String,
    /// Version of the credentials in the work Secret. If an earlier reconcile created that Secret, the runner types the ones in it.
    credentials_version: Option<String>,
}

/// Creates the Pod of an attempt. The inner error says why there is no Pod; the cause may be temporary.
///
/// # Errors
/// If the API server does not answer.
async fn make(
    context: &Context,
    batch: &FnoBatch,
    provider: &FnoProvider,
    secrets: &AccountSecrets,
    attempt: i32,
    jobs: &[Arc<FnoJob>],
) -> Result<std::result::Result<Made, Why>> {
    if let Err(why) = evidence_access(context, &batch.namespace().unwrap_or_default()).await? {
        return Ok(Err(why));
    }
    match create_all(context, batch, provider, secrets, attempt, jobs).await {
        Ok(made) => Ok(Ok(made)),
        Err(Error::Api(kube::Error::Api(status)))
            if status.code >= 400 && status.code < 500 && status.code != 429 =>
        {
            Ok(Err(Why {
                reason: Reason::PodRejected,
                message: format!("The API server refuses to create the runner: {}", status.message),
            }))
        }
        Err(Error::Taken(message)) => Ok(Err(Why { reason: Reason::PodRejected, message })),
        Err(Error::Content(message)) => Ok(Err(Why { reason: Reason::WorkRejected, message })),
        Err(error) => Err(error),
    }
}

/// Checks the namespace's own credentials for the object store: without them no runner starts there.
async fn evidence_access(
    context: &Context,
    namespace: &str,
) -> Result<std::result::Result<(), Why>> {
    let evidence = &context.settings.evidence;
    if evidence.folder().is_some() {
        return Ok(Ok(()));
    }
    let path = Path::new(&evidence.s3.credentials_dir).join(KEY_ACCESS_ID);
    let operator = tokio::fs::read_to_string(&path).await.map_err(|error| {
        Error::Evidence(
            anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
        )
    })?;
    let name = &evidence.s3.runner_secret;
    let api: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    let secret = api.get_opt(name).await?;
    Ok(context.known.evidence_keys.accept(namespace, name, secret.as_ref(), operator.trim()))
}

/// The status once the Pod exists. Its UID is recorded, because only a token of this Pod may report.
#[must_use]
fn assigned(
    batch: &FnoBatch,
    mut status: FnoBatchStatus,
    attempt: i32,
    made: Made,
    now: Timestamp,
) -> FnoBatchStatus {
    status.phase = Some(BatchPhase::Assigned);
    status.credentials_version = made.credentials_version;
    status.worker = Some(names::pod(&batch.name_any(), attempt));
    status.pod_uid = Some(made.pod_uid);
    status.attempt = Some(attempt);
    status.assigned_at = Some(Time(now));
    status
}

async fn create_all(
    context: &Context,
    batch: &FnoBatch,
    provider: &FnoProvider,
    secrets: &AccountSecrets,
    attempt: i32,
    jobs: &[Arc<FnoJob>],
) -> Result<Made> {
    let (client, settings) = (&context.client, &context.settings);
    let namespace = batch.namespace().unwrap_or_default();
    let (Some(credentials), Some(version)) = (secrets.credentials(), &secrets.facts.version) else {
        return Err(Error::Taken("The account's Secrets are no longer usable.".to_owned()));
    };
    if settings.evidence.folder().is_some() {
        ensure_volume(client, &namespace, &evidence_claim(&namespace, &settings.evidence.claim))
            .await?;
    }
    let access = access(batch, provider.spec.session.max_logins);
    let totp = secrets.seed.is_some();
    let work = Work::new(batch, provider, totp, jobs, settings.runner.proxy.as_ref());
    let work = work_secret(batch, &work, &credentials, version)?;
    // The work Secret, which is mounted, has to exist before the Pod; the identity has to exist before the Pod starts.
    let (work, _, _) = try_join!(
        async { create(client, batch, &work).await.map_err(content) },
        create(client, batch, &access.account),
        create(client, batch, &access.role)
    )?;
    bind(client, batch, &access.binding).await?;
    let pod = objects::pod(&PodInput {
        batch,
        attempt,
        provider: &provider.spec,
        settings: &settings.runner,
        evidence: &settings.evidence,
        job_deadline: settings.deadlines.job.std(),
        log_level: &context.runner_log_level,
    });
    let created = create(client, batch, &pod).await?;
    let pod_uid = created
        .uid()
        .ok_or_else(|| Error::Taken("The Pod was created without a UID.".to_owned()))?;
    Ok(Made { pod_uid, credentials_version: pinned_version(&work) })
}

/// Distinguishes a Secret that is rejected for its content from one that is rejected for another reason: a quota or an admission policy
/// rejects every Secret alike, and no job causes that.
fn content(error: Error) -> Error {
    match error {
        Error::Api(kube::Error::Api(status)) if is_content(status.code, &status.message) => {
            Error::Content(status.message.clone())
        }
        error => error,
    }
}

fn is_content(code: u16, message: &str) -> bool {
    match code {
        400 | 413 => true,
        422 | 500 => ["Too long", "too long", "too large", "may not be more than"]
            .iter()
            .any(|words| message.contains(words)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_secret_rejected_for_its_content_is_blamed_on_its_jobs() {
        for (code, message, jobs_fault) in [
            (
                422,
                "Secret \"b-work\" is invalid: data: Too long: may not be more than 1048576 bytes",
                true,
            ),
            (413, "Request entity too large: limit is 3145728", true),
            (500, "etcdserver: request is too large", true),
            (403, "exceeded quota: secrets", false),
            (422, "ValidatingAdmissionPolicy 'no-secrets' denied request", false),
            (500, "failed calling webhook", false),
        ] {
            assert_eq!(is_content(code, message), jobs_fault, "{message}");
        }
    }
}
