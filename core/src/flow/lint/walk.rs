//! Walks through the flows in the order in which they run, and tracks what is defined at each step and which subflows run.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use fno_crds::{
    flow::{Flow, Step, StepType},
    provider::FnoProviderSpec,
};

use super::{
    Report,
    answered::Answered,
    commit,
    names::{self, Known},
    shape::Shape,
    step,
};
use crate::flow::{
    condition::Condition,
    kind::FlowKind,
    outcome::{self, Meaning, NOT_FOUND},
    step_name::step_name,
    template::Template,
};

/// Maximum nesting of subflows.
const MAX_DEPTH: usize = 3;
/// Maximum number of steps, counting those of a subflow each time it runs. Far above any sensible flow; limits the linter's own time.
const MAX_STEPS: usize = 2000;

/// The walk through one provider.
pub(super) struct Walk<'a> {
    spec: &'a FnoProviderSpec,
    report: Report,
    /// Steps and flows that have been checked on their own.
    checked: HashSet<String>,
    used: BTreeSet<&'a str>,
    walked: usize,
    entry: Entry,
}

/// State of the walk through one flow and its subflows.
#[derive(Default)]
struct Entry {
    /// None for a subflow that no flow runs.
    kind: Option<FlowKind>,
    fields: BTreeMap<String, Shape>,
    commit: commit::Progress,
    answered: Answered,
    uses_secret: bool,
    uses_totp: bool,
    /// An outcome `LoginRejected` or `AccountLocked` tells a refusal from other failures.
    tells_refusals: bool,
    asks: bool,
}

/// Position of the walk.
struct Place<'a> {
    path: String,
    item: Option<Shape>,
    /// The subflows that are running, outermost first.
    stack: Vec<&'a str>,
    /// The conditions of the steps that call them.
    under: Vec<String>,
}

impl Place<'_> {
    /// The start of a flow.
    const fn start(path: String) -> Self {
        Self { path, item: None, stack: Vec::new(), under: Vec::new() }
    }
}

impl<'a> Walk<'a> {
    /// Walks through all flows.
    pub fn over(spec: &'a FnoProviderSpec) -> Report {
        let mut walk = Self {
            spec,
            report: Report::default(),
            checked: HashSet::new(),
            used: BTreeSet::new(),
            walked: 0,
            entry: Entry::default(),
        };
        let mut extracted = BTreeMap::new();
        for kind in FlowKind::ALL {
            if let Some(flow) = kind.of(&spec.flows) {
                walk.run_entry(kind, flow);
                if kind == FlowKind::Validation {
                    extracted.clone_from(&walk.entry.fields);
                }
            }
        }
        for (name, flow) in &spec.flows.subflows {
            if !walk.used.contains(name.as_str()) {
                let path = format!("flows.subflows.{name}");
                walk.report.warning(&path, "no flow runs this subflow");
                walk.entry = Entry::default();
                walk.flow(flow, &Place { stack: vec![name], ..Place::start(path) });
            }
        }
        walk.proof(&extracted);
        walk.report
    }

    fn run_entry(&mut self, kind: FlowKind, flow: &'a Flow) {
        self.entry = Entry { kind: Some(kind), ..Entry::default() };
        let path = format!("flows.{}", kind.as_str());
        let ends = self.flow(flow, &Place::start(path.clone()));
        match kind {
            FlowKind::Login => self.login(&path),
            FlowKind::SessionProbe if !self.entry.asks => {
                self.report.warning(&path, "the probe checks nothing: without an assert, a waitForElement or an outcome every session looks alive");
            }
            _ => {}
        }
        if kind.is_for_job() && !ends {
            let sentence = "the last step must be an outcome without when, as a catch-all for everything not matched above";
            self.report
                .error(format!("{path}.steps[{}]", flow.steps.len().saturating_sub(1)), sentence);
        }
        if kind == FlowKind::Cancellation {
            self.entry.commit.finish(&path, &mut self.report);
        }
    }

    fn login(&mut self, path: &str) {
        if !self.entry.uses_secret {
            self.report.error(path, "the login flow types no user name and no password: use {{ secret.username }} and {{ secret.password }} in change steps");
        } else if !self.entry.tells_refusals {
            self.report.error(path, "the login flow has no outcome LoginRejected: a refused password or code would be taken for a changed page and typed again, until the portal locks the account; add one that rests on what the portal shows when it refuses");
        }
        match (
            self.entry.uses_totp,
            self.spec.accounts.iter().filter(|account| account.totp.is_some()).count(),
        ) {
            (true, 0) => self
                .report
                .warning(path, "the login flow types {{ totp }}, but no account has totp"),
            (false, 1..) => self
                .report
                .warning(path, "an account has totp, but the login flow never types {{ totp }}"),
            _ => {}
        }
    }

    /// Walks a flow. True if the flow always ends the whole run, because it always reaches an outcome without `when`.
    fn flow(&mut self, flow: &'a Flow, place: &Place<'a>) -> bool {
        if self.checked.insert(place.path.clone()) {
            self.step_names(flow, &place.path);
        }
        let (mut ends, mut unreachable) = (false, false);
        for (i, step) in flow.steps.iter().enumerate() {
            let path = format!("{}.steps[{i}]", place.path);
            self.walked += 1;
            if self.walked > MAX_STEPS {
                self.report.error(
                    "flows",
                    "the flows run more than 2000 steps, subflows included: that is too many",
                );
                return true;
            }
            // Only the first such step is reported, but all are checked, so that all findings are known at once.
            if ends && !std::mem::replace(&mut unreachable, true) {
                self.report.error(
                    &path,
                    "this step is never reached: the one before it always ends the flow",
                );
            }
            ends |= self.step(step, &path, place);
        }
        ends
    }

    fn step_names(&mut self, flow: &Flow, path: &str) {
        let mut places = BTreeMap::new();
        for (i, step) in flow.steps.iter().enumerate() {
            if let Some(first) = places.insert(step_name(i, step), i) {
                self.report.error(
                    format!("{path}.steps[{i}].name"),
                    format!("steps[{first}] has the name {} too", step_name(i, step)),
                );
            }
        }
    }

    fn step(&mut self, step: &'a Step, path: &str, place: &Place<'a>) -> bool {
        if self.checked.insert(path.to_owned()) {
            step::check(step, path, self.spec, &mut self.report);
            if let Some(commit) = &step.commit {
                commit::check(step, commit, path, &mut self.report);
            }
        }
        self.secrets(step, path);
        if let Some(kind) = self.entry.kind {
            names::check(
                step,
                path,
                &Known::new(kind, &self.entry.fields, place.item.as_ref()),
                &mut self.report,
            );
        }
        match self.entry.kind {
            Some(FlowKind::Cancellation) => {
                self.entry.commit.step(step, !place.stack.is_empty(), path, &mut self.report)
            }
            _ if step.commit.is_some() => self
                .report
                .error(format!("{path}.commit"), "commit belongs in the cancellation flow only"),
            _ => {}
        }
        let under: Vec<String> = place.under.iter().chain(&step.when).cloned().collect();
        self.entry.answered.step(step, &under);
        match step.type_ {
            StepType::Extract => self.extract(step),
            StepType::Outcome => return self.outcome(step, path),
            StepType::RunFlow | StepType::ForEach => return self.subflow(step, path, place, under),
            StepType::Assert | StepType::WaitForElement => self.entry.asks = true,
            _ => {}
        }
        false
    }

    fn extract(&mut self, step: &Step) {
        let (Some(field), shape) = (&step.field, Shape::extracted(step)) else { return };
        let known = self.entry.fields.entry(field.clone()).or_insert_with(|| shape.clone());
        if *known != shape {
            // Two paths through the flow read different forms.
            *known = Shape::Any;
        }
    }

    fn outcome(&mut self, step: &Step, path: &str) -> bool {
        self.entry.asks = true;
        self.entry.tells_refusals |=
            matches!(step.code.as_deref(), Some("LoginRejected" | "AccountLocked"));
        let closed =
            self.entry.kind.and_then(|kind| outcome::closed_codes(kind).map(|codes| (kind, codes)));
        if let (Some(code), Some((kind, codes))) = (&step.code, closed)
            && !codes.contains(&code.as_str())
        {
            self.report.error(
                format!("{path}.code"),
                format!(
                    "{code} is not an outcome of the {} flow; its outcomes are {}",
                    kind.as_str(),
                    codes.join(", ")
                ),
            );
        }
        self.sign(step, path);
        step.when.is_none()
    }

    /// Warns about an answer that an empty page also gives. No person would check it, because the job succeeds.
    fn sign(&mut self, step: &Step, path: &str) {
        let (Some(kind), Some(code)) = (self.entry.kind, &step.code) else { return };
        if outcome::meaning(kind, code) != Meaning::Answer || self.entry.answered.is_sure() {
            return;
        }
        let rests_on_nothing = match step.when.as_deref().map(Condition::parse) {
            // A catch-all does not claim to know anything, unless its code says that the circuit does not exist.
            None => code == NOT_FOUND,
            Some(Ok(condition)) => !condition.is_sign(),
            Some(Err(_)) => false,
        };
        if rests_on_nothing {
            let at = if step.when.is_some() { ".when" } else { "" };
            self.report.warning(format!("{path}{at}"), format!("{code} rests on nothing that the page shows: a page that is late, or drawn differently, gives it too. Let it rest on what the portal shows in this case, as in exists('text/No line found'), or wait before it until the page names {{{{ params.circuitNumber }}}} as what it has answered"));
        }
    }

    fn subflow(
        &mut self,
        step: &'a Step,
        path: &str,
        place: &Place<'a>,
        mut under: Vec<String>,
    ) -> bool {
        let Some(name) = step.flow.as_deref() else { return false };
        let at = format!("{path}.flow");
        let Some((name, flow)) = self.spec.flows.subflows.get_key_value(name) else {
            let known =
                self.spec.flows.subflows.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let there = if known.is_empty() {
                "there are none".to_owned()
            } else {
                format!("there are {known}")
            };
            self.report.error(at, format!("there is no subflow {name}; {there}"));
            return false;
        };
        self.used.insert(name);
        if place.stack.contains(&name.as_str()) {
            self.report.error(
                at,
                format!("subflow {name} runs itself: {} -> {name}", place.stack.join(" -> ")),
            );
            return false;
        }
        if place.stack.len() == MAX_DEPTH {
            self.report.error(
                at,
                format!(
                    "subflows may run each other three deep: {} -> {name} is one more",
                    place.stack.join(" -> ")
                ),
            );
            return false;
        }
        let is_loop = step.type_ == StepType::ForEach;
        let item = if is_loop { self.item(step, path) } else { place.item.clone() };
        let stack = place.stack.iter().copied().chain([name.as_str()]).collect();
        // A loop over an empty list does nothing, so a loop is a condition too.
        under.extend(step.items.as_ref().filter(|_| is_loop).cloned());
        let path = format!("flows.subflows.{name}");
        let ends = self.flow(flow, &Place { path, item, stack, under });
        ends && !is_loop && step.when.is_none()
    }

    /// The form of the items of a `forEach`.
    fn item(&mut self, step: &Step, path: &str) -> Option<Shape> {
        let items = step.items.as_deref()?;
        match (self.entry.kind, self.entry.fields.get(items)) {
            (None, _) | (_, Some(Shape::Any)) => Some(Shape::Any),
            (_, Some(Shape::List(item))) => Some((**item).clone()),
            (_, Some(_)) => {
                self.report.error(format!("{path}.items"), format!("{items} is not a list: extract it from List, or from Table with cardinality Many"));
                Some(Shape::Any)
            }
            (_, None) => {
                self.report.error(
                    format!("{path}.items"),
                    format!("{items} is not extracted by an earlier step"),
                );
                Some(Shape::Any)
            }
        }
    }

    fn secrets(&mut self, step: &Step, path: &str) {
        let Some(template) = step
            .value
            .as_deref()
            .filter(|_| step.type_ == StepType::Change)
            .and_then(|value| Template::parse(value).ok())
        else {
            return;
        };
        self.entry.uses_secret |= template.uses_secret();
        self.entry.uses_totp |= template.uses_totp();
        if template.uses_totp() && self.entry.kind.is_some_and(|kind| kind != FlowKind::Login) {
            self.report.error(
                format!("{path}.value"),
                "totp may only be used in the login flow: a code is granted per login",
            );
        }
    }

    /// Checks `spec.proof`, the rule that turns an unknown outcome into success.
    fn proof(&mut self, extracted: &BTreeMap<String, Shape>) {
        let Some(proof) = &self.spec.proof else {
            if self.spec.flows.cancellation.is_some() {
                self.report.warning(
                    "proof",
                    "without proof every unknown outcome of a cancellation waits for a person",
                );
            }
            return;
        };
        match Condition::parse(proof) {
            Err(error) => self.report.error("proof", error.to_string()),
            Ok(condition) if !condition.questions().is_empty() => {
                self.report.error("proof", "proof sees the fields of a validation, not the page: exists, text and count cannot be used in it");
            }
            Ok(condition) => {
                let intent =
                    Shape::texts(["at", "attempt", "evidenceSha256", "job", "podUid", "step"]);
                let known =
                    Known::new(FlowKind::Validation, extracted, None).with("intent", intent);
                if let Some(complaint) = known.condition(&condition) {
                    self.report.error("proof", complaint);
                }
            }
        }
    }
}
