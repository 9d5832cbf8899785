//! What was found, for a person or for a program.

mod table;

use std::fmt::Write as _;

use fno_core::work::Work;
use fno_crds::batch::{FlowDrift, JobResult, Run};

use crate::args::Report;

/// The page that is printed.
pub(super) fn page(work: &Work, run: &Run, output: Report) -> serde_json::Result<String> {
    match output {
        Report::Json => serde_json::to_string_pretty(run),
        Report::Text => Ok(text(work, run)),
        Report::Table => Ok(table(work, run)),
    }
}

fn text(work: &Work, run: &Run) -> String {
    let mut page = String::new();
    for job in &work.jobs {
        let result = run.results.iter().find(|result| result.uid == job.uid);
        _ = writeln!(
            page,
            "{}  {} {}  {}",
            job.name,
            job.action,
            job.circuit_number,
            result.map_or_else(|| "not started".to_owned(), ended)
        );
        let Some(result) = result else { continue };
        for (name, value) in &result.fields {
            _ = writeln!(page, "    {name}: {value}");
        }
        page.push_str(&drifts(&result.drift));
        if let Some(evidence) = &result.evidence {
            _ = writeln!(page, "    evidence: {}/report.html", evidence.uri);
        }
    }
    if let Some(login) = run.login.as_ref().filter(|login| !login.drift.is_empty()) {
        _ = write!(page, "login {}\n{}", login.n, drifts(&login.drift));
    }
    page.push_str(&ending(run));
    page
}

fn drifts(drift: &[FlowDrift]) -> String {
    drift.iter().fold(String::new(), |mut lines, FlowDrift { step, alternative }| {
        _ = writeln!(
            lines,
            "    step {step} needed selector alternative {alternative}: the portal is changing"
        );
        lines
    })
}

/// One line per job, then how the session went.
fn table(work: &Work, run: &Run) -> String {
    let rows: Vec<[String; 6]> = work
        .jobs
        .iter()
        .map(|job| {
            let result = run.results.iter().find(|result| result.uid == job.uid);
            [
                job.name.clone(),
                job.action.to_string(),
                job.circuit_number.clone(),
                result.map_or_else(|| "NotStarted".to_owned(), |result| result.phase.to_string()),
                result.map_or_else(String::new, |result| said(result).to_owned()),
                result.map_or_else(String::new, |result| {
                    format!("{:.1}", seconds(result.milliseconds))
                }),
            ]
        })
        .collect();
    let head = ["NAME", "ACTION", "CIRCUIT", "PHASE", "OUTCOME", "SECONDS"];
    format!("{}\n{}", table::aligned(&head.map(str::to_owned), &rows), ending(run))
}

/// How the session went: logins, end, logout.
fn ending(run: &Run) -> String {
    let mut page = String::new();
    let login = run
        .login_milliseconds
        .map_or_else(String::new, |time| format!(", the first after {:.1} s", seconds(time)));
    _ = write!(page, "{} login(s){login}", run.logins.unwrap_or(0));
    if let Some(end) = &run.end {
        _ = write!(page, "; {}{}", end.reason, if end.logged_out { ", logged out" } else { "" });
        if let Some(message) = &end.message {
            _ = write!(page, ": {message}");
        }
        if let Some(evidence) = &end.evidence {
            _ = write!(page, "\nsee {evidence}/report.html");
        }
    }
    page
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn ended(result: &JobResult) -> String {
    let message = result.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    format!("{} {} ({:.1} s){message}", result.phase, said(result), seconds(result.milliseconds))
}

/// The portal's answer, or else the reason.
fn said(result: &JobResult) -> &str {
    result.outcome.as_deref().unwrap_or(result.reason.as_str())
}
