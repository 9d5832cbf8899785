//! Sentences about elements that were not found.

use fno_core::flow::selector::Chain;
use serde::Deserialize;

use super::{clock::Clock, failure::FailureKind, problem::Problem, walk::Walk};
use crate::browser::PageState;

/// The page's answer that it has no such element.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Missing {
    /// The alternative that `why` is about, from 0.
    alternative: Option<usize>,
    /// What keeps an element that is there from being used.
    why: Option<String>,
    /// One entry for each alternative.
    pub(super) census: Vec<Census>,
}

/// How many elements an alternative matches.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
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
        if let Some(problem) = self.hopeless(page, clock) {
            return problem;
        }
        match missing {
            Some(missing) => missing.problem(alternatives),
            None => Problem::new(
                FailureKind::Driver,
                format!("the page gave no answer about {}", written(alternatives)),
            ),
        }
    }

    /// The fault that makes any further wait useless.
    pub(super) fn hopeless(&self, page: &PageState, clock: &Clock) -> Option<Problem> {
        broken_page(page).or_else(|| clock.is_deadline().then(|| self.deadline()))
    }
}

impl Missing {
    fn problem(&self, alternatives: &[Chain]) -> Problem {
        if let Some(why) = &self.why {
            let which = self.alternative.and_then(|at| alternatives.get(at..=at));
            let which = written(which.unwrap_or(alternatives));
            return Problem::new(FailureKind::NotActionable, format!("{which}: {why}"));
        }
        let is_disabled = |census: &Census| census.displayed > 0 && census.enabled == 0;
        let kind = if self.census.iter().any(is_disabled) {
            FailureKind::NotActionable
        } else {
            FailureKind::NotFound
        };
        Problem::new(kind, each(alternatives, &self.census, Census::unusable))
    }
}

impl Census {
    /// The reason why none of the elements can be used.
    pub(super) fn unusable(&self) -> String {
        match (self.displayed, self.enabled) {
            (0, _) => "is in the page, but not displayed".to_owned(),
            (_, 0) => "is disabled".to_owned(),
            _ => self.counted(),
        }
    }

    /// How many elements there are, and how many of them a person sees.
    pub(super) fn counted(&self) -> String {
        match (self.found, self.displayed) {
            (1, 1) => "matches 1 displayed element".to_owned(),
            (1, 0) => "matches 1 element, which is not displayed".to_owned(),
            (found, displayed) if found == displayed => {
                format!("matches {found} displayed elements")
            }
            (found, 0) => format!("matches {found} elements, none of them displayed"),
            (found, displayed) => {
                format!("matches {found} elements, {displayed} of them displayed")
            }
        }
    }

    /// Whether a person sees more than `limit` elements.
    pub(super) const fn shows_more_than(&self, limit: usize) -> bool {
        self.displayed > limit
    }
}

/// A sentence about each alternative: that one is hidden says nothing about the others.
pub(super) fn each(
    alternatives: &[Chain],
    census: &[Census],
    says: impl Fn(&Census) -> String,
) -> String {
    let census = census.iter().copied().chain(std::iter::repeat(Census::default()));
    let (there, absent): (Vec<_>, Vec<_>) =
        alternatives.iter().zip(census).partition(|(_, census)| census.found > 0);
    let absent: Vec<Chain> = absent.into_iter().map(|(chain, _)| chain.clone()).collect();
    let nothing = (!absent.is_empty()).then(|| format!("nothing matches {}", written(&absent)));
    let there = there.iter().map(|(chain, census)| format!("`{chain}` {}", says(census)));
    there.chain(nothing).collect::<Vec<_>>().join("; ")
}

/// The problem of a page that is an error page of the browser, or an error of the portal.
pub(super) fn broken_page(page: &PageState) -> Option<Problem> {
    if let Some(code) = &page.error {
        return Some(Problem::new(
            FailureKind::ErrorPage,
            format!("the browser shows its error page {code}"),
        ));
    }
    is_unavailable(page.status).then(|| {
        Problem::new(
            FailureKind::HttpStatus,
            format!("the portal answered with HTTP {}", page.status),
        )
    })
}

/// Whether a document with this status means that the portal does not work now (5xx), or limits our requests (429).
const fn is_unavailable(status: u16) -> bool {
    status >= 500 || status == 429
}

/// Selectors as they stand in messages.
pub(super) fn written(alternatives: &[Chain]) -> String {
    alternatives.iter().map(|chain| format!("`{chain}`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(selectors: &[&str]) -> Vec<Chain> {
        selectors.iter().map(|s| Chain::parse(&[s]).expect("a selector")).collect()
    }

    fn census(found: usize, displayed: usize, enabled: usize) -> Census {
        Census { found, displayed, enabled }
    }

    #[test]
    fn each_alternative_is_judged_by_itself() {
        for (selectors, census, kind, expected) in [
            (&["#a"][..], vec![census(0, 0, 0)], FailureKind::NotFound, "nothing matches `#a`"),
            (
                &["#sign-out", ".error"],
                vec![census(0, 0, 0), census(1, 0, 0)],
                FailureKind::NotFound,
                "`.error` is in the page, but not displayed; nothing matches `#sign-out`",
            ),
            (
                &["#a", "#b", "#c"],
                vec![census(1, 1, 0), census(0, 0, 0), census(0, 0, 0)],
                FailureKind::NotActionable,
                "`#a` is disabled; nothing matches `#b` or `#c`",
            ),
            (&["#a", "#b"], vec![], FailureKind::NotFound, "nothing matches `#a` or `#b`"),
        ] {
            let missing = Missing { census, ..Missing::default() };
            let problem = missing.problem(&chains(selectors));
            assert_eq!((problem.kind, problem.message.as_str()), (kind, expected));
        }
    }

    #[test]
    fn what_stands_in_the_way_is_told_of_the_alternative_it_concerns() {
        let missing = Missing {
            alternative: Some(1),
            why: Some("<b> is moving".to_owned()),
            ..Missing::default()
        };
        assert_eq!(missing.problem(&chains(&["#a", "b"])).message, "`b`: <b> is moving");
    }

    #[test]
    fn a_portal_that_has_had_enough_of_us_is_unavailable_and_a_page_that_is_not_there_is_an_answer()
    {
        for (status, unavailable) in [
            (0, false),
            (200, false),
            (403, false),
            (404, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let page = PageState { status, ..PageState::default() };
            let reason = broken_page(&page).map(|problem| problem.reason);
            let expected = unavailable.then_some(fno_crds::Reason::PortalUnavailable);
            assert_eq!(reason, expected, "HTTP {status}");
        }
    }
}
