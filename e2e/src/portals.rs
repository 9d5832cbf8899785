//! The journal and the settings of a namespace's demo portals. Requests go through the API server's
//! service proxy, which works on every cluster that a kubeconfig reaches, without routes or
//! port-forwarding.

use anyhow::{Context, Result};
use fno_demo_portals::journal::{EndCause, Entry, Event, Phase, Verdict};
use kube::Client;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The portals of one namespace.
#[derive(Clone)]
pub struct Portals {
    client: Client,
    base: String,
}

impl Portals {
    /// The portals deployed in `namespace`.
    #[must_use]
    pub fn of(client: Client, namespace: &str) -> Self {
        Self {
            client,
            base: format!("/api/v1/namespaces/{namespace}/services/http:portals:80/proxy"),
        }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Result<String> {
        let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        self.client
            .request_text(request.body(body)?)
            .await
            .with_context(|| format!("the portals' control port: {method} {path}"))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        Ok(serde_json::from_str(&self.send("GET", path, None).await?)?)
    }

    /// The whole journal, in order.
    ///
    /// # Errors
    /// The control port does not answer.
    pub async fn journal(&self) -> Result<Vec<Entry>> {
        self.get("/journal").await
    }

    /// Circuits of the portal's data, with the outcome a validation must find.
    ///
    /// # Errors
    /// The control port does not answer.
    pub async fn circuits(&self, portal: &str, count: usize) -> Result<Vec<Circuit>> {
        let page: Page = self.get(&format!("/circuits?portal={portal}&limit={count}")).await?;
        Ok(page.items)
    }

    /// Circuit numbers that look real but do not exist.
    ///
    /// # Errors
    /// The control port does not answer.
    pub async fn absent(&self, portal: &str, count: usize) -> Result<Vec<String>> {
        let absent: Vec<Circuit> =
            self.get(&format!("/circuits/absent?portal={portal}&limit={count}")).await?;
        Ok(absent.into_iter().take(count).map(|c| c.circuit).collect())
    }

    /// Changes settings of a portal while it runs.
    ///
    /// # Errors
    /// The control port refuses them.
    pub async fn set(&self, portal: &str, mut settings: Value) -> Result<()> {
        settings["portal"] = json!(portal);
        self.send("PATCH", "/settings", Some(settings)).await.map(drop)
    }

    /// Creates an account, or replaces it.
    ///
    /// # Errors
    /// The control port refuses it.
    pub async fn account(&self, account: Value) -> Result<()> {
        self.send("POST", "/accounts", Some(account)).await.map(drop)
    }

    /// Unlocks an account, as the portal's own support would.
    ///
    /// # Errors
    /// The control port does not answer.
    pub async fn unlock(&self, portal: &str, username: &str) -> Result<()> {
        let who = json!({"portal": portal, "username": username});
        self.send("POST", "/accounts/unlock", Some(who)).await.map(drop)
    }

    /// Uses up a TOTP step of the account as another user would. `None` means the current step.
    ///
    /// # Errors
    /// The control port does not answer.
    pub async fn use_step(&self, portal: &str, username: &str, step: Option<u64>) -> Result<()> {
        self.send(
            "POST",
            "/steps/use",
            Some(json!({"portal": portal, "username": username, "step": step})),
        )
        .await
        .map(drop)
    }
}

/// A circuit of the portal's data.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Circuit {
    /// Circuit number.
    #[serde(rename = "circuitNumber")]
    pub circuit: String,
    /// The outcome a validation must find.
    #[serde(rename = "expectedOutcome")]
    pub outcome: String,
}

#[derive(serde::Deserialize)]
struct Page {
    items: Vec<Circuit>,
}

/// What a scenario asks the journal.
pub trait Judge {
    /// Logins that opened a session.
    fn logins(&self) -> usize;
    /// TOTP steps of accepted codes, in order.
    fn steps(&self) -> Vec<u64>;
    /// Refused passwords and codes.
    fn refused(&self) -> Vec<Verdict>;
    /// Circuits looked up, in order.
    fn lookups(&self) -> Vec<String>;
    /// Sessions that ended by logging out.
    fn logouts(&self) -> usize;
    /// Whether an account was locked.
    fn locked(&self) -> bool;
}

impl Judge for [Entry] {
    fn logins(&self) -> usize {
        self.iter()
            .filter(|e| {
                e.session.is_some()
                    && matches!(e.event, Event::Login { verdict: Verdict::Accepted, .. })
            })
            .count()
    }

    fn steps(&self) -> Vec<u64> {
        let step = |e: &Entry| match e.event {
            Event::Login { phase: Phase::Code, step, verdict: Verdict::Accepted } => step,
            _ => None,
        };
        self.iter().filter_map(step).collect()
    }

    fn refused(&self) -> Vec<Verdict> {
        let refused = |e: &Entry| match e.event {
            Event::Login { verdict, .. } if verdict != Verdict::Accepted => Some(verdict),
            _ => None,
        };
        self.iter().filter_map(refused).collect()
    }

    fn lookups(&self) -> Vec<String> {
        let circuit = |e: &Entry| match &e.event {
            Event::Lookup { circuit } => Some(circuit.clone()),
            _ => None,
        };
        self.iter().filter_map(circuit).collect()
    }

    fn logouts(&self) -> usize {
        self.iter()
            .filter(|e| matches!(e.event, Event::SessionEnd { cause: EndCause::Logout }))
            .count()
    }

    fn locked(&self) -> bool {
        self.iter().any(|e| matches!(e.event, Event::AccountLocked { .. }))
    }
}
