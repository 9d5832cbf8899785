//! The page about all reasons.

use strum::{EnumMessage as _, IntoEnumIterator as _};

use super::{Reason, ReasonClass};
use crate::descriptions::joined;

/// `docs/reasons.md`: every reason, what it means, what follows and what to do about it.
#[must_use]
pub fn document() -> String {
    let mut page = String::from(
        "<!-- Generated from crds/src/reason.rs by `make crds`. Do not edit. -->\n# Reasons\n\n\
         The same word stands in `status.reason`, conditions, events, metric labels and log fields.\n\n\
         | reason | means | what follows | what to do |\n|---|---|---|---|\n",
    );
    for reason in Reason::iter() {
        let follows = match reason.class() {
            _ if reason.is_loss() => {
                "tried again after a pause (30 s, doubling to 10 min); from the third loss of a job on, each one uses up a try"
            }
            ReasonClass::Waiting => {
                "waits, costs nothing, continues by itself once the cause is gone"
            }
            ReasonClass::RetryCounted => {
                "tried again after a pause (30 s, doubling to 10 min), uses up a try"
            }
            ReasonClass::RetryFree => "tried again, uses up nothing",
            ReasonClass::Final => "final: the job is Failed",
            ReasonClass::Normal => "-",
        };
        let means = joined(reason.get_documentation().unwrap_or_default());
        page.push_str(&format!("| `{reason}` | {means} | {follows} | {} |\n", reason.remedy()));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_one_row_of_the_table() {
        let page = document();
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        assert!(rows.clone().all(|row| row.matches(" | ").count() == 3), "{page}");
        assert_eq!(rows.count(), Reason::iter().count(), "{page}");
    }
}
