//! Values in, objects out.

use anyhow::{Context as _, Result, ensure};
use fno_operator::settings::Settings;
use serde_json::Value;

use crate::rendering::{kinds, objects, parse, settings, text};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Values that are refused, and a part of the answer.
const BAD: &[(&str, &str)] = &[
    ("logLevel=verbose", "logLevel \"verbose\" is not a level: use error, warn, info"),
    ("logLevel=fno_operator=debug", "logLevel \"fno_operator=debug\" is not a level"),
    ("deadlines.heartbeat=10s", "deadlines.heartbeat is 10s, but must be at least 60s"),
    ("deadlines.heartbeat=59s999ms", "must be at least 60s"),
    ("deadlines.job=0s", "deadlines.job is 0s, but must be at least 1s"),
    ("replicas=3", "replicas is 3, but a volume with evidence.volume.accessModes"),
    ("replicas=2,evidence.volume.existingClaim=mine", "replicas is 2"),
    (
        "valkey.external.url=rediss://v,valkey.external.caKey=ca.crt",
        "valkey.external.caKey \"ca.crt\" is a key of the Secret valkey.external.secret",
    ),
    (
        "valkey.external.url=redis://v,valkey.external.caKey=c,valkey.external.secret=s",
        "valkey.external.url must start with rediss://",
    ),
    ("valkey.external.secret=mine", "valkey.external.secret needs valkey.external.url"),
    (
        "valkey.external.url=redis://v,valkey.auth.existingSecret=s",
        "valkey.auth.existingSecret is for the Valkey that the chart installs",
    ),
    ("valkey.image.tag=", "valkey.image needs a repository, and a tag or a digest"),
    (
        "evidence.url=s3://bucket/p,evidence.s3.runnerSecret=fno-evidence-s3",
        "evidence.s3.secret and evidence.s3.runnerSecret must be different Secrets",
    ),
    ("evidence.s3.region=af-south-1", "evidence.s3.region has no effect"),
    (
        "evidence.url=s3://bucket/p,evidence.volume.existingClaim=mine",
        "evidence.volume.existingClaim has no effect",
    ),
    (
        "runner.extraEnv[0].name=FNO_BATCH,runner.extraEnv[0].value=x",
        "runner.extraEnv must not set FNO_BATCH",
    ),
    ("extraEnv[0].name=POD_NAME,extraEnv[0].value=x", "extraEnv must not set POD_NAME"),
    ("metrics.serviceMonitor.enabled=true,metrics.service.enabled=false", "metrics.service"),
    ("networkPolicy.runners.enabled=true", "networkPolicy.runners.enabled needs namespaces"),
    ("policies.create=false,policies.runnerImages=true", "policies.runnerImages needs"),
    ("image.digest=abc", "image.digest is \"abc\", but must be sha256: and 64 hexadecimal digits"),
    ("image.repository=operator", "image.repository is \"operator\", but must be registry and"),
    ("runner.image.tag=v@sha256:a", "a digest belongs in digest"),
    ("global.imageRegistry=http://mirror", "global.imageRegistry is"),
    ("evidence.url=/tmp", "evidence.url must be file:///var/lib/fno/evidence (volumes) or s3://"),
    ("evidence.claim.size=5GB", "evidence.claim.size is \"5GB\", but must be a size such as"),
    ("resources.limits.memory=1GB", "resources.limits.memory is \"1GB\", but must be a quantity"),
    ("deadlines.job=soon", "deadlines.job is \"soon\", but must be a length of time such as 90s"),
    ("namespaces={A_b}", "namespaces[0] is \"A_b\", but must be the name of a namespace"),
    ("runner.proxy=http://proxy:1", "runner.proxy must be host:port"),
    ("serviceAccount.name=A", "serviceAccount.name is \"A\", but must be a name of lowercase"),
    ("runner.extraEnv[0].name=A", "/runner/extraEnv/0"),
    ("loglevel=info", "loglevel"),
];

#[test]
fn every_bad_value_is_refused_by_a_sentence_that_names_it() -> Result<()> {
    for (values, sentence) in BAD {
        let refused = text(&["--set", values]).err().with_context(|| format!("{values} passed"))?;
        ensure!(refused.to_string().contains(sentence), "{values}: {refused}");
    }
    Ok(())
}

#[test]
fn a_password_in_a_url_is_refused_without_repeating_it() -> Result<()> {
    for values in [
        "valkey.external.url=redis://:hunter2@valkey",
        "proxy.url=http://user:hunter2@proxy:1",
        "runner.proxy=user:hunter2@proxy:1",
        "evidence.s3.endpoint=https://key:hunter2@s3.example",
    ] {
        let refused = text(&["--set", values]).err().with_context(|| format!("{values} passed"))?;
        let sentence = refused.to_string();
        ensure!(sentence.contains("without a password"), "{sentence}");
        ensure!(!sentence.contains("hunter2"), "{sentence}");
    }
    Ok(())
}

#[test]
fn what_is_generated_from_the_chart_is_up_to_date() -> Result<()> {
    let output = std::process::Command::new("e2e/render")
        .arg("--check")
        .current_dir(fno_e2e::Ground::root())
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}

#[test]
fn values_at_their_limits_pass() -> Result<()> {
    for values in [
        "logLevel=trace",
        "logLevel=info\\,fno_operator=debug\\,kube=off",
        "deadlines.heartbeat=1m,deadlines.job=1000ms",
        "replicas=3,evidence.volume.accessModes={ReadWriteMany}",
        "replicas=3,evidence.url=s3://bucket/prefix",
        "valkey.external.url=rediss://v,valkey.external.secret=s,valkey.external.caKey=ca.crt",
    ] {
        text(&["--set", values]).context(values)?;
    }
    Ok(())
}

#[test]
fn the_operator_reads_every_settings_file_that_the_chart_renders() -> Result<()> {
    for arguments in [
        vec![],
        vec!["--api-versions", "security.openshift.io/v1"],
        vec!["--set", "namespaces={a,b},maxRunners=1000,evidence.url=s3://bucket/prefix"],
        vec!["--set", "valkey.external.url=rediss://v:1/2,valkey.external.secret=s"],
        vec!["--set", "deadlines.heartbeat=1m,deadlines.job=1000ms,runner.runtimeClassName=gvisor"],
        vec!["--set", "runner.extraEnv[0].name=TZ,runner.extraEnv[0].value=UTC"],
        vec!["--set-json", r#"runner.affinity={"nodeAffinity":{}},runner.annotations={"a":"b"}"#],
    ] {
        let rendered = settings(&objects(&arguments)?)?;
        Settings::parse(&rendered).with_context(|| format!("{arguments:?}:\n{rendered}"))?;
    }
    Ok(())
}

#[test]
fn settings_of_the_runner_reach_the_operator() -> Result<()> {
    let json = r#"runner={"affinity":{"podAntiAffinity":{}},"annotations":{"a":"b"},"runtimeClassName":"gvisor","extraEnv":[{"name":"A","value":"1"}],"browserExtraEnv":[{"name":"B","value":"2"}]}"#;
    let runner = Settings::parse(&settings(&objects(&["--set-json", json])?)?)?.runner;
    ensure!(runner.affinity.is_some_and(|affinity| affinity.pod_anti_affinity.is_some()));
    ensure!(
        runner.annotations["a"] == "b" && runner.runtime_class_name.as_deref() == Some("gvisor")
    );
    ensure!(runner.extra_env[0].name == "A" && runner.browser_extra_env[0].value == "2");
    let operator = objects(&[
        "--set-json",
        r#"runtimeClassName="kata",extraEnv=[{"name":"TZ","value":"UTC"}]"#,
    ])?;
    let spec = &the(&operator, "Deployment")?["spec"]["template"]["spec"];
    ensure!(spec["runtimeClassName"] == "kata" && spec["containers"][0]["env"][0]["name"] == "TZ");
    Ok(())
}

fn the<'a>(objects: &'a [Value], kind: &str) -> Result<&'a Value> {
    objects.iter().find(|object| object["kind"] == kind).with_context(|| format!("no {kind}"))
}

/// Every image that a Pod of the installation can get.
fn images(objects: &[Value]) -> Result<Vec<String>> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("image").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| collect(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let runner = Settings::parse(&settings(objects)?)?.runner;
    let mut found = vec![runner.image, runner.browser_image];
    objects.iter().for_each(|object| collect(object, &mut found));
    Ok(found)
}

const NO_CRDS: [&str; 2] = ["--set", "crds.create=false"];

#[test]
fn a_global_registry_replaces_the_registry_of_every_image() -> Result<()> {
    let arguments =
        [&NO_CRDS[..], &["--set", "global.imageRegistry=mirror.example:5000/x"]].concat();
    let found = images(&objects(&arguments)?)?;
    ensure!(found.len() == 4, "{found:?}");
    let wrong = found.iter().find(|image| {
        !image.starts_with("mirror.example:5000/x/")
            || image.contains("io/") && image.contains("ghcr")
    });
    ensure!(
        wrong.is_none() && found.contains(&"mirror.example:5000/x/valkey/valkey:8.1.4".to_owned()),
        "{found:?}"
    );
    Ok(())
}

#[test]
fn every_image_can_be_pinned_by_digest() -> Result<()> {
    let pins = ["image", "runner.image", "runner.browserImage", "valkey.image"]
        .map(|image| format!("{image}.digest={DIGEST}"))
        .join(",");
    let found = images(&objects(&[&NO_CRDS[..], &["--set", &pins]].concat())?)?;
    ensure!(found.iter().all(|image| image.ends_with(&format!("@{DIGEST}"))), "{found:?}");
    Ok(())
}

#[test]
fn a_list_of_namespaces_needs_no_cluster_wide_object() -> Result<()> {
    let values = "namespaces={a,b},rbac.clusterRole=false,crds.create=false,policies.create=false,userRoles.create=false";
    let rendered = objects(&["--set", values])?;
    let cluster_wide: Vec<_> =
        rendered.iter().filter(|object| object["metadata"]["namespace"].is_null()).collect();
    ensure!(cluster_wide.is_empty(), "{cluster_wide:?}");
    for namespace in ["a", "b"] {
        let role = rendered
            .iter()
            .find(|o| o["kind"] == "Role" && o["metadata"]["namespace"] == namespace);
        let rules = role.with_context(|| format!("no Role in {namespace}"))?["rules"].to_string();
        ensure!(rules.contains("secrets") && rules.contains("pods") && rules.contains("roles"));
    }
    let all =
        objects(&["--set", "crds.create=false,policies.create=false,userRoles.create=false"])?;
    ensure!(kinds(&all).contains(&"ClusterRole"), "all namespaces need a ClusterRole");
    Ok(())
}

#[test]
fn a_cluster_role_for_a_list_of_namespaces_is_bound_in_these_only() -> Result<()> {
    let rendered = objects(&[&NO_CRDS[..], &["--set", "namespaces={a,b}"]].concat())?;
    ensure!(!kinds(&rendered).contains(&"ClusterRoleBinding"), "it would grant rights everywhere");
    let bound: Vec<_> = rendered
        .iter()
        .filter(|object| {
            object["kind"] == "RoleBinding" && object["roleRef"]["kind"] == "ClusterRole"
        })
        .filter_map(|object| object["metadata"]["namespace"].as_str())
        .collect();
    ensure!(bound == ["a", "b"], "{bound:?}");
    Ok(())
}

#[test]
fn only_viewing_is_added_to_roles_of_kubernetes() -> Result<()> {
    let rendered = objects(&NO_CRDS)?;
    let roles: Vec<_> = rendered.iter().filter(|object| object["kind"] == "ClusterRole").collect();
    for role in &roles {
        let labels = role["metadata"]["labels"].to_string();
        let name = role["metadata"]["name"].as_str().unwrap_or_default();
        ensure!(
            !labels.contains("aggregate-to-edit") && !labels.contains("aggregate-to-admin"),
            "{name}"
        );
        ensure!(labels.contains("aggregate-to-view") == name.ends_with("-viewer"), "{name}");
    }
    let holds = |verb: &str| -> Vec<&str> {
        let with = roles.iter().filter(|role| {
            let rules = role["rules"].as_array().into_iter().flatten();
            rules.flat_map(|rule| rule["verbs"].as_array().into_iter().flatten()).any(|v| v == verb)
        });
        with.filter_map(|role| role["metadata"]["name"].as_str()).collect()
    };
    ensure!(holds("cancel") == ["fno-operator-canceller"], "{:?}", holds("cancel"));
    ensure!(holds("approve") == ["fno-operator-approver"], "{:?}", holds("approve"));
    ensure!(holds("operate") == ["fno-operator"], "{:?}", holds("operate"));
    Ok(())
}

#[test]
fn prometheus_keeps_the_namespace_of_the_jobs() -> Result<()> {
    let rendered =
        objects(&[&NO_CRDS[..], &["--set", "metrics.serviceMonitor.enabled=true"]].concat())?;
    ensure!(the(&rendered, "ServiceMonitor")?["spec"]["endpoints"][0]["honorLabels"] == true);
    Ok(())
}

fn manifest(path: &str) -> Result<Vec<Value>> {
    parse(&std::fs::read_to_string(fno_e2e::Ground::root().join(path))?)
}

#[test]
fn openshift_gets_no_fixed_user_and_no_fixed_group() -> Result<()> {
    let rendered = manifest("config/openshift/fno-operator.yaml")?;
    let runner = Settings::parse(&settings(&rendered)?)?.runner;
    ensure!(runner.fs_group.is_none() && runner.run_as_user.is_none());
    let text = serde_json::to_string(&rendered)?;
    ensure!(
        !text.contains("\"runAsUser\"") && !text.contains("\"fsGroup\""),
        "a fixed user or group"
    );
    Ok(())
}

#[test]
fn deleting_the_operator_from_kustomize_deletes_no_jobs_and_no_evidence() -> Result<()> {
    for path in ["config/default/fno-operator.yaml", "config/openshift/fno-operator.yaml"] {
        let rendered = manifest(path)?;
        for kind in ["Namespace", "CustomResourceDefinition", "PersistentVolumeClaim", "Secret"] {
            ensure!(!kinds(&rendered).contains(&kind), "{path} has a {kind}");
        }
        let claim = &the(&rendered, "Deployment")?["spec"]["template"]["spec"]["volumes"];
        ensure!(claim.to_string().contains("\"claimName\":\"fno-operator-evidence\""), "{claim}");
    }
    let kept = std::fs::read_to_string(
        fno_e2e::Ground::root().join("config/prerequisites/evidence.yaml"),
    )?;
    ensure!(kept.contains("name: fno-operator-evidence"));
    Ok(())
}
