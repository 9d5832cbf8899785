//! The entries of accounts in a provider's status.

use fno_crds::{FnoProvider, FnoProviderStatus, provider_status::AccountStatus};

/// The stored entry of an account, or an empty one.
#[must_use]
pub fn account(provider: &FnoProvider, name: &str) -> AccountStatus {
    let found = provider
        .status
        .as_ref()
        .and_then(|status| status.accounts.iter().find(|account| account.name == name));
    found
        .cloned()
        .unwrap_or_else(|| AccountStatus { name: name.to_owned(), ..AccountStatus::default() })
}

/// The entry of an account. An empty one is added if there is none yet.
pub fn account_mut<'a>(status: &'a mut FnoProviderStatus, name: &str) -> &'a mut AccountStatus {
    let place =
        status.accounts.iter().position(|account| account.name == name).unwrap_or_else(|| {
            status
                .accounts
                .push(AccountStatus { name: name.to_owned(), ..AccountStatus::default() });
            status.accounts.len() - 1
        });
    &mut status.accounts[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_added_once_and_found_again() {
        let mut status = FnoProviderStatus::default();
        account_mut(&mut status, "a").last_step = Some(7);
        account_mut(&mut status, "b").last_step = Some(8);
        assert_eq!(account_mut(&mut status, "a").last_step, Some(7));
        assert_eq!(status.accounts.len(), 2);
    }
}
