//! Reads a person's files and checks them by the rules of the API server. A refusal names file, line and field.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use fno_core::work::{JobWork, Work};
use fno_crds::{FnoJob, FnoProvider, provider::Account};
use kube::CustomResourceExt;
use serde::de::DeserializeOwned;

use super::{
    schema::{self, Remark},
    yaml::Node,
};

/// An object with the lines of its file.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub object: T,
    /// Faults that only the API server refuses.
    pub warnings: Vec<Remark>,
    node: Node,
}

impl<T> Read<T> {
    /// The line of a field, from 1. The path begins below `spec`.
    pub fn line_of(&self, path: &str) -> u64 {
        self.node.line_of(&format!("spec.{path}"))
    }
}

/// The provider in a file.
///
/// # Errors
/// The file cannot be read or does not hold exactly one provider, or the provider has unknown fields or breaks a rule of the API.
pub(crate) fn provider(path: &Path) -> anyhow::Result<Read<FnoProvider>> {
    let mut found: Vec<Read<FnoProvider>> = objects(path)?;
    ensure!(
        found.len() == 1,
        "{} holds {} FnoProviders; exactly one is expected",
        path.display(),
        found.len()
    );
    let read = found.remove(0);
    let provider = &read.object;
    provider
        .validate_cel()
        .with_context(|| format!("the FnoProvider in {} is refused", path.display()))?;
    ensure!(
        provider.metadata.name.is_some(),
        "the FnoProvider in {} has no metadata.name",
        path.display()
    );
    Ok(read)
}

/// The jobs for a provider in a file, in the order of the file.
///
/// # Errors
/// The file cannot be read or holds no job for this provider, or a job has unknown fields or breaks a rule of the API.
pub(super) fn jobs(path: &Path, provider: &FnoProvider) -> anyhow::Result<Vec<FnoJob>> {
    let name = provider.metadata.name.as_deref().unwrap_or_default();
    let all: Vec<Read<FnoJob>> = objects(path)?;
    let of_all = all.len();
    let jobs: Vec<FnoJob> =
        all.into_iter().map(|read| read.object).filter(|job| job.spec.provider == name).collect();
    ensure!(
        !jobs.is_empty(),
        "{} holds {of_all} FnoJobs, none of them for the provider {name}",
        path.display()
    );
    for job in &jobs {
        let job_name = job
            .metadata
            .name
            .as_deref()
            .with_context(|| format!("an FnoJob in {} has no metadata.name", path.display()))?;
        job.validate_cel()
            .with_context(|| format!("the FnoJob {job_name} in {} is refused", path.display()))?;
    }
    Ok(jobs)
}

/// All objects of a kind in a YAML file of one or more documents.
fn objects<T: DeserializeOwned + CustomResourceExt>(path: &Path) -> anyhow::Result<Vec<Read<T>>> {
    let kind = T::crd();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let documents: Vec<Node> = serde_yaml::from_multiple(&text)
        .with_context(|| format!("{} is not YAML", path.display()))?;
    documents
        .into_iter()
        .filter(|document| document.json()["kind"] == kind.spec.names.kind)
        .map(|node| {
            let remarks = schema::check(&node, &kind);
            if !remarks.errors.is_empty() {
                let lines: Vec<_> = remarks.errors.iter().map(|remark| at(path, remark)).collect();
                bail!("{}", lines.join("\n"));
            }
            let object = serde_path_to_error::deserialize(node.json()).map_err(|error| {
                let field = error.path().to_string();
                let message = error.inner().to_string();
                anyhow::anyhow!(at(
                    path,
                    &Remark { line: node.line_of(&field), path: field, message }
                ))
            })?;
            Ok(Read { object, warnings: remarks.warnings, node })
        })
        .collect()
}

/// `lightlink.yaml:12: spec.flows.login.steps[0].timeout: …`
fn at(path: &Path, remark: &Remark) -> String {
    format!("{}:{}: {}: {}", path.display(), remark.line, remark.path, remark.message)
}

/// The account with this name, or the first one.
pub(super) fn account<'a>(
    provider: &'a FnoProvider,
    name: Option<&str>,
) -> anyhow::Result<&'a Account> {
    let accounts = &provider.spec.accounts;
    let found = match name {
        Some(name) => accounts.iter().find(|account| account.name == name),
        None => accounts.first(),
    };
    let Some(found) = found else {
        let names: Vec<_> = accounts.iter().map(|account| account.name.as_str()).collect();
        bail!(
            "--account {:?} is not an account of the provider; there are: {}",
            name.unwrap_or_default(),
            names.join(", ")
        );
    };
    Ok(found)
}

/// The work that the operator would give to a runner in a cluster.
pub(super) fn work(
    provider: &FnoProvider,
    account: &Account,
    jobs: Vec<FnoJob>,
    base_url: Option<&str>,
    allow: &[String],
) -> anyhow::Result<Work> {
    let spec = &provider.spec;
    let mut allowed_origins = spec.allowed_origins.clone();
    if let Some(base_url) = base_url {
        allowed_origins.push(origin(base_url).with_context(|| format!("--base-url {base_url}"))?);
    }
    for address in allow {
        allowed_origins.push(origin(address).with_context(|| format!("--allow-origin {address}"))?);
    }
    let namespace = jobs
        .first()
        .and_then(|job| job.metadata.namespace.clone())
        .unwrap_or_else(|| "local".to_owned());
    Ok(Work {
        namespace,
        batch: "local".to_owned(),
        provider: provider.metadata.name.clone().unwrap_or_default(),
        account: account.name.clone(),
        totp: account.totp.is_some(),
        base_url: base_url
            .map_or_else(|| spec.base_url.clone(), |url| url.trim_end_matches('/').to_owned()),
        allowed_origins,
        flows: spec.flows.clone(),
        session: spec.session.clone(),
        limits: spec.limits.clone(),
        browser: spec.browser.clone(),
        proxy: spec.runner.proxy.clone(),
        jobs: jobs.into_iter().map(job_work).collect(),
    })
}

fn job_work(job: FnoJob) -> JobWork {
    let name = job.metadata.name.unwrap_or_default();
    JobWork {
        uid: job.metadata.uid.unwrap_or_else(|| name.clone()),
        name,
        action: job.spec.action,
        circuit_number: job.spec.circuit_number,
        parameters: job.spec.parameters,
        expect: job.spec.expect,
        attempt: 1,
        deadline: job.spec.deadline.map(|deadline| deadline.0),
    }
}

fn origin(address: &str) -> anyhow::Result<String> {
    let url = url::Url::parse(address)?;
    ensure!(
        matches!(url.scheme(), "http" | "https") && url.has_host(),
        "an address such as https://portal.example is expected"
    );
    Ok(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests;
