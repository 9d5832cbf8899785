//! The configuration of a run. Everything has a default: without a file the portals listen on
//! consecutive local ports.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::account::{AccountSpec, default_accounts};
use crate::portal::{Origin, Portal};
use crate::settings::{PortalSettings, of_portal};

/// The configuration file, YAML or JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Address to listen on.
    pub bind: IpAddr,
    /// First of ten ports: seven origins, and the control port at +9. 0 = any free ports.
    pub port_base: u16,
    /// Host name in the addresses that pages link to, unless `origins` names another.
    pub public_host: String,
    /// Public address of an origin, for example `http://octotel`.
    pub origins: BTreeMap<Origin, String>,
    /// Seed of the generated data and of the jitter.
    pub seed: u64,
    /// Lines per portal (6-9000).
    pub circuits_per_portal: usize,
    /// Settings that differ from the defaults of a portal.
    pub portals: BTreeMap<Portal, serde_json::Map<String, Value>>,
    /// The accounts. Absent: the default accounts.
    pub accounts: Option<Vec<AccountSpec>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            port_base: 8700,
            public_host: "127.0.0.1".to_owned(),
            origins: BTreeMap::new(),
            seed: 2026,
            circuits_per_portal: 3000,
            portals: BTreeMap::new(),
            accounts: None,
        }
    }
}

impl Config {
    /// Reads a file. JSON is valid YAML and is read as such.
    ///
    /// # Errors
    /// The file cannot be read, or a field is unknown or wrong. The message names the field.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not a configuration", path.display()))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// A field is unknown or wrong. The message names the field and its position.
    pub fn parse(text: &str) -> Result<Self> {
        // The message contains no excerpt, because the line may hold a password.
        let options = serde_yaml::options! { with_snippet: false };
        Ok(serde_yaml::from_str_with_options(text, options)?)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let count = self.circuits_per_portal;
        ensure!((6..=9000).contains(&count), "circuitsPerPortal is {count}; allowed: 6 to 9000");
        ensure!(self.port_base <= 65_526, "portBase is {}; allowed: 0 to 65526", self.port_base);
        for (origin, url) in &self.origins {
            let plain = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            let good = plain
                .is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']));
            ensure!(
                good,
                "origins.{} is {url:?}; expected scheme and host, for example http://octotel",
                origin.name()
            );
        }
        Ok(())
    }

    pub(crate) fn settings(&self, portal: Portal) -> Result<PortalSettings> {
        of_portal(portal, self.portals.get(&portal))
    }

    pub(crate) fn account_specs(&self) -> Vec<AccountSpec> {
        self.accounts.clone().unwrap_or_else(default_accounts)
    }
}
