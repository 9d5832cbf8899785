//! Tells an account's credentials apart without revealing them: a keyed digest of their values.
//!
//! Everyone who can read a status sees the digest. Without the key they cannot compare it with guesses, and the key is in one Secret of
//! the operator's namespace. The digest covers the values and nothing else: labels, re-encryption or a new Secret with the old values do
//! not change it.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::totp::Seed;

/// Minimum length of a key, in bytes.
pub const KEY_BYTES: usize = 32;

/// Stands for credentials whose version is not known any more. Comparable with nothing, so it counts against every version.
pub const UNKNOWN: &str = "unknown";

/// The key of the digests. Not printable.
pub struct VersionKey {
    mac: Hmac<Sha256>,
    id: String,
}

/// The values that are typed into a login form. Not printable.
pub struct Credentials<'a> {
    username: &'a [u8],
    password: &'a [u8],
}

impl<'a> Credentials<'a> {
    /// The values of the two keys of a Secret, without line breaks at their ends: editors add them, and no login form accepts them.
    #[must_use]
    pub fn of(username: &'a [u8], password: &'a [u8]) -> Self {
        Self { username: trimmed(username), password: trimmed(password) }
    }

    /// User name, as it is typed.
    #[must_use]
    pub const fn username(&self) -> &'a [u8] {
        self.username
    }

    /// Password, as it is typed.
    #[must_use]
    pub const fn password(&self) -> &'a [u8] {
        self.password
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    &value[..end]
}

impl VersionKey {
    /// A key of at least [`KEY_BYTES`] random bytes. None if there are fewer.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        // The key is too long to be guessed, so a digest of it may be public.
        let digest =
            Sha256::new().chain_update("fno.dev credentials key ").chain_update(key).finalize();
        let mac = Hmac::new_from_slice(key).ok().filter(|_| key.len() >= KEY_BYTES)?;
        Some(Self { mac, id: HEXLOWER.encode(&digest[..4]) })
    }

    /// `<key id>:<digest>`: HMAC-SHA-256 of user name, password and, where the account has one, seed.
    #[must_use]
    pub fn version(&self, credentials: &Credentials<'_>, seed: Option<&Seed>) -> String {
        let values = [credentials.username, credentials.password];
        let seed = seed.map(Seed::bytes);
        self.digest([b"fno.dev credentials 1".as_slice()].into_iter().chain(values).chain(seed))
    }

    /// Keyed digest of the user name alone: tells whether two Secrets hold the same user.
    #[must_use]
    pub fn user(&self, credentials: &Credentials<'_>) -> String {
        self.digest([b"fno.dev user 1".as_slice(), credentials.username])
    }

    fn digest<'a>(&self, values: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut mac = self.mac.clone();
        for bytes in values {
            // With their lengths in front, two different lists of values never give the same bytes.
            mac.update(&(bytes.len() as u64).to_be_bytes());
            mac.update(bytes);
        }
        format!("{}:{}", self.id, HEXLOWER.encode(&mac.finalize().into_bytes()))
    }
}

/// Whether two versions were made with the same key. Versions of different keys say nothing about each other.
#[must_use]
pub fn are_comparable(one: &str, other: &str) -> bool {
    let key = |version: &str| version.split_once(':').map(|(key, _)| key.to_owned());
    key(one).is_some_and(|one| Some(one) == key(other))
}

/// Whether the two versions are known to be of different credentials.
#[must_use]
pub fn differ(one: &str, other: &str) -> bool {
    one != other && are_comparable(one, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> VersionKey {
        VersionKey::new(&[byte; KEY_BYTES]).expect("long enough")
    }

    fn seed(text: &str) -> Seed {
        Seed::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn version(username: &str, password: &str, stored_seed: Option<&str>) -> String {
        let seed = stored_seed.map(seed);
        key(1).version(&Credentials::of(username.as_bytes(), password.as_bytes()), seed.as_ref())
    }

    #[test]
    fn the_same_values_have_the_same_version_however_they_are_stored() {
        let plain = version("bot", "pass word", Some("GEZDGNBVGY3TQOJQ"));
        assert_eq!(version("bot\n", "pass word\r\n", Some("gezd gnbv gy3t qojq\n")), plain);
        assert_eq!(plain.len(), 8 + 1 + 64);
    }

    #[test]
    fn any_other_value_is_another_version() {
        let all = [
            version("bot", "secret", None),
            version("bot", "Secret", None),
            version("Bot", "secret", None),
            version("bots", "ecret", None),
            version("bot", "secret ", None),
            version("bot", "secret", Some("GEZDGNBVGY3TQOJQ")),
            version("bot", "secret", Some("GEZDGNBVGY3TQOJR")),
        ];
        for (i, one) in all.iter().enumerate() {
            for other in &all[i + 1..] {
                assert!(differ(one, other), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_password_cannot_be_guessed_from_the_version_without_the_key() {
        let credentials = Credentials::of(b"bot", b"hunter2");
        let (ours, guessed) =
            (key(1).version(&credentials, None), key(2).version(&credentials, None));
        assert_ne!(ours.split_once(':'), guessed.split_once(':'), "another key, another digest");
        assert!(!are_comparable(&ours, &guessed) && !differ(&ours, &guessed));
    }

    #[test]
    fn versions_without_a_key_are_comparable_with_nothing() {
        for other in [UNKNOWN, "", "unknown:1", "uid:4711"] {
            assert!(!differ(UNKNOWN, other) && !differ(&version("a", "b", None), other), "{other}");
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(VersionKey::new(&[7; KEY_BYTES - 1]).is_none());
    }
}
