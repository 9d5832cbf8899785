//! A browser, a site, and flows written as JSON.

mod driver;
mod site;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use fno_core::flow::scope::Scope;
use fno_crds::Flow;
use fno_runner::engine::{
    ClosedGate, CommitGate, Entry, FlowEnd, FlowRun, NoCode, Rules, Secrets, StepResult, Trace, run,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use driver::Driver;
pub use site::{Site, html};

/// Flows, and what they are given. One per test.
pub struct Bench {
    pub driver: Driver,
    pub site: Site,
    pub rules: Rules,
    pub params: BTreeMap<String, String>,
    pub subflows: BTreeMap<String, Flow>,
    pub expect: BTreeMap<String, String>,
    pub secrets: Box<dyn Secrets>,
    pub gate: Box<dyn CommitGate>,
    pub deadline: Duration,
}

/// What became of a flow.
#[derive(Debug)]
pub struct Walked {
    pub end: FlowEnd,
    pub fields: Value,
    pub trace: Trace,
}

/// User `anna`, password `pa55-word`, code `123456`.
pub struct Known;

pub const PASSWORD: &str = "pa55-word";
pub const CODE: &str = "123456";

#[async_trait]
impl Secrets for Known {
    fn username(&self) -> SecretString {
        "anna".into()
    }

    fn password(&self) -> SecretString {
        PASSWORD.into()
    }

    async fn code(&self, _: Option<i64>) -> Result<SecretString, NoCode> {
        Ok(CODE.into())
    }
}

impl Bench {
    /// A browser and a site with these pages (path, what stands in the body).
    pub async fn with(pages: &[(&str, &str)]) -> Self {
        Self::on(Site::of(pages).await).await
    }

    pub async fn on(site: Site) -> Self {
        Self {
            driver: Driver::take().await,
            rules: Rules {
                base_url: site.url.clone(),
                allowed_origins: vec![site.url.clone()],
                allow_scripts: false,
            },
            params: BTreeMap::new(),
            subflows: BTreeMap::new(),
            expect: BTreeMap::new(),
            site,
            secrets: Box::new(Known),
            gate: Box::new(ClosedGate),
            deadline: Duration::from_secs(60),
        }
    }

    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    pub fn subflow(mut self, name: &str, steps: Value) -> Self {
        self.subflows.insert(name.into(), flow(steps));
        self
    }

    /// Opens `/`, then does the steps.
    pub async fn walk(&mut self, steps: Value) -> Walked {
        let mut all = vec![json!({"type": "navigate", "url": "/", "name": "open"})];
        all.extend(steps.as_array().expect("a list of steps").iter().cloned());
        self.walk_on(all.into()).await
    }

    /// Does the steps on the page that is there.
    pub async fn walk_on(&mut self, steps: Value) -> Walked {
        let flow = flow(steps);
        let mut trace = Trace::default();
        let mut walk = FlowRun {
            name: "test",
            flow: &flow,
            subflows: &self.subflows,
            scope: Scope { params: self.params.clone(), ..Scope::default() },
            rules: &self.rules,
            secrets: self.secrets.as_ref(),
            gate: self.gate.as_ref(),
            expect: &self.expect,
            deadline: Instant::now() + self.deadline,
        };
        let end = run(self.driver.browser(), &mut walk, &mut trace).await;
        Walked { end, fields: Value::Object(walk.scope.fields), trace }
    }
}

fn flow(steps: Value) -> Flow {
    serde_json::from_value(json!({ "steps": steps })).expect("a flow")
}

impl Walked {
    /// The fields of a flow that ran off its end.
    #[track_caller]
    pub fn finished(&self) -> &Value {
        assert_eq!(self.end, FlowEnd::Finished, "{:#?}", self.trace.entries);
        &self.fields
    }

    #[track_caller]
    pub fn failure(&self) -> &fno_runner::engine::Failure {
        let FlowEnd::Failed(failure) = &self.end else {
            panic!("it did not fail: {:?} {:#?}", self.end, self.trace.entries)
        };
        failure
    }

    #[track_caller]
    pub fn entry(&self, step: &str) -> &Entry {
        self.trace
            .entries
            .iter()
            .rfind(|entry| entry.step == step)
            .unwrap_or_else(|| panic!("no step {step}: {:#?}", self.trace.entries))
    }

    #[track_caller]
    pub fn result(&self, step: &str) -> StepResult {
        self.entry(step).result
    }
}

/// Reads a field's value or an element's text at the end of a flow.
pub fn text(field: &str, selector: &str) -> Value {
    json!({"type": "extract", "field": field, "from": "Text", "selectors": [[selector]]})
}

pub fn click(selector: &str) -> Value {
    json!({"type": "click", "selectors": [[selector]]})
}
