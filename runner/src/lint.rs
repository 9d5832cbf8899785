//! `fno-runner lint`: what can be said about a provider's flows without a browser.

use fno_core::flow::lint::{self, Finding, Severity};
use serde_json::json;

use crate::{
    args::{LintArgs, Output},
    exit::Exit,
    local::inputs,
};

/// Prints all remarks.
#[must_use]
pub fn lint(args: &LintArgs) -> Exit {
    let provider = match inputs::provider(&args.provider) {
        Ok(provider) => provider,
        Err(error) => {
            eprintln!("fno-runner: {error:#}");
            return Exit::Unusable;
        }
    };
    let findings = lint::lint(&provider.spec);
    println!("{}", page(&findings, args.output));
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        Exit::Unusable
    } else {
        Exit::Done
    }
}

fn page(findings: &[Finding], output: Output) -> String {
    match output {
        Output::Json => {
            let findings: Vec<_> = findings.iter().map(|f| json!({"path": f.path, "severity": f.severity.to_string(), "message": f.message})).collect();
            format!("{:#}", json!(findings))
        }
        Output::Text if findings.is_empty() => "The flows are fine.".to_owned(),
        Output::Text => {
            findings.iter().map(|f| format!("{}: {f}", f.severity)).collect::<Vec<_>>().join("\n")
        }
    }
}
