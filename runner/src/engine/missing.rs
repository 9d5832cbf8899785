//! Why nothing was found, as a sentence.

use fno_core::flow::selector::Chain;
use serde::Deserialize;

use super::{clock::Clock, failure::FailureKind, problem::Problem, walk::Walk};
use crate::browser::PageState;

/// Why nothing was found.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Missing {
    pub(super) why: Option<String>,
    pub(super) census: Vec<Census>,
}

/// What an alternative matched.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Census {
    found: usize,
    displayed: usize,
    enabled: usize,
}

impl Walk<'_, '_> {
    pub(super) fn missing(
        &self,
        missing: Option<Missing>,
        alternatives: &[Chain],
        page: &PageState,
        clock: &Clock,
    ) -> Problem {
        if let Some(problem) = broken_page(page) {
            return problem;
        }
        if clock.is_deadline() {
            return self.deadline();
        }
        let written = written(alternatives);
        let Some(missing) = missing else {
            return Problem::new(
                FailureKind::Driver,
                format!("the page gave no answer about {written}"),
            );
        };
        let most =
            |count: fn(&Census) -> usize| missing.census.iter().map(count).max().unwrap_or(0);
        match missing.why {
            Some(why) => Problem::new(FailureKind::NotActionable, format!("{written}: {why}")),
            None if most(|c| c.enabled) > 0 => Problem::new(
                FailureKind::NotFound,
                format!(
                    "{written} matches {} displayed elements, which is not what is waited for",
                    most(|c| c.displayed)
                ),
            ),
            None if most(|c| c.displayed) > 0 => {
                Problem::new(FailureKind::NotActionable, format!("{written} is disabled"))
            }
            None if most(|c| c.found) > 0 => Problem::new(
                FailureKind::NotFound,
                format!("{written} is in the page, but not displayed"),
            ),
            None => Problem::new(FailureKind::NotFound, format!("nothing matches {written}")),
        }
    }
}

impl Census {
    /// Something matches, but nobody sees it.
    pub(super) const fn is_hidden(&self) -> bool {
        self.found > 0 && self.displayed == 0
    }
}

/// A page that is an error of the portal's, or of the way to it.
pub(super) fn broken_page(page: &PageState) -> Option<Problem> {
    if let Some(code) = &page.error {
        return Some(Problem::new(
            FailureKind::ErrorPage,
            format!("the browser shows its error page {code}"),
        ));
    }
    (page.status >= 500).then(|| {
        Problem::new(
            FailureKind::HttpStatus,
            format!("the portal answered with HTTP {}", page.status),
        )
    })
}

/// Selectors as they stand in messages.
pub(super) fn written(alternatives: &[Chain]) -> String {
    alternatives.iter().map(|chain| format!("`{chain}`")).collect::<Vec<_>>().join(" or ")
}
