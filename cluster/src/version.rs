//! Which of two copies of an object is newer.

use kube::Resource;

/// `metadata.resourceVersion`. Within one kind a larger number is newer: Kubernetes 1.35 guarantees this, and with etcd it was always so.
///
/// A version that is missing or not a number cannot be compared: every comparison with it is false. So a copy with such a version is never
/// discarded as stale, and never causes another copy to be discarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(Option<u64>);

impl Version {
    /// The version of an object.
    #[must_use]
    pub fn of<K: Resource>(object: &K) -> Self {
        object.meta().resource_version.as_deref().map_or_else(Self::default, Self::parse)
    }

    /// Parses a version as the API server writes it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.parse().ok())
    }

    /// Whether this version is known to be the same as the other or newer.
    #[must_use]
    pub fn is_at_least(self, other: Self) -> bool {
        matches!((self.0, other.0), (Some(this), Some(other)) if this >= other)
    }

    /// Whether this version is known to be newer than the other.
    #[must_use]
    pub fn is_newer_than(self, other: Self) -> bool {
        matches!((self.0, other.0), (Some(this), Some(other)) if this > other)
    }

    /// The newer of two versions, or the readable one if only one is readable.
    #[must_use]
    pub fn newest(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_compared_as_numbers() {
        let (nine, ten) = (Version::parse("9"), Version::parse("10"));
        assert!(ten.is_newer_than(nine) && ten.is_at_least(nine) && ten.is_at_least(ten));
        assert!(!nine.is_newer_than(ten) && !nine.is_at_least(ten) && !ten.is_newer_than(ten));
    }

    #[test]
    fn a_copy_without_a_readable_version_is_never_stale_and_never_makes_another_copy_stale() {
        let known = Version::parse("10");
        for unknown in
            [Version::default(), Version::parse(""), Version::parse("v7"), Version::parse("-1")]
        {
            for (seen, new) in [(known, unknown), (unknown, known), (unknown, unknown)] {
                assert!(!seen.is_newer_than(new) && !seen.is_at_least(new), "{seen:?} {new:?}");
            }
            assert_eq!((known.newest(unknown), unknown.newest(known)), (known, known));
        }
    }
}
