//! User name, password and code: typed into the portal's own pages, and seen nowhere else.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use fno_crds::Reason;
use fno_runner::engine::{FailureKind, NoCode, Secrets};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::{Bench, CODE, Known, PASSWORD, Site, click, text};

/// Tells in its title whatever reaches it.
const FORM: &str = "<form><input id=user><input id=pass type=password><button id=go>Go</button></form><pre id=log></pre><script>
    for (const type of ['keydown', 'input', 'paste']) addEventListener(type, () => { log.textContent = user.value + '/' + pass.value; }, true);
    document.forms[0].onsubmit = (event) => { event.preventDefault(); log.textContent = `in as ${user.value}`; };</script>";

fn login() -> Value {
    json!([
        {"type": "change", "name": "user", "selectors": [["#user"]], "value": "{{ secret.username }}"},
        {"type": "change", "name": "pass", "selectors": [["#pass"]], "value": "{{ secret.password }}"},
        click("#go"),
        text("log", "#log"),
    ])
}

#[tokio::test]
async fn secrets_are_typed_into_the_portals_pages_and_shown_nowhere() {
    let mut bench = Bench::with(&[("/", FORM)]).await;
    let walked = bench.walk(login()).await;
    assert_eq!(walked.finished()["log"], "in as anna");
    let told = format!("{:?} {:?}", walked.trace.entries, walked.end);
    assert!(!told.contains(PASSWORD) && !told.contains("anna\""), "{told}");
    let walked = bench
        .walk_on(
            json!([{"type": "extract", "field": "x", "from": "Value", "selectors": [["#user"]]}]),
        )
        .await;
    assert!(
        walked.failure().message.contains("<input#user> holds a secret and is not read"),
        "{}",
        walked.failure().message
    );
}

#[tokio::test]
async fn a_page_of_another_origin_gets_nothing() {
    let site = Site::of(&[("/", FORM)]).await;
    let foreign = site.other_origin();
    let mut bench = Bench::on(site).await;
    let mut steps = vec![json!({"type": "navigate", "url": foreign})];
    steps.extend(login().as_array().expect("steps").iter().cloned());
    let walked = bench.walk(steps.into()).await;
    let failure = walked.failure();
    assert_eq!(
        (failure.kind, failure.reason, failure.step.as_str()),
        (FailureKind::ForeignOrigin, Reason::StepFailed, "user")
    );
    assert!(
        failure.message.contains(&format!("{foreign} is not in allowedOrigins")),
        "{}",
        failure.message
    );
    let walked = bench.walk_on(json!([{"type": "waitForElement", "selectors": [["#log"]], "properties": {"textContent": ""}, "visible": false}])).await;
    walked.finished();
}

#[tokio::test]
async fn every_page_around_a_frame_must_be_the_portals() {
    let inner = Site::of(&[("/", FORM)]).await;
    let page = |address: &str| format!("<iframe id=f src='{address}/'></iframe>");
    for (around, frame, typed) in [(true, true, true), (true, false, false), (false, true, false)] {
        let site = Site::of(&[("/", &page(&inner.other_origin()))]).await;
        let mut bench = Bench::on(site).await;
        bench.rules.allowed_origins = vec![
            if around { bench.site.url.clone() } else { inner.url.clone() },
            if frame { inner.other_origin() } else { "https://else.test".into() },
        ];
        let mut steps = vec![json!({"type": "switchTo", "to": "Frame", "selectors": [["#f"]]})];
        steps.extend(login().as_array().expect("steps").iter().cloned());
        let walked = bench.walk(steps.into()).await;
        if typed {
            assert_eq!(walked.finished()["log"], "in as anna");
        } else {
            assert_eq!(
                walked.failure().kind,
                FailureKind::ForeignOrigin,
                "around {around}, frame {frame}"
            );
        }
    }
}

/// Counts how often it is asked.
struct Counting(Arc<AtomicUsize>, Result<(), Reason>);

#[async_trait]
impl Secrets for Counting {
    fn username(&self) -> SecretString {
        Known.username()
    }

    fn password(&self) -> SecretString {
        Known.password()
    }

    async fn code(&self, _: Option<i64>) -> Result<SecretString, NoCode> {
        self.0.fetch_add(1, Ordering::SeqCst);
        // Longer than the step may take: its clock stands still.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        self.1
            .map(|()| CODE.into())
            .map_err(|reason| NoCode { reason, message: "the breaker is open".into() })
    }
}

fn counting(bench: &mut Bench, answer: Result<(), Reason>) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    bench.secrets = Box::new(Counting(Arc::clone(&count), answer));
    count
}

const OTP: &str = "<input id=otp autocomplete=one-time-code><pre id=log></pre><script>
    otp.oninput = () => { if (otp.value.length === 6) { log.textContent += `${otp.value} `; if (location.hash) document.body.innerHTML = '<h1>Welcome</h1>' + log.outerHTML + '<input id=otp>'; } };</script>";

#[tokio::test]
async fn a_code_is_asked_for_once_and_only_when_its_field_is_there() {
    let mut bench = Bench::with(&[("/", OTP), ("/none", "<p>no field</p>")]).await;
    let count = counting(&mut bench, Ok(()));
    let step = json!({"type": "change", "name": "code", "selectors": [["#otp"]], "value": "{{ totp }}", "timeout": 250});
    let walked = bench.walk(json!([{"type": "navigate", "url": "/none"}, step])).await;
    assert_eq!(walked.failure().kind, FailureKind::NotFound);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let walked = bench.walk(json!([step, text("log", "#log")])).await;
    assert_eq!(walked.finished()["log"], CODE);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(
        !format!("{:?}", walked.trace.entries)
            .replace("log = ", "")
            .contains(&format!("{CODE:?} "))
    );
}

#[tokio::test]
async fn a_code_whose_page_goes_on_by_itself_is_typed_once() {
    let mut bench = Bench::with(&[("/", OTP)]).await;
    let walked = bench
        .walk(json!([{"type": "navigate", "url": "#x"}, {"type": "navigate", "url": "/?#x"}, {"type": "change", "selectors": [["#otp"]], "value": "{{ totp }}"}, text("log", "#log")]))
        .await;
    assert_eq!(walked.finished()["log"], CODE, "the same field stands there again, empty");
}

#[tokio::test]
async fn a_code_is_not_asked_for_on_a_foreign_page() {
    let site = Site::of(&[("/", OTP)]).await;
    let foreign = site.other_origin();
    let mut bench = Bench::on(site).await;
    let count = counting(&mut bench, Ok(()));
    let walked = bench.walk(json!([{"type": "navigate", "url": foreign}, {"type": "change", "selectors": [["#otp"]], "value": "{{ totp }}"}])).await;
    assert_eq!(walked.failure().kind, FailureKind::ForeignOrigin);
    assert_eq!(count.load(Ordering::SeqCst), 0, "a code that cannot be typed is a code wasted");
}

#[tokio::test]
async fn without_a_code_the_flow_ends_for_the_reason_given() {
    let mut bench = Bench::with(&[("/", OTP)]).await;
    counting(&mut bench, Err(Reason::BreakerOpen));
    let walked = bench.walk(json!([{"type": "change", "name": "code", "selectors": [["#otp"]], "value": "{{ totp }}", "optional": true}])).await;
    let failure = walked.failure();
    assert_eq!((failure.kind, failure.reason), (FailureKind::Secret, Reason::BreakerOpen));
    assert!(failure.message.contains("the breaker is open"));
}

#[tokio::test]
async fn a_secret_goes_into_text_fields_only() {
    let mut bench =
        Bench::with(&[("/", "<select id=s><option>anna</select><input type=checkbox id=c>")]).await;
    for id in ["#s", "#c"] {
        let walked = bench
            .walk(
                json!([{"type": "change", "selectors": [[id]], "value": "{{ secret.username }}"}]),
            )
            .await;
        assert_eq!(walked.failure().kind, FailureKind::Flow);
        assert!(!walked.failure().message.contains("anna"), "{}", walked.failure().message);
    }
}
