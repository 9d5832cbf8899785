//! Seeds and codes (RFC 6238). Neither type can be printed: no `Debug`, no `Display`, no `Serialize`.
//!
//! [`crate::mint`] decides when a code may be made.

use data_encoding::HEXLOWER;
use fno_crds::provider::{Totp, TotpAlgorithm};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::{Digest as _, Sha256};
use totp_rs::{Algorithm, Builder};

/// Minimum length of a seed: 16 characters hold 80 bits, and no portal issues shorter seeds.
const SHORTEST: usize = 16;

/// The secret an account's codes are made from.
pub struct Seed(SecretSlice<u8>);

/// One code. It can be used to log in for about a minute.
pub struct Code(SecretString);

/// Why a text cannot be used as a seed. Contains no part of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// The text has characters that are not base32.
    #[error(
        "the seed is not base32: only the letters A-Z and the digits 2-7 may occur (found another character at position {0})"
    )]
    NotBase32(usize),
    /// The text has too few characters.
    #[error("the seed has {0} characters, at least {SHORTEST} are needed")]
    TooShort(usize),
}

impl Seed {
    /// Reads a seed as people store it: base32 in upper or lower case, perhaps in groups, perhaps padded, perhaps with a line break.
    ///
    /// # Errors
    /// If the text is not base32, or too short.
    pub fn parse(stored: &[u8]) -> Result<Self, SeedError> {
        let text = String::from_utf8_lossy(stored);
        let mut seed = String::with_capacity(text.len());
        for (place, character) in text.trim().trim_end_matches('=').chars().enumerate() {
            match character.to_ascii_uppercase() {
                ' ' | '-' | '\n' | '\r' | '\t' => {}
                letter @ ('A'..='Z' | '2'..='7') => seed.push(letter),
                _ => return Err(SeedError::NotBase32(place + 1)),
            }
        }
        if seed.len() < SHORTEST {
            return Err(SeedError::TooShort(seed.len()));
        }
        let decoded = totp_rs::Secret::try_from_base32(SecretString::from(seed).expose_secret())
            .map_err(|_| SeedError::NotBase32(text.len()))?;
        Ok(Self(decoded.as_bytes().to_vec().into()))
    }

    /// Identifies the seed where used steps are recorded: the same seed is the same account in any namespace and cluster. The seed cannot be
    /// computed from it, because a seed has at least 80 bits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest([b"fno.dev totp tracking ", self.0.expose_secret()].concat());
        HEXLOWER.encode(&digest[..12])
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The code of a time step.
    #[must_use]
    pub fn code(&self, settings: &Totp, step: i64) -> Code {
        let algorithm = match settings.algorithm {
            TotpAlgorithm::SHA1 => Algorithm::SHA1,
            TotpAlgorithm::SHA256 => Algorithm::SHA256,
            TotpAlgorithm::SHA512 => Algorithm::SHA512,
        };
        let period = u64::try_from(settings.period_seconds).unwrap_or(30).max(1);
        // Not `build`: portals issue seeds shorter than the RFC's 128 bits. The schema allows only 6 or 8 digits.
        let totp = Builder::new()
            .with_algorithm(algorithm)
            .with_digits(u8::try_from(settings.digits).unwrap_or(6).clamp(6, 8))
            .with_step_duration(period)
            .with_secret(self.0.expose_secret().to_vec())
            .build_noncompliant();
        Code(
            totp.generate(u64::try_from(step).unwrap_or(0).saturating_mul(period))
                .to_string()
                .into(),
        )
    }
}

impl Code {
    /// The digits, for the one Secret they go into.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(algorithm: TotpAlgorithm, digits: i32) -> Totp {
        serde_json::from_value(serde_json::json!({"secretRef": {"name": "s"}, "algorithm": algorithm, "digits": digits})).expect("settings")
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B: the ASCII seeds "12345678901234567890…" of 20, 32 and 64 bytes, 8 digits.
        let sha1 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let sha256 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";
        let sha512 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA=";
        for (seed, algorithm, time, code) in [
            (sha1, TotpAlgorithm::SHA1, 59, "94287082"),
            (sha256, TotpAlgorithm::SHA256, 59, "46119246"),
            (sha512, TotpAlgorithm::SHA512, 59, "90693936"),
            (sha1, TotpAlgorithm::SHA1, 1_111_111_109, "07081804"),
            (sha256, TotpAlgorithm::SHA256, 20_000_000_000, "77737706"),
        ] {
            let found = Seed::parse(seed.as_bytes())
                .unwrap_or_else(|e| panic!("{e}"))
                .code(&settings(algorithm, 8), time / 30);
            assert_eq!(found.reveal(), code, "{algorithm} {time}");
        }
        let six = Seed::parse(sha1.as_bytes())
            .unwrap_or_else(|e| panic!("{e}"))
            .code(&settings(TotpAlgorithm::SHA1, 6), 1);
        assert_eq!(six.reveal(), "287082");
    }

    #[test]
    fn seeds_are_read_as_people_store_them() {
        let plain =
            Seed::parse(b"GEZDGNBVGY3TQOJQ").unwrap_or_else(|e| panic!("{e}")).fingerprint();
        for stored in ["gezd gnbv gy3t qojq\n", "GEZD-GNBV-GY3T-QOJQ", "GEZDGNBVGY3TQOJQ======"] {
            assert_eq!(
                Seed::parse(stored.as_bytes())
                    .unwrap_or_else(|e| panic!("{stored}: {e}"))
                    .fingerprint(),
                plain,
                "{stored}"
            );
        }
    }

    #[test]
    fn an_invalid_seed_is_refused_without_repeating_it() {
        for (stored, expected) in [
            ("not base32 at all!", SeedError::NotBase32(18)),
            ("GEZDGNBV1Y3TQOJQ", SeedError::NotBase32(9)),
            ("GEZDGNBV", SeedError::TooShort(8)),
            ("", SeedError::TooShort(0)),
        ] {
            let error = Seed::parse(stored.as_bytes()).err().expect(stored);
            assert_eq!(error, expected);
            assert!(stored.is_empty() || !error.to_string().contains(stored));
        }
    }
}
