//! The operator's settings: one YAML file, which the chart renders from its values.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use fno_core::objects::{EnvironmentVariable, EvidenceSettings, RunnerSettings};
use fno_crds::Duration as Words;
use serde::Deserialize;

/// The whole file. Unknown fields are refused, so that a misspelt setting is not silently ignored.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Namespaces in which the operator works. Empty for all namespaces.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Name of the RoleBinding in each of these namespaces that gives the operator its permissions there. The operator keeps it from being
    /// deleted before its batches.
    #[serde(default)]
    pub role_binding: Option<String>,
    /// Maximum number of runner Pods at the same time, in the whole cluster.
    #[serde(default = "five")]
    pub max_runners: usize,
    /// The Valkey in which used TOTP steps are recorded.
    pub valkey: Valkey,
    /// Where evidence is stored.
    #[serde(default)]
    pub evidence: EvidenceSettings,
    /// How runner Pods are created.
    pub runner: RunnerSettings,
    /// How long each part of a batch's life may last.
    #[serde(default)]
    pub deadlines: Deadlines,
}

/// How to reach Valkey.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Valkey {
    /// `redis://host:port[/database]`, or `rediss://` for TLS. Must not contain the password, which is in `passwordFile`.
    pub url: String,
    /// File with the password.
    #[serde(default)]
    pub password_file: Option<String>,
    /// File with CA certificates (PEM) to trust in addition to the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
}

/// How long each part of a batch's life may last before the batch fails and its jobs return to Pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Deadlines {
    /// From the batch's creation until its Pod runs.
    pub pod_running: Words,
    /// From the permission to log in until the login has succeeded.
    pub logged_in: Words,
    /// The flow of one job. The runner enforces this.
    pub job: Words,
    /// How long a runner may go without a heartbeat; at least 60 s.
    pub heartbeat: Words,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            pod_running: Words::from_mins(5),
            logged_in: Words::from_mins(5),
            job: Words::from_mins(3),
            heartbeat: Words::from_mins(2),
        }
    }
}

const fn five() -> usize {
    5
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// If the file cannot be read, a field is unknown or has the wrong type, or a value is invalid. The message names the field.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the settings file {} cannot be read", path.display()))?;
        Self::parse(&text)
            .with_context(|| format!("the settings file {} is not valid", path.display()))
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let settings: Self =
            serde_yaml::from_str(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(self.max_runners > 0, "maxRunners must be at least 1");
        ensure!(
            !self.runner.image.is_empty() && !self.runner.browser_image.is_empty(),
            "runner.image and runner.browserImage must not be empty"
        );
        let policies = ["Always", "IfNotPresent", "Never"];
        let policy = self.runner.image_pull_policy.as_str();
        ensure!(
            policies.contains(&policy),
            "runner.imagePullPolicy is {policy:?}, but must be Always, IfNotPresent or Never"
        );
        self.check_environment()?;
        let url = self.evidence.url.as_str();
        ensure!(
            url.strip_prefix("file://").is_some_and(|path| path.starts_with('/'))
                || url.strip_prefix("s3://").is_some_and(|rest| !rest.is_empty()),
            "evidence.url is {url:?}, but must be file:///folder or s3://bucket/prefix"
        );
        ensure!(
            ["redis://", "rediss://"].iter().any(|scheme| self.valkey.url.starts_with(scheme)),
            "valkey.url must start with redis:// or rediss:// (TLS)"
        );
        ensure!(
            !self.valkey.url.contains('@'),
            "valkey.url must not contain a password: put it into a file and name that file in valkey.passwordFile"
        );
        for (name, value) in [
            ("podRunning", self.deadlines.pod_running),
            ("loggedIn", self.deadlines.logged_in),
            ("job", self.deadlines.job),
            ("heartbeat", self.deadlines.heartbeat),
        ] {
            ensure!(value.std() >= Duration::from_secs(1), "deadlines.{name} must be at least 1s");
        }
        ensure!(
            self.deadlines.heartbeat.std() >= Duration::from_secs(60),
            "deadlines.heartbeat must be at least 60s: runners report every 30s"
        );
        Ok(())
    }

    /// Refuses variables that the operator sets itself: they would silently have no effect.
    fn check_environment(&self) -> anyhow::Result<()> {
        let runner = &self.runner;
        for (list, variables) in
            [("extraEnv", &runner.extra_env), ("browserExtraEnv", &runner.browser_extra_env)]
        {
            let ours = |variable: &&EnvironmentVariable| {
                variable.name.starts_with("FNO_")
                    || matches!(variable.name.as_str(), "HOME" | "TMPDIR")
            };
            if let Some(variable) = variables.iter().find(ours) {
                anyhow::bail!("runner.{list} must not set {}: the operator sets it", variable.name);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "valkey: {url: redis://valkey:6379}\nrunner: {image: r, browserImage: b}\n";

    #[test]
    fn a_file_with_only_the_required_settings_gets_the_documented_defaults() {
        let settings = Settings::parse(LEAST).expect("valid");
        assert_eq!(settings.max_runners, 5);
        assert_eq!(settings.evidence.url, "file:///var/lib/fno/evidence");
        assert_eq!(
            (settings.evidence.claim.name.as_str(), settings.evidence.claim.size.0.as_str()),
            ("fno-evidence", "5Gi")
        );
        assert_eq!(settings.runner.fs_group, Some(65_532));
        assert_eq!(settings.runner.browser_resources.limits.expect("limits")["memory"].0, "1Gi");
        assert_eq!(settings.deadlines, Deadlines::default());
    }

    #[test]
    fn every_setting_is_understood() {
        let settings = Settings::parse(
            r"
namespaces: [lines]
roleBinding: fno-operator
maxRunners: 2
valkey: {url: 'rediss://valkey:6379', passwordFile: /var/run/fno/valkey/password, caFile: null}
evidence:
  url: s3://bucket/prefix
  claim: {name: e, size: 1Gi, storageClassName: fast, accessModes: [ReadWriteMany]}
  s3: {endpoint: 'https://s3.example', region: af-south-1, credentialsDir: /c, runnerSecret: s}
runner:
  image: r
  browserImage: b
  imagePullPolicy: Always
  imagePullSecrets: [{name: pull}]
  resources: {requests: {cpu: 50m}}
  browserResources: {limits: {memory: 2Gi}}
  nodeSelector: {a: b}
  tolerations: [{key: k, operator: Exists}]
  affinity: {nodeAffinity: {}}
  labels: {x: z}
  annotations: {a: b}
  priorityClassName: low
  runtimeClassName: gvisor
  extraEnv: [{name: HTTPS_PROXY, value: 'http://proxy:3128'}]
  browserExtraEnv: [{name: TZ, value: UTC}]
  fsGroup: null
  runAsUser: 1000
  shmSize: 512Mi
  tmpSize: 2Gi
  proxy: proxy:3128
deadlines: {podRunning: 1m, loggedIn: 90s, job: 1m, heartbeat: 2m}
",
        )
        .expect("valid");
        assert_eq!((settings.runner.fs_group, settings.runner.run_as_user), (None, Some(1000)));
        assert_eq!(settings.deadlines.logged_in, Words::from_secs(90));
    }

    #[test]
    fn a_wrong_setting_is_refused_by_name() {
        for (text, named) in [
            ("maxRuners: 3\n", "maxRuners"),
            ("maxRunners: 0\n", "maxRunners"),
            ("deadlines: {heartbeat: 5s}\n", "deadlines.heartbeat"),
            ("deadlines: {job: soon}\n", "soon"),
            ("evidence: {url: /var/lib}\n", "evidence.url"),
            ("evidence: {s3: {secret: shared}}\n", "secret"),
        ] {
            let error =
                format!("{:#}", Settings::parse(&format!("{text}{LEAST}")).expect_err(text));
            assert!(error.contains(named), "{text}: {error}");
        }
        for (text, named) in [
            (
                "valkey: {url: 'redis://:pw@valkey'}\nrunner: {image: r, browserImage: b}\n",
                "passwordFile",
            ),
            ("valkey: {url: valkey}\nrunner: {image: r, browserImage: b}\n", "redis://"),
            ("valkey: {url: redis://v}\nrunner: {image: r}\n", "browserImage"),
            (
                "valkey: {url: redis://v}\nrunner: {image: r, browserImage: b, imagePullPolicy: Sometimes}\n",
                "Sometimes",
            ),
            (
                "valkey: {url: redis://v}\nrunner: {image: r, browserImage: b, extraEnv: [{name: FNO_BATCH, value: x}]}\n",
                "runner.extraEnv must not set FNO_BATCH",
            ),
            (
                "valkey: {url: redis://v}\nrunner: {image: r, browserImage: b, browserExtraEnv: [{name: A, valueFrom: {}}]}\n",
                "valueFrom",
            ),
        ] {
            let error = format!("{:#}", Settings::parse(text).expect_err(text));
            assert!(error.contains(named), "{text}: {error}");
            assert!(!error.contains("pw@"), "{error}");
        }
    }
}
