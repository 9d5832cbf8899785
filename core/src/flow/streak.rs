//! Detects that the portal looks different from what the flow expects: one step fails in the same way in several jobs in a row.

use fno_crds::Reason;

/// Counts failures in a row. An answer ends the row: a step that works on one circuit has not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streak {
    limit: usize,
    failure: Option<(String, Reason)>,
    circuits: Vec<String>,
}

impl Streak {
    /// An empty row. `limit` is `spec.limits.flowFailuresToOpen`; less than 1 counts as 1.
    #[must_use]
    pub fn new(limit: i32) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(0).max(1),
            failure: None,
            circuits: Vec::new(),
        }
    }

    /// Counts a job that failed in this step for this reason. True if the row has reached the limit: the batch ends with `PortalChanged`.
    ///
    /// Each circuit counts once: a single unusual circuit does not mean that the portal has changed.
    pub fn failed(&mut self, step: &str, reason: Reason, circuit: &str) -> bool {
        if self.failure.as_ref().is_none_or(|(s, r)| s != step || *r != reason) {
            self.failure = Some((step.to_owned(), reason));
            self.circuits.clear();
        }
        if !self.circuits.iter().any(|c| c == circuit) {
            self.circuits.push(circuit.to_owned());
        }
        self.circuits.len() >= self.limit
    }

    /// Counts a job that got its answer.
    pub fn succeeded(&mut self) {
        self.failure = None;
        self.circuits.clear();
    }

    /// The step that failed in the current row.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.failure.as_ref().map(|(step, _)| step.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opens(limit: i32, events: &[(&str, Reason, &str)]) -> Vec<bool> {
        let mut streak = Streak::new(limit);
        events
            .iter()
            .map(|(step, reason, circuit)| {
                if step.is_empty() {
                    streak.succeeded();
                    return false;
                }
                streak.failed(step, *reason, circuit)
            })
            .collect()
    }

    #[test]
    fn a_row_of_failures_on_different_circuits_opens() {
        use Reason::{StepFailed, Timeout};
        for (limit, events, expected) in [
            (
                3,
                vec![
                    ("a", StepFailed, "1"),
                    ("a", StepFailed, "2"),
                    ("a", StepFailed, "3"),
                    ("a", StepFailed, "4"),
                ],
                vec![false, false, true, true],
            ),
            (
                3,
                vec![("a", StepFailed, "1"), ("a", StepFailed, "1"), ("a", StepFailed, "1")],
                vec![false, false, false],
            ),
            (
                2,
                vec![("a", StepFailed, "1"), ("b", StepFailed, "2"), ("b", StepFailed, "3")],
                vec![false, false, true],
            ),
            (
                2,
                vec![("a", StepFailed, "1"), ("a", Timeout, "2"), ("a", StepFailed, "3")],
                vec![false, false, false],
            ),
            (
                2,
                vec![("a", StepFailed, "1"), ("", StepFailed, ""), ("a", StepFailed, "2")],
                vec![false, false, false],
            ),
            (1, vec![("a", StepFailed, "1")], vec![true]),
            (0, vec![("a", StepFailed, "1")], vec![true]),
        ] {
            assert_eq!(opens(limit, &events), expected, "{events:?}");
        }
    }

    #[test]
    fn the_row_names_its_step() {
        let mut streak = Streak::new(3);
        assert_eq!(streak.step(), None);
        streak.failed("search", Reason::StepFailed, "1");
        assert_eq!(streak.step(), Some("search"));
        streak.succeeded();
        assert_eq!(streak.step(), None);
    }
}
