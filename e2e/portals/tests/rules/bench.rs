//! A minimal browser: talks to the portals in this process, follows redirects across all origins,
//! keeps cookies.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use fno_demo_portals::journal::{Entry, Event};
use fno_demo_portals::{
    AccountSpec, Clock, Config, Origin, Portal, Portals, control_router, site_router,
};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};
use tower::ServiceExt;

/// The seed of RFC 6238, "12345678901234567890".
pub const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub const USER: &str = "tester";
pub const PASSWORD: &str = "Correct-Horse-1";

/// The portals of a test, with a clock that stands still and no delays.
pub struct Bench {
    pub portals: Arc<Portals>,
    pub clock: Clock,
}

pub fn origins() -> BTreeMap<Origin, String> {
    Origin::ALL.map(|origin| (origin, format!("http://{}", origin.name()))).into()
}

/// One account per portal; Octotel's with a seed.
pub fn accounts() -> Vec<AccountSpec> {
    let account = |portal| {
        let mut spec = AccountSpec::new(portal, USER, PASSWORD);
        spec.totp_seed = (portal == Portal::Octotel).then(|| SEED.to_owned());
        spec
    };
    Portal::ALL.map(account).into()
}

pub fn quick(config: Config) -> Config {
    let calm =
        json!({"latencyMs": 0, "latencyJitterMs": 0, "renderDelayMs": 0, "interstitialEvery": 0});
    let calm = calm.as_object().expect("an object").clone();
    let portals = Portal::ALL.map(|portal| (portal, calm.clone())).into();
    Config { portals, accounts: Some(accounts()), circuits_per_portal: 400, ..config }
}

impl Bench {
    pub fn new() -> Self {
        Self::with(quick(Config::default()))
    }

    pub fn with(config: Config) -> Self {
        let start: Timestamp = "2026-03-02T08:00:00Z".parse().expect("a time");
        let clock = Clock::manual(start);
        let portals =
            Portals::new(config, origins(), clock.clone(), false).expect("a good configuration");
        Self { portals: Arc::new(portals), clock }
    }

    pub fn browser(&self) -> Browser {
        Browser { portals: Arc::clone(&self.portals), cookies: HashMap::new() }
    }

    /// A call to the control port that must succeed.
    pub async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_control(method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    pub async fn try_control(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json");
        let request = request.body(body).expect("a request");
        let response =
            control_router(Arc::clone(&self.portals)).oneshot(request).await.expect("infallible");
        let status = response.status();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub async fn journal(&self) -> Vec<Entry> {
        serde_json::from_value(self.control(Method::GET, "/journal", Value::Null).await)
            .expect("entries")
    }

    pub async fn events(&self) -> Vec<Event> {
        self.journal().await.into_iter().map(|entry| entry.event).collect()
    }

    pub async fn set(&self, portal: Portal, mut changes: Value) {
        changes["portal"] = json!(portal);
        self.control(Method::PATCH, "/settings", changes).await;
    }

    pub async fn circuits(&self, query: &str) -> Vec<fno_demo_portals::CircuitTruth> {
        let page = self.control(Method::GET, &format!("/circuits?{query}"), Value::Null).await;
        serde_json::from_value(page["items"].clone()).expect("circuits")
    }

    pub async fn circuit(&self, portal: Portal, number: &str) -> fno_demo_portals::CircuitTruth {
        serde_json::from_value(
            self.control(Method::GET, &format!("/circuits/{portal}/{number}"), Value::Null).await,
        )
        .expect("a circuit")
    }

    /// The code of the step that is `steps` away from now.
    pub fn code(&self, steps: i64) -> String {
        let secret = Secret::try_from_base32(SEED).expect("base32");
        let totp = Builder::new().with_secret(secret).build_noncompliant();
        let seconds = self.clock.now().as_second() + 30 * steps;
        totp.generate(u64::try_from(seconds).expect("after 1970")).to_string()
    }

    pub fn step(&self) -> u64 {
        u64::try_from(self.clock.now().as_second() / 30).expect("after 1970")
    }
}

pub struct Browser {
    portals: Arc<Portals>,
    cookies: HashMap<Origin, HashMap<String, String>>,
}

pub struct Reply {
    pub status: StatusCode,
    pub url: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.url, self.body))
    }

    /// The text between two marks, with character references resolved.
    pub fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self
            .body
            .split_once(before)
            .unwrap_or_else(|| panic!("no {before:?} in {}: {}", self.url, self.body));
        let (text, _) = rest.split_once(after).expect("an end");
        plain_text(text)
    }
}

impl Browser {
    pub async fn get(&mut self, url: &str) -> Reply {
        self.send(Method::GET, url, "", String::new()).await
    }

    pub async fn post_json(&mut self, url: &str, body: &Value) -> Reply {
        self.send(Method::POST, url, "application/json", body.to_string()).await
    }

    pub async fn post_form(&mut self, url: &str, fields: &[(&str, &str)]) -> Reply {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.send(Method::POST, url, "application/x-www-form-urlencoded", pairs.join("&")).await
    }

    async fn send(
        &mut self,
        mut method: Method,
        url: &str,
        content: &str,
        mut body: String,
    ) -> Reply {
        let mut url = url.to_owned();
        for _ in 0..10 {
            let origin = Origin::ALL.into_iter().find(|origin| {
                let base = self.portals.url(*origin);
                url.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            let origin = origin.unwrap_or_else(|| panic!("{url} is on no origin"));
            let path = &url[self.portals.url(origin).len()..];
            let path = if path.is_empty() { "/" } else { path };
            let cookies: Vec<String> = self
                .cookies
                .entry(origin)
                .or_default()
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header(header::COOKIE, cookies.join("; "))
                .header(header::CONTENT_TYPE, content)
                .body(Body::from(body.clone()))
                .expect("a request");
            let response = site_router(origin, Arc::clone(&self.portals))
                .oneshot(request)
                .await
                .expect("infallible");
            let (status, headers) = (response.status(), response.headers().clone());
            self.keep(origin, &headers);
            if status.is_redirection() {
                let location = headers[header::LOCATION].to_str().expect("text").to_owned();
                url = if location.starts_with('/') {
                    format!("{}{location}", self.portals.url(origin))
                } else {
                    location
                };
                (method, body) = (Method::GET, String::new());
                continue;
            }
            let bytes = response.into_body().collect().await.expect("a body").to_bytes();
            return Reply {
                status,
                url,
                headers,
                body: String::from_utf8(bytes.to_vec()).expect("text"),
            };
        }
        panic!("redirected in circles: {url}");
    }

    fn keep(&mut self, origin: Origin, headers: &HeaderMap) {
        let jar = self.cookies.entry(origin).or_default();
        for cookie in headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if cookie.contains("Max-Age=0") {
                jar.remove(name)
            } else {
                jar.insert(name.to_owned(), value.to_owned())
            };
        }
    }

    /// Goes through the login up to the page after the password.
    pub async fn password(&mut self, portal: Portal, user: &str, password: &str) -> Reply {
        match portal {
            Portal::Octotel => {
                self.get("http://octotel/login").await;
                self.post_form(
                    "http://octotel-login/login",
                    &[("username", user), ("password", password)],
                )
                .await
            }
            Portal::Openserve => {
                self.get("http://openserve/auth/login?next=/dashboard").await;
                self.post_form(
                    "http://openserve-login/oauth/authorize",
                    &[("loginfmt", user), ("passwd", password)],
                )
                .await
            }
            Portal::Mfn => {
                self.post_form("http://metrofibre/login", &[("user", user), ("pass", password)])
                    .await
            }
            Portal::Evotel => {
                let page = self.get("http://evotel/Account/Login").await;
                let token = page
                    .between("name=\"__RequestVerificationToken\" type=\"hidden\" value=\"", "\"");
                let fields = [
                    ("UserName", user),
                    ("Password", password),
                    ("__RequestVerificationToken", &token),
                ];
                self.post_form("http://evotel/Account/Login", &fields).await
            }
            Portal::Lightlink => {
                self.post_form("http://lightlink/login", &[("user", user), ("password", password)])
                    .await
            }
        }
    }

    pub async fn code(&mut self, code: &str) -> Reply {
        self.post_form("http://octotel-login/mfa", &[("code", code)]).await
    }

    /// Logs in as the test's account, with the current code if one is asked for.
    pub async fn log_in(&mut self, bench: &Bench, portal: Portal) {
        let mut page = self.password(portal, USER, PASSWORD).await;
        if portal == Portal::Octotel {
            page = self.code(&bench.code(0)).await;
        }
        assert!(
            page.status.is_success() && self.signed_in(portal).await,
            "not logged in to {portal}: {} {}",
            page.url,
            page.body
        );
    }

    pub async fn signed_in(&mut self, portal: Portal) -> bool {
        match portal {
            Portal::Octotel => self.get("http://octotel/api/me").await.status.is_success(),
            Portal::Openserve => self.get("http://openserve/api/session").await.status.is_success(),
            Portal::Mfn => self.get("http://metrofibre/lines").await.url.ends_with("/lines"),
            Portal::Evotel => {
                self.get("http://evotel/Home/Index").await.url.ends_with("/Home/Index")
            }
            Portal::Lightlink => self.get("http://lightlink/").await.body.contains("Find a line"),
        }
    }
}

pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}

/// Text of a page with its character references resolved.
pub fn plain_text(text: &str) -> String {
    let references = [
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    references
        .iter()
        .fold(text.to_owned(), |text, (reference, plain)| text.replace(reference, plain))
}
