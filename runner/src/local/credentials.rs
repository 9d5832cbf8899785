//! Reads the secrets of an account from a folder, or from the Secrets in a YAML file.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use data_encoding::BASE64;
use fno_crds::{
    names::{KEY_PASSWORD, KEY_USERNAME},
    provider::Account,
};
use secrecy::SecretString;
use serde_json::Value;

use crate::{batch::Credentials, run::secret_file};

/// The secrets of an account.
pub(super) struct Read {
    pub credentials: Credentials,
    /// The TOTP seed, if the account has one.
    pub seed: Option<SecretString>,
}

/// Reads the secrets that the account names.
pub(super) fn read(path: &Path, account: &Account) -> anyhow::Result<Read> {
    let source =
        if path.is_dir() { Source::Folder(path) } else { Source::Secrets(path, secrets(path)?) };
    let name = &account.credentials_secret_ref.name;
    let credentials = Credentials {
        username: source.value(name, KEY_USERNAME)?,
        password: source.value(name, KEY_PASSWORD)?,
    };
    let seed = account
        .totp
        .as_ref()
        .map(|totp| source.value(&totp.secret_ref.name, &totp.secret_ref.key))
        .transpose()?;
    Ok(Read { credentials, seed })
}

enum Source<'a> {
    Folder(&'a Path),
    Secrets(&'a Path, Vec<Value>),
}

/// Drops the parser's message, because it would repeat parts of the secrets.
fn secrets(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let documents: Vec<Value> =
        serde_yaml::from_multiple(&text).map_err(|_| anyhow!("{} is not YAML", path.display()))?;
    Ok(documents.into_iter().filter(|document| document["kind"] == "Secret").collect())
}

impl Source<'_> {
    fn value(&self, secret: &str, key: &str) -> anyhow::Result<SecretString> {
        match self {
            Self::Folder(folder) => secret_file(folder, key),
            Self::Secrets(path, secrets) => {
                of_secret(secrets, secret, key).map_err(|why| anyhow!("{}: {why}", path.display()))
            }
        }
    }
}

fn of_secret(secrets: &[Value], name: &str, key: &str) -> Result<SecretString, String> {
    let secret = secrets
        .iter()
        .find(|secret| secret["metadata"]["name"] == name)
        .ok_or_else(|| format!("there is no Secret {name}"))?;
    let not_text =
        || format!("the value of {key} in the Secret {name} is not text: put it in quotes");
    let text = match (secret["stringData"].get(key), secret["data"].get(key)) {
        (Some(plain), _) => plain.as_str().ok_or_else(not_text)?.to_owned(),
        (None, Some(encoded)) => {
            let encoded = encoded.as_str().ok_or_else(not_text)?;
            let bytes = BASE64
                .decode(encoded.as_bytes())
                .map_err(|_| format!("the value of {key} in the Secret {name} is not base64"))?;
            String::from_utf8(bytes).map_err(|_| not_text())?
        }
        (None, None) => return Err(format!("the Secret {name} has no key {key}")),
    };
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    fn account() -> Account {
        serde_json::from_value(json!({"name": "bot", "credentialsSecretRef": {"name": "login"}, "totp": {"secretRef": {"name": "seeds", "key": "bot"}}}))
            .expect("an account")
    }

    fn shown(read: &Read) -> [&str; 3] {
        let seed = read.seed.as_ref().map(|seed| seed.expose_secret()).unwrap_or_default();
        [read.credentials.username.expose_secret(), read.credentials.password.expose_secret(), seed]
    }

    #[test]
    fn a_folder_and_secrets_in_a_file_give_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in
            [("username", "anna\n"), ("password", " p\u{e4}ss \r\n"), ("bot", "GEZDGNBVGY3TQOJQ\n")]
        {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let expected = ["anna", " p\u{e4}ss ", "GEZDGNBVGY3TQOJQ"];
        assert_eq!(shown(&read(folder.path(), &account()).expect("read")), expected);

        let file = folder.path().join("secrets.yaml");
        let yaml = "# comment\napiVersion: v1\nkind: Secret\nmetadata: {name: other}\nstringData: {username: nobody}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: login}\n\
                    stringData: {username: anna}\ndata: {password: IHDDpHNzIA==}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: seeds}\nstringData: {bot: GEZDGNBVGY3TQOJQ}\n";
        std::fs::write(&file, yaml).expect("written");
        assert_eq!(shown(&read(&file, &account()).expect("read")), expected);
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_there_is_not_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("username"), "anna").expect("written");
        let error = read(folder.path(), &account()).err().expect("no password");
        assert!(format!("{error:#}").contains("password cannot be read"), "{error:#}");

        let file = folder.path().join("secrets.yaml");
        std::fs::write(&file, "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {username: anna, password: s3cret}\n").expect("written");
        let error = read(&file, &account()).err().expect("no seed");
        assert!(format!("{error:#}").contains("there is no Secret seeds"), "{error:#}");
        for (content, said) in [
            (
                "kind: Secret\nmetadata: {name: login}\nstringData: {username: anna, password: 5318008}\n",
                "the value of password in the Secret login is not text: put it in quotes",
            ),
            (
                "kind: Secret\nmetadata: {name: login}\nstringData: {username: anna}\ndata: {password: '5318008!'}\n",
                "is not base64",
            ),
            (
                "kind: Secret\nmetadata: {name: login}\nstringData: {username: anna}\n",
                "the Secret login has no key password",
            ),
            ("kind: Secret\nstringData: {password: 5318008", "is not YAML"),
        ] {
            std::fs::write(&file, content).expect("written");
            let error = format!("{:#}", read(&file, &account()).err().expect(content));
            assert!(error.contains(said) && !error.contains("5318008"), "{error}");
        }
    }
}
