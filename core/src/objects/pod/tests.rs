use std::collections::BTreeSet;

use super::*;
use crate::{
    credentials::Credentials,
    objects::{
        EvidenceClaim, access, evidence_claim, images_replaced, pinned_version, totp_secret,
        work_secret,
    },
};

fn batch() -> FnoBatch {
    serde_json::from_value(serde_json::json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch",
        "metadata": {"name": "octotel-0a1b2c3d", "namespace": "lines", "uid": "b-uid"},
        "spec": {"provider": "octotel", "account": "main", "providerGeneration": 3, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "u"}]},
    }))
    .expect("a batch")
}

fn provider(runner: serde_json::Value) -> FnoProviderSpec {
    let login = serde_json::json!({"steps": [{"type": "navigate", "url": "/"}]});
    serde_json::from_value(serde_json::json!({
        "baseUrl": "https://portal.example", "allowedOrigins": ["https://portal.example"],
        "accounts": [{"name": "main", "credentialsSecretRef": {"name": "octotel-bot"}}],
        "flows": {"login": login, "validation": login}, "runner": runner,
    }))
    .expect("a provider")
}

fn settings() -> RunnerSettings {
    serde_json::from_value(serde_json::json!({"image": "runner:1", "browserImage": "browser:1"}))
        .expect("settings")
}

fn built(
    provider: &FnoProviderSpec,
    settings: &RunnerSettings,
    evidence: &EvidenceSettings,
) -> Pod {
    pod(&PodInput {
        batch: &batch(),
        attempt: 1,
        provider,
        settings,
        evidence,
        job_deadline: Duration::from_secs(180),
        log_level: "info",
    })
}

#[test]
fn the_pod_of_a_batch_looks_like_this() {
    insta::assert_yaml_snapshot!(built(
        &provider(serde_json::json!({})),
        &settings(),
        &EvidenceSettings::default()
    ));
}

#[test]
fn a_provider_overrides_what_the_settings_say_and_our_labels_win() {
    let own = serde_json::json!({
        "nodeSelector": {"zone": "b"}, "labels": {"kueue.x-k8s.io/queue-name": "portal", "fno.dev/batch": "forged"}, "priorityClassName": "low",
        "imagePullSecrets": [{"name": "own"}], "caBundleRef": {"name": "ca", "key": "bundle.pem"}, "resources": {"requests": {"cpu": "1"}},
    });
    let mut general = settings();
    general.node_selector = [("zone".to_owned(), "a".to_owned())].into();
    general.fs_group = None;
    general.labels = [("team".to_owned(), "lines".to_owned())].into();
    general.annotations = [("sidecar.istio.io/inject".to_owned(), "false".to_owned())].into();
    general.runtime_class_name = Some("gvisor".to_owned());
    general.affinity = serde_json::from_value(serde_json::json!({"podAntiAffinity": {}})).ok();
    let variable = |name: &str, value: &str| crate::objects::EnvironmentVariable {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    general.extra_env = vec![variable("HTTPS_PROXY", "http://proxy:3128"), variable("HOME", "/")];
    general.browser_extra_env = vec![variable("TZ", "Africa/Johannesburg")];
    let mut evidence =
        EvidenceSettings { url: "s3://bucket/prefix".to_owned(), ..EvidenceSettings::default() };
    evidence.s3.endpoint = Some("https://s3.example".to_owned());
    insta::assert_yaml_snapshot!(built(&provider(own), &general, &evidence));
}

#[test]
fn the_browser_gets_no_secret_and_no_token_and_nothing_runs_with_privileges() {
    let pod = built(&provider(serde_json::json!({})), &settings(), &EvidenceSettings::default());
    let spec = pod.spec.expect("a spec");
    let browser = &spec.init_containers.as_ref().expect("a sidecar")[0];
    let mounted: BTreeSet<_> =
        browser.volume_mounts.iter().flatten().map(|m| m.name.as_str()).collect();
    assert_eq!(mounted, BTreeSet::from(["browser-tmp", "shm"]));
    for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
        let security = container.security_context.as_ref().expect(&container.name);
        assert_eq!(security.allow_privilege_escalation, Some(false), "{}", container.name);
        assert_eq!(security.read_only_root_filesystem, Some(true), "{}", container.name);
        assert_eq!(
            security.capabilities.as_ref().and_then(|c| c.drop.as_ref()),
            Some(&vec!["ALL".to_owned()]),
            "{}",
            container.name
        );
        assert!(container.env_from.is_none(), "{}", container.name);
    }
}

#[test]
fn other_images_are_noticed_even_if_a_webhook_rewrote_the_containers() {
    let (old, mut new) = (settings(), settings());
    new.image = "runner:2".to_owned();
    let mut pod = built(&provider(serde_json::json!({})), &old, &EvidenceSettings::default());
    pod.spec.as_mut().expect("a spec").containers[0].image =
        Some("mirror.example/runner:1".to_owned());
    assert!(!images_replaced(&pod.metadata, &old));
    assert!(images_replaced(&pod.metadata, &new));
    pod.metadata.labels = None;
    assert!(!images_replaced(&pod.metadata, &new), "its images are unknown");
}

#[test]
fn logging_out_fits_into_the_grace_period_of_a_slow_portal() {
    let mut slow = provider(serde_json::json!({}));
    slow.browser.page_load_timeout = fno_crds::Duration::from_secs(60);
    assert_eq!(grace_seconds(&slow), 150);
}

#[test]
fn a_runner_reaches_its_own_batch_and_its_own_codes_only() {
    insta::assert_yaml_snapshot!(access(&batch(), 2).role.rules);
}

#[test]
fn secrets_are_immutable_and_owned_by_the_batch() {
    let batch = batch();
    let secret = totp_secret(&batch, 2, "123456", 58_000_000, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(
        (secret.metadata.name.as_deref(), secret.immutable),
        (Some("octotel-0a1b2c3d-totp-2"), Some(true))
    );
    assert!(crate::objects::is_owned(&secret.metadata, &batch));
    let work: crate::work::Work = serde_json::from_value(serde_json::json!({
        "namespace": "lines", "batch": "octotel-0a1b2c3d", "provider": "octotel", "account": "main", "totp": true, "baseUrl": "", "allowedOrigins": [],
        "flows": provider(serde_json::json!({})).flows, "session": {}, "limits": {}, "browser": {}, "jobs": [],
    }))
    .expect("work");
    let pinned = Credentials::of(b"bot\n", b"hunter2");
    let secret = work_secret(&batch, &work, &pinned, "k:v1").expect("work serialises");
    assert_eq!(secret.immutable, Some(true));
    assert_eq!(pinned_version(&secret).as_deref(), Some("k:v1"), "read back after a crash");
    let data = secret.data.expect("data");
    let stored: crate::work::Work = serde_json::from_slice(&data["work.json"].0).expect("work");
    assert_eq!(stored, work);
    assert_eq!((&*data["username"].0, &*data["password"].0), (&b"bot"[..], &b"hunter2"[..]));
}

#[test]
fn a_runner_types_what_was_pinned_and_never_reads_the_accounts_own_secret() {
    let pod = built(&provider(serde_json::json!({})), &settings(), &EvidenceSettings::default());
    let volumes = pod.spec.expect("a spec").volumes.expect("volumes");
    let secrets: Vec<_> = volumes.iter().filter_map(|volume| volume.secret.as_ref()).collect();
    assert!(secrets.iter().all(|s| s.secret_name.as_deref() == Some("octotel-0a1b2c3d-work")));
    let keys: BTreeSet<_> =
        secrets.iter().flat_map(|s| s.items.iter().flatten()).map(|item| &*item.key).collect();
    assert_eq!(keys, BTreeSet::from(["work.json", "username", "password"]));
}

#[test]
fn evidence_outlives_the_batch_that_asked_for_its_volume() {
    assert_eq!(evidence_claim("lines", &EvidenceClaim::default()).metadata.owner_references, None);
}
