use super::*;

const RULES: OtpRules = OtpRules {
    digits: 6,
    period: 30,
    algorithm: Algorithm::SHA1,
    skew_back: 1,
    skew_forward: 1,
    accept_once: true,
    strictly_increasing: true,
};

/// The seeds of RFC 6238, appendix B: "12345678901234567890", repeated to the length of the hash.
const SEED20: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const SEED32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";
const SEED64: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA";

fn otp(rules: OtpRules) -> Otp {
    Otp::new(SEED20, rules).expect("a good seed")
}

#[test]
fn the_vectors_of_rfc_6238_are_accepted() {
    let vectors = [
        (59, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ];
    for (seconds, codes) in vectors {
        let seeds =
            [(Algorithm::SHA1, SEED20), (Algorithm::SHA256, SEED32), (Algorithm::SHA512, SEED64)];
        for ((algorithm, seed), code) in seeds.into_iter().zip(codes) {
            let otp =
                Otp::new(seed, OtpRules { digits: 8, algorithm, ..RULES }).expect("a good seed");
            assert_eq!(
                otp.check(code, seconds),
                CodeCheck::Fresh(seconds / 30),
                "{algorithm:?} at {seconds}"
            );
        }
    }
}

#[test]
fn a_spent_step_and_all_before_it_are_replays() {
    let mut otp = otp(OtpRules { digits: 8, ..RULES });
    otp.spend(1_111_111_111 / 30);
    assert_eq!(otp.check("14050471", 1_111_111_111), CodeCheck::Replayed(37_037_037));
    assert_eq!(
        otp.check("07081804", 1_111_111_111),
        CodeCheck::Replayed(37_037_036),
        "the step before the spent one"
    );
}

#[test]
fn an_earlier_step_is_fine_where_only_repetition_is_refused() {
    let mut otp = otp(OtpRules { digits: 8, strictly_increasing: false, ..RULES });
    otp.spend(37_037_037);
    assert_eq!(otp.check("07081804", 1_111_111_111), CodeCheck::Fresh(37_037_036));
    assert_eq!(otp.check("14050471", 1_111_111_111), CodeCheck::Replayed(37_037_037));
}

#[test]
fn the_window_has_two_sides_of_their_own() {
    let otp = otp(OtpRules { digits: 8, skew_back: 2, skew_forward: 0, ..RULES });
    assert_eq!(otp.check("94287082", 59 + 60), CodeCheck::Fresh(1));
    assert_eq!(
        otp.check("94287082", 59 + 90),
        CodeCheck::Wrong(Some(1)),
        "too old, and the journal can tell its step"
    );
    assert_eq!(otp.check("94287082", 29), CodeCheck::Wrong(Some(1)), "of the next step");
}

#[test]
fn what_is_no_code_is_wrong() {
    let otp = otp(RULES);
    for code in ["", "28708", "2870822", "+87082", "abcdef", "28 082", "２８７０８２"] {
        assert_eq!(otp.check(code, 59), CodeCheck::Wrong(None), "{code:?}");
    }
    assert_eq!(otp.check("287082", 59), CodeCheck::Fresh(1));
}

#[test]
fn a_bad_seed_is_refused_without_being_shown() {
    for bad in ["not base32!", "", "GEZDGNBVGY3TQOJ1"] {
        let error = Otp::new(bad, RULES).err().expect("refused").to_string();
        assert!(error.starts_with("totpSeed"), "{error}");
        assert!(bad.is_empty() || !error.contains(bad), "{error}");
    }
    assert!(
        Otp::new("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", RULES).is_ok(),
        "as authenticator apps show it"
    );
}
