//! Names and paths that more than one part must agree on.

/// Label: the provider an object belongs to.
pub const LABEL_PROVIDER: &str = "fno.dev/provider";
/// Label: the account a batch works with.
pub const LABEL_ACCOUNT: &str = "fno.dev/account";
/// Label: the batch an object belongs to.
pub const LABEL_BATCH: &str = "fno.dev/batch";
/// Label on runner Pods: fingerprint of the images they were made with.
pub const LABEL_IMAGES: &str = "fno.dev/images";
/// Label: `app.kubernetes.io/managed-by`, value [`MANAGER`].
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label: `app.kubernetes.io/component`, `runner` on runner Pods.
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// Field manager and value of [`LABEL_MANAGED_BY`].
pub const MANAGER: &str = "fno-operator";
/// Field manager of the runner.
pub const RUNNER: &str = "fno-runner";

/// Finalizer that holds a job while it is in a batch, and a batch while it lives.
pub const FINALIZER: &str = "fno.dev/at-work";
/// Annotation on a provider: close lingering batches now. The value is free (a time reads well).
pub const ANNOTATION_FLUSH: &str = "fno.dev/flush";
/// Annotation on a provider: an RFC 3339 time that is not in the future. Breakers opened at or before it close, once.
pub const ANNOTATION_RESUME: &str = "fno.dev/resume";

/// Keys of an account's credentials Secret.
pub const KEY_USERNAME: &str = "username";
/// See [`KEY_USERNAME`].
pub const KEY_PASSWORD: &str = "password";
/// Keys of a batch's TOTP Secret: the code.
pub const KEY_CODE: &str = "code";
/// Keys of a batch's TOTP Secret: the time step the code belongs to.
pub const KEY_STEP: &str = "step";
/// Keys of a batch's TOTP Secret: RFC 3339 time after which it must not be typed.
pub const KEY_NOT_AFTER: &str = "notAfter";
/// Keys of a batch's work Secret: what the runner works from. Beside it lie [`KEY_USERNAME`] and [`KEY_PASSWORD`], as they were pinned.
pub const KEY_WORK: &str = "work.json";
/// Keys of a batch's work Secret: the keyed digest of the pinned credentials. It does not enter the Pod.
pub const KEY_CREDENTIALS_VERSION: &str = "credentialsVersion";
/// Key of the Secret [`INSTALL_KEY_SECRET`]: 32 random bytes.
pub const KEY_INSTALL_KEY: &str = "key";
/// Secret in the operator's namespace with the key that credentials are digested with. Created by the operator when it is missing.
pub const INSTALL_KEY_SECRET: &str = "fno-operator-credentials-key";

/// Name of the container that drives the portal.
pub const CONTAINER_RUNNER: &str = "runner";
/// Name of the native sidecar with geckodriver and Firefox.
pub const CONTAINER_BROWSER: &str = "browser";
/// Where the runner finds [`KEY_WORK`].
pub const PATH_WORK: &str = "/var/run/fno/work";
/// Where the runner finds the account's username and password.
pub const PATH_CREDENTIALS: &str = "/var/run/fno/credentials";
/// Where the evidence volume is mounted, in the runner and in the operator.
pub const PATH_EVIDENCE: &str = "/var/lib/fno/evidence";
/// Where geckodriver listens inside the Pod. Loopback only.
pub const WEBDRIVER_URL: &str = "http://127.0.0.1:4444";

/// The immutable Secret with flows and job specs.
#[must_use]
pub fn work_secret(batch: &str) -> String {
    format!("{batch}-work")
}

/// The immutable Secret with the code of the batch's `login`-th login (from 1).
#[must_use]
pub fn totp_secret(batch: &str, login: i32) -> String {
    format!("{batch}-totp-{login}")
}

/// The runner Pod of one attempt (from 1). A new attempt never reuses a name: a namesake may still be terminating.
#[must_use]
pub fn pod(batch: &str, attempt: i32) -> String {
    format!("{batch}-a{attempt}")
}

/// The attempt in the name of a runner Pod.
#[must_use]
pub fn attempt(pod: &str) -> Option<i32> {
    pod.rsplit_once("-a")?.1.parse().ok()
}

/// ServiceAccount, Role and RoleBinding of the batch's runner.
#[must_use]
pub fn runner_account(batch: &str) -> String {
    format!("{batch}-runner")
}
