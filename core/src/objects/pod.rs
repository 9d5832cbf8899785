//! The runner Pod: one batch, one browser, one session.

use std::time::Duration;

use fno_crds::{
    FnoBatch, FnoProviderSpec,
    names::{self, CONTAINER_BROWSER, CONTAINER_RUNNER, PATH_CREDENTIALS, PATH_WORK},
};
use k8s_openapi::{
    api::core::v1::{
        Capabilities, ConfigMapProjection, ConfigMapVolumeSource, Container, DownwardAPIProjection,
        DownwardAPIVolumeFile, EmptyDirVolumeSource, EnvVar, EnvVarSource, KeyToPath,
        ObjectFieldSelector, PersistentVolumeClaimVolumeSource, Pod, PodSecurityContext, PodSpec,
        ProjectedVolumeSource, ResourceRequirements, SeccompProfile, SecretVolumeSource,
        SecurityContext, ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta},
};

use super::{
    EnvironmentVariable, EvidenceSettings, KEY_ACCESS_ID, KEY_ACCESS_SECRET, RunnerSettings,
    images, metadata,
};

/// Folder in the browser's container with `ca.crt`, if the provider names a CA bundle. The browser image's policy installs certificates
/// from there.
pub const PATH_CA: &str = "/var/run/fno/ca";
/// Folder in the runner's container with the object store's `access_key_id` and `secret_access_key`.
pub const PATH_EVIDENCE_S3: &str = "/var/run/fno/evidence-s3";
const PATH_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The shortest lifetime that the API server issues: a stolen token is soon worthless.
const TOKEN_SECONDS: i64 = 600;
/// Readable by the container's user and group only.
const SECRET_MODE: i32 = 0o440;

/// What a runner Pod is built from.
#[derive(Clone, Copy, Debug)]
pub struct PodInput<'a> {
    /// The batch that the Pod works on.
    pub batch: &'a FnoBatch,
    /// Number of the Pod, from 1.
    pub attempt: i32,
    /// The batch's provider.
    pub provider: &'a FnoProviderSpec,
    /// Settings that apply to all runner Pods.
    pub settings: &'a RunnerSettings,
    /// Where evidence is stored.
    pub evidence: &'a EvidenceSettings,
    /// How long a job's flow may take.
    pub job_deadline: Duration,
    /// Log level of the runner: `info`, `debug`, …
    pub log_level: &'a str,
}

/// The Pod of an attempt.
#[must_use]
pub fn pod(input: &PodInput<'_>) -> Pod {
    let PodInput { batch, attempt, provider, settings, evidence, .. } = *input;
    let name = batch.metadata.name.as_deref().unwrap_or_default();
    let or =
        |own: &Vec<_>, general: &Vec<_>| if own.is_empty() { general.clone() } else { own.clone() };
    let over = &provider.runner;
    Pod {
        metadata: pod_metadata(batch, attempt, provider, settings),
        spec: Some(PodSpec {
            restart_policy: Some("Never".to_owned()),
            service_account_name: Some(names::runner_account(name)),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            termination_grace_period_seconds: Some(grace_seconds(provider)),
            priority_class_name: over
                .priority_class_name
                .clone()
                .or_else(|| settings.priority_class_name.clone()),
            runtime_class_name: settings.runtime_class_name.clone(),
            affinity: settings.affinity.clone(),
            node_selector: Some(if over.node_selector.is_empty() {
                settings.node_selector.clone()
            } else {
                over.node_selector.clone()
            })
            .filter(|m| !m.is_empty()),
            tolerations: Some(if over.tolerations.is_empty() {
                settings.tolerations.clone()
            } else {
                over.tolerations.clone()
            })
            .filter(|t| !t.is_empty()),
            image_pull_secrets: Some(or(&over.image_pull_secrets, &settings.image_pull_secrets))
                .filter(|s| !s.is_empty()),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: settings.run_as_user,
                fs_group: settings.fs_group,
                // Changing the group of every file on a large evidence volume would take minutes at each start.
                fs_group_change_policy: settings.fs_group.map(|_| "OnRootMismatch".to_owned()),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            init_containers: Some(vec![browser(provider, settings)]),
            containers: vec![runner(input)],
            volumes: Some(volumes(name, provider, settings, evidence)),
            ..PodSpec::default()
        }),
        status: None,
    }
}

fn pod_metadata(
    batch: &FnoBatch,
    attempt: i32,
    provider: &FnoProviderSpec,
    settings: &RunnerSettings,
) -> ObjectMeta {
    let name = batch.metadata.name.as_deref().unwrap_or_default();
    let mut meta = metadata(batch, names::pod(name, attempt));
    let ours = meta.labels.take().unwrap_or_default();
    let more = [
        (names::LABEL_COMPONENT, CONTAINER_RUNNER.to_owned()),
        (names::LABEL_IMAGES, images::fingerprint(settings)),
    ];
    let more = more.map(|(key, value)| (key.to_owned(), value));
    // The operator's own labels come last and win: it finds its Pods by them.
    meta.labels = Some(
        settings
            .labels
            .clone()
            .into_iter()
            .chain(provider.runner.labels.clone())
            .chain(ours)
            .chain(more)
            .collect(),
    );
    meta.annotations = Some(settings.annotations.clone()).filter(|map| !map.is_empty());
    meta
}

/// Time for the logout flow when the Pod is terminated: two pages as slow as the provider allows, and a margin.
fn grace_seconds(provider: &FnoProviderSpec) -> i64 {
    let page =
        i64::try_from(provider.browser.page_load_timeout.std().as_secs()).unwrap_or(i64::MAX);
    page.saturating_mul(2).saturating_add(30).clamp(30, 600)
}

/// The browser as a native sidecar: it starts first, ends last and does not keep the Pod from completing. It has no startup probe, whose
/// one-second granularity would only delay the runner, which waits for the port by itself. It gets no token and no Secret, because web
/// pages run in it.
fn browser(provider: &FnoProviderSpec, settings: &RunnerSettings) -> Container {
    let mut mounts = vec![mount("browser-tmp", "/tmp", false), mount("shm", "/dev/shm", false)];
    if provider.runner.ca_bundle_ref.is_some() {
        mounts.push(mount("ca", PATH_CA, true));
    }
    Container {
        name: CONTAINER_BROWSER.to_owned(),
        restart_policy: Some("Always".to_owned()),
        env: Some(with_ours(
            &settings.browser_extra_env,
            [value("HOME", "/tmp"), value("TMPDIR", "/tmp")],
        )),
        volume_mounts: Some(mounts),
        ..container(
            &settings.browser_image,
            provider.runner.browser_resources.as_ref().unwrap_or(&settings.browser_resources),
            settings,
        )
    }
}

fn runner(input: &PodInput<'_>) -> Container {
    let PodInput { batch, provider, settings, evidence, job_deadline, log_level, .. } = *input;
    let mut ours = vec![
        value("HOME", "/tmp"),
        value("TMPDIR", "/tmp"),
        field("FNO_NAMESPACE", "metadata.namespace"),
        value("FNO_BATCH", batch.metadata.name.as_deref().unwrap_or_default()),
        field("FNO_POD_NAME", "metadata.name"),
        field("FNO_POD_UID", "metadata.uid"),
        value("FNO_EVIDENCE_URL", &evidence.url),
        value("FNO_WEBDRIVER_URL", names::WEBDRIVER_URL),
        value("FNO_JOB_DEADLINE", &fno_crds::Duration::from(job_deadline).to_string()),
        value("FNO_LOG_LEVEL", log_level),
    ];
    ours.extend(
        evidence.s3.endpoint.as_ref().map(|endpoint| value("FNO_EVIDENCE_S3_ENDPOINT", endpoint)),
    );
    ours.extend(evidence.s3.region.as_ref().map(|region| value("FNO_EVIDENCE_S3_REGION", region)));
    let store = evidence.folder().map_or_else(
        || mount("evidence", PATH_EVIDENCE_S3, true),
        |folder| mount("evidence", folder, false),
    );
    Container {
        name: CONTAINER_RUNNER.to_owned(),
        args: Some(vec!["run".to_owned()]),
        env: Some(with_ours(&settings.extra_env, ours)),
        volume_mounts: Some(vec![
            mount("runner-tmp", "/tmp", false),
            mount("work", PATH_WORK, true),
            mount("credentials", PATH_CREDENTIALS, true),
            mount("token", PATH_TOKEN, true),
            store,
        ]),
        ..container(
            &settings.image,
            provider.runner.resources.as_ref().unwrap_or(&settings.resources),
            settings,
        )
    }
}

fn container(
    image: &str,
    resources: &ResourceRequirements,
    settings: &RunnerSettings,
) -> Container {
    Container {
        image: Some(image.to_owned()),
        image_pull_policy: Some(settings.image_pull_policy.clone()),
        resources: Some(resources.clone()),
        // The last lines of output become the Pod's message if the container fails.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

fn volumes(
    batch: &str,
    provider: &FnoProviderSpec,
    settings: &RunnerSettings,
    evidence: &EvidenceSettings,
) -> Vec<Volume> {
    let mut volumes = vec![
        empty("runner-tmp", None, &settings.tmp_size),
        empty("browser-tmp", None, &settings.tmp_size),
        empty("shm", Some("Memory"), &settings.shm_size),
        secret("work", &names::work_secret(batch), &[names::KEY_WORK]),
        // Not the account's own Secret: changing that must not change what is typed, and it may hold the TOTP seed.
        secret(
            "credentials",
            &names::work_secret(batch),
            &[names::KEY_USERNAME, names::KEY_PASSWORD],
        ),
        token(),
    ];
    volumes.push(if evidence.folder().is_some() {
        Volume {
            name: "evidence".to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: evidence.claim.name.clone(),
                read_only: None,
            }),
            ..Volume::default()
        }
    } else {
        secret("evidence", &evidence.s3.runner_secret, &[KEY_ACCESS_ID, KEY_ACCESS_SECRET])
    });
    if let Some(bundle) = &provider.runner.ca_bundle_ref {
        volumes.push(Volume {
            name: "ca".to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: bundle.name.clone(),
                items: Some(vec![KeyToPath {
                    key: bundle.key.clone(),
                    path: "ca.crt".to_owned(),
                    mode: None,
                }]),
                optional: bundle.optional,
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    volumes
}

fn token() -> Volume {
    let projection = VolumeProjection::default;
    Volume {
        name: "token".to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: None,
            sources: Some(vec![
                VolumeProjection {
                    service_account_token: Some(ServiceAccountTokenProjection {
                        expiration_seconds: Some(TOKEN_SECONDS),
                        path: "token".to_owned(),
                        audience: None,
                    }),
                    ..projection()
                },
                VolumeProjection {
                    config_map: Some(ConfigMapProjection {
                        name: "kube-root-ca.crt".to_owned(),
                        items: Some(vec![KeyToPath {
                            key: "ca.crt".to_owned(),
                            path: "ca.crt".to_owned(),
                            mode: None,
                        }]),
                        optional: None,
                    }),
                    ..projection()
                },
                VolumeProjection {
                    downward_api: Some(DownwardAPIProjection {
                        items: Some(vec![DownwardAPIVolumeFile {
                            path: "namespace".to_owned(),
                            field_ref: Some(field_ref("metadata.namespace")),
                            ..DownwardAPIVolumeFile::default()
                        }]),
                    }),
                    ..projection()
                },
            ]),
        }),
        ..Volume::default()
    }
}

fn empty(name: &str, medium: Option<&str>, size: &Quantity) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: medium.map(ToOwned::to_owned),
            size_limit: Some(size.clone()),
        }),
        ..Volume::default()
    }
}

fn secret(name: &str, of: &str, keys: &[&str]) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(of.to_owned()),
            default_mode: Some(SECRET_MODE),
            items: Some(
                keys.iter()
                    .map(|key| KeyToPath {
                        key: (*key).to_owned(),
                        path: (*key).to_owned(),
                        mode: None,
                    })
                    .collect(),
            ),
            optional: None,
        }),
        ..Volume::default()
    }
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

fn value(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

/// The variables of the settings, then the operator's own: if a name occurs twice, Kubernetes uses the last one.
fn with_ours(more: &[EnvironmentVariable], ours: impl IntoIterator<Item = EnvVar>) -> Vec<EnvVar> {
    more.iter().map(|v| value(&v.name, &v.value)).chain(ours).collect()
}

fn field_ref(path: &str) -> ObjectFieldSelector {
    ObjectFieldSelector { api_version: None, field_path: path.to_owned() }
}

fn field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(field_ref(path)),
            ..EnvVarSource::default()
        }),
    }
}

#[cfg(test)]
mod tests;
