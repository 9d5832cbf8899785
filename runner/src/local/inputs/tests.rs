use super::*;

const PROVIDER: &str = "kind: FnoProvider
apiVersion: fno.dev/v1alpha1
metadata: {name: octotel}
spec:
  baseUrl: https://portal.example
  allowedOrigins: [https://portal.example]
  accounts:
  - {name: bot, credentialsSecretRef: {name: bot}}
  - {name: second, credentialsSecretRef: {name: second}}
  flows:
    login: {steps: [{type: navigate, url: /}]}
    validation: {steps: [{type: navigate, url: /}]}
";

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    file
}

fn job(name: &str, provider: &str) -> String {
    format!(
        "---\nkind: FnoJob\napiVersion: fno.dev/v1alpha1\nmetadata: {{name: {name}}}\nspec: {{provider: {provider}, action: Validation, circuitNumber: C-1}}\n"
    )
}

#[test]
fn a_provider_and_its_jobs_become_the_work_of_a_runner() {
    let provider = provider(file(&format!("# comment\n{PROVIDER}---\nkind: Secret\n")).path())
        .expect("a provider")
        .object;
    let jobs = jobs(
        file(&format!("{}{}{}", job("a", "octotel"), job("b", "evotel"), job("c", "octotel")))
            .path(),
        &provider,
    )
    .expect("jobs");
    let account = account(&provider, Some("second")).expect("the account");
    let work = work(
        &provider,
        account,
        jobs,
        Some("http://127.0.0.1:8700/"),
        &["http://127.0.0.1:8701".to_owned()],
    )
    .expect("work");
    let names: Vec<_> =
        work.jobs.iter().map(|job| (job.name.as_str(), job.uid.as_str(), job.attempt)).collect();
    assert_eq!(names, [("a", "a", 1), ("c", "c", 1)]);
    assert_eq!(
        (work.account.as_str(), work.base_url.as_str(), work.totp),
        ("second", "http://127.0.0.1:8700", false)
    );
    assert_eq!(
        work.allowed_origins,
        ["https://portal.example", "http://127.0.0.1:8700", "http://127.0.0.1:8701"]
    );
}

#[test]
fn what_is_wrong_is_named_with_the_file() {
    for (text, said) in [
        ("{", "is not YAML"),
        ("kind: FnoJob\n", "holds 0 FnoProviders; exactly one is expected"),
        (&format!("{PROVIDER}---\n{PROVIDER}"), "holds 2 FnoProviders"),
        (
            &PROVIDER.replace("baseUrl: https://portal.example", "baseUrl: https://other.example"),
            "allowedOrigins must contain the origin of baseUrl",
        ),
        (
            &PROVIDER.replace("baseUrl", "baseURL"),
            ":5: spec.baseURL: there is no such field: did you mean baseUrl?",
        ),
    ] {
        let error = format!("{:#}", provider(file(text).path()).expect_err(text));
        assert!(error.contains(said), "{error}");
    }
    let provider = provider(file(PROVIDER).path()).expect("a provider").object;
    let none =
        format!("{:#}", jobs(file(&job("b", "evotel")).path(), &provider).expect_err("none"));
    assert!(none.contains("1 FnoJobs, none of them for the provider octotel"), "{none}");
    let unknown = account(&provider, Some("third")).expect_err("unknown").to_string();
    assert!(unknown.contains("there are: bot, second"), "{unknown}");
    let bad = work(&provider, &provider.spec.accounts[0], Vec::new(), Some("portal"), &[])
        .expect_err("no URL");
    assert!(format!("{bad:#}").contains("--base-url portal"), "{bad:#}");
}
