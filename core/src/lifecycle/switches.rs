//! The switches of a provider, as they apply to its running batches.

use fno_crds::FnoProvider;

use super::Switches;

impl Switches {
    /// The switches of a provider; `None` stands for one that is gone or cannot be read. In that case cancellations are held, because only
    /// a readable provider may release them. Nothing is drained: flows and limits are pinned, so running batches can continue.
    #[must_use]
    pub const fn of(provider: Option<&FnoProvider>) -> Self {
        match provider {
            Some(provider) => Self {
                suspend: provider.spec.suspend,
                suspend_cancellations: provider.spec.suspend_cancellations,
            },
            None => Self { suspend: false, suspend_cancellations: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_provider_that_is_gone_or_cannot_be_read_holds_cancellations() {
        assert_eq!(Switches::of(None), Switches { suspend: false, suspend_cancellations: true });
    }

    #[test]
    fn only_a_readable_provider_releases_cancellations() {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        let mut provider: FnoProvider = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "p"},
            "spec": {"baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"],
                "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}], "flows": {"login": flow, "validation": flow}},
        }))
        .expect("a provider");
        assert_eq!(Switches::of(Some(&provider)), Switches::default());
        provider.spec.suspend_cancellations = true;
        assert!(Switches::of(Some(&provider)).suspend_cancellations);
    }
}
