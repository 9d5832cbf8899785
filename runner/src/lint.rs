//! `fno-runner lint`: checks a provider's flows without a browser.

use std::path::Path;

use fno_core::flow::lint::{self, Severity};
use serde_json::{Value, json};

use crate::{
    args::{LintArgs, Output},
    exit::Exit,
    local::inputs,
};

/// A finding with its line.
struct Line {
    line: u64,
    severity: Severity,
    path: String,
    message: String,
}

/// Prints all findings, errors and warnings, with their lines.
#[must_use]
pub fn lint(args: &LintArgs) -> Exit {
    let lines = match lines(&args.provider) {
        Ok(lines) => lines,
        Err(error) => {
            eprintln!("fno-runner: {error:#}");
            return Exit::Unusable;
        }
    };
    println!("{}", page(&args.provider, &lines, args.output));
    if lines.iter().any(|line| line.severity == Severity::Error) {
        Exit::Unusable
    } else {
        Exit::Done
    }
}

fn lines(file: &Path) -> anyhow::Result<Vec<Line>> {
    let read = inputs::provider(file)?;
    let findings = lint::lint(&read.object.spec).into_iter().map(|finding| Line {
        line: read.line_of(&finding.path),
        severity: finding.severity,
        path: format!("spec.{}", finding.path),
        message: finding.message,
    });
    let warnings = read.warnings.iter().map(|warning| Line {
        line: warning.line,
        severity: Severity::Warning,
        path: warning.path.clone(),
        message: warning.message.clone(),
    });
    Ok(warnings.chain(findings).collect())
}

fn page(file: &Path, lines: &[Line], output: Output) -> String {
    match output {
        Output::Json => {
            let lines: Vec<Value> = lines
                .iter()
                .map(|line| {
                    json!({"line": line.line, "path": line.path, "severity": line.severity.to_string(), "message": line.message})
                })
                .collect();
            format!("{:#}", json!(lines))
        }
        _ if lines.is_empty() => "The flows are fine.".to_owned(),
        _ => {
            let lines = lines.iter().map(|line| {
                let Line { line, severity, path, message } = line;
                format!("{}:{line}: {severity}: {path}: {message}", file.display())
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = "kind: FnoProvider
apiVersion: fno.dev/v1alpha1
metadata: {name: octotel}
spec:
  baseUrl: https://portal.example
  allowedOrigins: [https://portal.example]
  accounts:
  - {name: bot, credentialsSecretRef: {name: bot}}
  flows:
    login:
      steps:
      - {type: change, selectors: ['#user'], value: '{{ secret.username }}'}
      - type: press
        key: Entr
      - {type: outcome, code: LoginRejected, when: 'exists(\".error\")'}
    validation: {steps: [{type: outcome, code: Unknown}]}
";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        file
    }

    #[test]
    fn the_samples_and_the_portal_of_the_readme_have_no_findings() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let readme = std::fs::read_to_string(root.join("README.md")).expect("README");
        let portal = readme
            .split_once("<!-- tested: portal -->\n```yaml\n")
            .and_then(|(_, rest)| rest.split_once("\n```"))
            .expect("README shows a portal")
            .0;
        let of_readme = file(portal);
        let mut files = vec![of_readme.path().to_owned()];
        for entry in std::fs::read_dir(root.join("config/samples")).expect("samples") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("fnoprovider-") {
                files.push(path);
            }
        }
        assert_eq!(files.len(), 5, "{files:?}");
        for file in files {
            let lines = lines(&file).expect("a provider");
            assert_eq!(page(&file, &lines, Output::Text), "The flows are fine.");
        }
    }

    #[test]
    fn a_finding_names_its_line() {
        let file = file(PROVIDER);
        let lines = lines(file.path()).expect("a provider");
        let at = file.path().display();
        assert_eq!(
            page(file.path(), &lines, Output::Text),
            format!(
                "{at}:12: Warning: spec.flows.login.steps[0].selectors[0]: a selector by itself, as some recordings have it: the API server takes lists only, so write [\"#user\"]\n{at}:14: Error: spec.flows.login.steps[1].key: there is no key \"Entr\": did you mean Enter?; a key is one character, or a name such as Enter, Tab, Escape, ArrowDown, ShiftLeft, F5"
            )
        );
        let json: Value =
            serde_json::from_str(&page(file.path(), &lines, Output::Json)).expect("JSON");
        assert_eq!((&json[1]["line"], &json[1]["severity"]), (&json!(14), &json!("Error")));
    }

    #[test]
    fn fields_that_do_not_exist_are_refused_with_the_nearest_one_as_the_api_server_refuses_them() {
        let text = PROVIDER
            .replace(
                "key: Entr",
                "key: Enter\n        timeot: 5000\n        requird: false\n        colour: red",
            )
            .replace("  baseUrl", "  suspendd: true\n  baseUrl")
            .replace("apiVersion", "apiVersions: x\napiVersion");
        let error = format!("{:#}", lines(file(&text).path()).err().expect("unknown fields"));
        for said in [
            ":2: apiVersions: there is no such field: did you mean apiVersion?",
            ":6: spec.suspendd: there is no such field: did you mean suspend?",
            ":17: spec.flows.login.steps[1].timeot: there is no such field: did you mean timeout?",
            ":18: spec.flows.login.steps[1].requird: there is no such field: did you mean required?",
            ":19: spec.flows.login.steps[1].colour: there is no such field; kubectl explain",
        ] {
            assert!(error.contains(said), "{said} is not in:\n{error}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_field_and_line() {
        for (wrong, said) in [
            ("timeout: 5s", ":15: spec.flows.login.steps[1].timeout: invalid type: string"),
            ("optional: maybe", ":15: spec.flows.login.steps[1].optional: invalid type: string"),
            (
                "from: Txt",
                ":15: spec.flows.login.steps[1].from: unknown variant `Txt`, expected one of `Text`",
            ),
            (
                "selectors: [7]",
                ":15: spec.flows.login.steps[1].selectors[0]: invalid type: integer `7`, expected a list of selectors",
            ),
        ] {
            let text = PROVIDER.replace("key: Entr", &format!("key: Enter\n        {wrong}"));
            let error = format!("{:#}", lines(file(&text).path()).err().expect(wrong));
            assert!(error.contains(said), "{said} is not in:\n{error}");
        }
    }
}
