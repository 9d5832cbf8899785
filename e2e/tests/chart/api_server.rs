//! A bare API server with its etcd: no kubelet, no controllers. For everything that the API server alone decides.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use fno_e2e::{Ground, ground};
use http::header::AUTHORIZATION;
use kube::{
    Client, Config,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};

/// Long enough for a busy machine; only a failure takes this long.
pub const PATIENCE: Duration = Duration::from_secs(90);
const AGAIN: Duration = Duration::from_millis(100);

/// One at a time: several would only slow each other down.
static ONE: Mutex<()> = Mutex::const_new(());

/// A running API server. Ends with the test.
pub struct ApiServer {
    folder: TempDir,
    processes: Vec<Process>,
    /// A cluster administrator.
    pub client: Client,
    _one: Option<MutexGuard<'static, ()>>,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ended = (self.0.kill(), self.0.wait());
    }
}

/// In whose name a request is made, by impersonation.
#[derive(Clone, Debug)]
pub struct User {
    /// Name of the user.
    pub name: String,
    /// The Pod that its token is bound to.
    pub pod_uid: Option<String>,
}

impl User {
    /// A person.
    pub fn person(name: &str) -> Self {
        Self { name: name.to_owned(), pod_uid: None }
    }

    /// A ServiceAccount.
    pub fn account(namespace: &str, name: &str) -> Self {
        Self::person(&format!("system:serviceaccount:{namespace}:{name}"))
    }

    /// With a token of this Pod.
    pub fn in_pod(mut self, uid: &str) -> Self {
        self.pod_uid = Some(uid.to_owned());
        self
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What the kubeconfig in the folder says.
async fn config_in(folder: &Path) -> Result<Config> {
    let kubeconfig = Kubeconfig::read_from(folder.join("kubeconfig"))?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

fn etcd_arguments(path: impl Fn(&str) -> String, etcd: &str, peers: &str) -> Vec<String> {
    vec![
        format!("--data-dir={}", path("etcd")),
        format!("--listen-client-urls={etcd}"),
        format!("--advertise-client-urls={etcd}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        "--unsafe-no-fsync".to_owned(),
    ]
}

fn server_arguments(path: impl Fn(&str) -> String, etcd: &str, port: u16) -> Vec<String> {
    vec![
        format!("--etcd-servers={etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", path("certificates")),
        format!("--token-auth-file={}", path("tokens")),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://bare".to_owned(),
        format!("--service-account-key-file={}", path("sa.key")),
        format!("--service-account-signing-key-file={}", path("sa.key")),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        // Without controllers no namespace gets its default account.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
    ]
}

impl ApiServer {
    /// Starts one with its data in a temporary folder.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts one with further arguments.
    pub async fn start_with(more: &[&str]) -> Result<Self> {
        let one = ONE.lock().await;
        // A port that was free may be taken by another program before it is used.
        for _ in 0..2 {
            if let Ok(started) = Self::start_once(more).await {
                return Ok(Self { _one: Some(one), ..started });
            }
        }
        Ok(Self { _one: Some(one), ..Self::start_once(more).await? })
    }

    async fn start_once(more: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let curve =
            ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &path("sa.key")];
        ground::run("openssl", &curve, None).await?;
        std::fs::write(path("tokens"), "administrator,administrator,1,system:masters\n")?;
        let (etcd, peers, port) = (free_port()?, free_port()?, free_port()?);
        let etcd = format!("http://127.0.0.1:{etcd}");
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "bare",
            "clusters": [{"name": "bare", "cluster": {"server": format!("https://127.0.0.1:{port}"), "insecure-skip-tls-verify": true}}],
            "users": [{"name": "administrator", "user": {"token": "administrator"}}],
            "contexts": [{"name": "bare", "context": {"cluster": "bare", "user": "administrator"}}],
        });
        std::fs::write(path("kubeconfig"), kubeconfig.to_string())?;
        let start = |program: &str, arguments: &[String]| -> Result<Process> {
            let log = std::fs::File::create(path(&format!("{program}.log")))?;
            // Ends with the test, even if that is interrupted.
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", program]).args(arguments);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            Ok(Process(command.spawn().context("setpriv is missing (util-linux)")?))
        };
        let mut server = server_arguments(path, &etcd, port);
        server.extend(more.iter().map(|argument| (*argument).to_owned()));
        let processes = vec![
            start("etcd", &etcd_arguments(path, &etcd, &format!("http://127.0.0.1:{peers}")))?,
            start("kube-apiserver", &server)?,
        ];
        let client = Client::try_from(config_in(folder.path()).await?)?;
        let mut server = Self { folder, processes, client, _one: None };
        server.until_ready().await?;
        Ok(server)
    }

    async fn until_ready(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let request = http::Request::get("/readyz").body(Vec::new())?;
            let Err(error) = self.client.request_text(request).await else { return Ok(()) };
            let ended = self.processes.iter_mut().any(|p| !matches!(p.0.try_wait(), Ok(None)));
            if ended || Instant::now() > until {
                let log = |program| std::fs::read_to_string(self.folder.path().join(program));
                let logs = [log("etcd.log")?, log("kube-apiserver.log")?].concat();
                let last = logs.lines().rev().take(10).collect::<Vec<_>>().join("\n");
                bail!("the API server is not ready (are the tools in PATH?): {error}\n{last}");
            }
            sleep(AGAIN).await;
        }
    }

    /// A client with a token instead of the administrator's.
    pub async fn client_with(&self, token: &str) -> Result<Client> {
        let mut config = config_in(self.folder.path()).await?;
        config.auth_info = AuthInfo::default();
        config.headers.push((AUTHORIZATION, format!("Bearer {token}").parse()?));
        Ok(Client::try_from(config)?)
    }

    /// `kubectl` as the administrator.
    pub async fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> Result<String> {
        let kubeconfig = self.folder.path().join("kubeconfig").display().to_string();
        ground::run("kubectl", &[&["--kubeconfig", &kubeconfig], arguments].concat(), input).await
    }

    /// `helm` as the administrator.
    pub async fn helm(&self, arguments: &[&str]) -> Result<String> {
        let kubeconfig = self.folder.path().join("kubeconfig").display().to_string();
        ground::run("helm", &[&["--kubeconfig", &kubeconfig], arguments].concat(), None).await
    }

    /// The CRDs, and namespaces.
    pub async fn prepare(&self, namespaces: &[&str]) -> Result<()> {
        let crds = Ground::root().join("charts/fno-operator/files/crds").display().to_string();
        self.kubectl(&["apply", "--server-side", "-k", &crds], None).await?;
        self.kubectl(
            &["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"],
            None,
        )
        .await?;
        for namespace in namespaces {
            self.kubectl(&["create", "namespace", namespace], None).await?;
        }
        // An established kind is served a moment later.
        let all = ["get", "fnoproviders,fnojobs,fnobatches", "--all-namespaces"];
        let until = Instant::now() + PATIENCE;
        while let Err(error) = self.kubectl(&all, None).await {
            if Instant::now() > until {
                return Err(error);
            }
            sleep(AGAIN).await;
        }
        Ok(())
    }

    /// A request in the name of a user. The inner error is the API server's sentence.
    pub async fn send(
        &self,
        user: &User,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<std::result::Result<Value, String>> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("Impersonate-User", &user.name)
            .header("Impersonate-Group", "system:authenticated");
        if let Some(uid) = &user.pod_uid {
            request = request
                .header("Impersonate-Extra-authentication.kubernetes.io%2Fpod-uid", uid.as_str());
        }
        let kind =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = request.header("Content-Type", kind).body(body.to_string().into_bytes())?;
        match self.client.request(request).await {
            Ok(object) => Ok(Ok(object)),
            Err(kube::Error::Api(status)) => Ok(Err(status.message.clone())),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends the request until it is admitted: roles and policies take a moment to be in force.
    pub async fn admitted(
        &self,
        user: &User,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.send(user, method, path, body).await? {
                Ok(object) => return Ok(object),
                Err(sentence) if Instant::now() > until => {
                    bail!("{} may not {method} {path} {body}: {sentence}", user.name)
                }
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    /// Tries the request, without effect, until it is refused with a sentence that contains `part`.
    pub async fn refused(
        &self,
        user: &User,
        method: &str,
        path: &str,
        body: &Value,
        part: &str,
    ) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let path = format!("{path}?dryRun=All");
        loop {
            let answer = self.send(user, method, &path, body).await?;
            match answer {
                Err(sentence) if sentence.contains(part) => return Ok(()),
                answer if Instant::now() > until => {
                    bail!(
                        "{} {method} {path} {body}: not refused with {part:?}: {answer:?}",
                        user.name
                    )
                }
                _ => sleep(AGAIN).await,
            }
        }
    }
}
