use super::*;

#[test]
fn clocks_that_differ_by_more_than_half_a_step_end_the_login_before_its_code() {
    for (millis, period, skewed) in [
        (15_000, 30, false),
        (-15_000, 30, false),
        (15_001, 30, true),
        (-15_001, 30, true),
        (3000, 5, true),
        (i64::MIN, 30, true),
    ] {
        let verdict =
            mint(&MintRequest { clock: own(millis), period, min_remaining: 0, ..request() });
        assert_eq!(
            never(&verdict),
            skewed.then_some(Reason::ClockSkew),
            "{millis} ms, period {period}"
        );
    }
}

#[test]
fn the_sentence_about_clocks_says_which_one_is_ahead_and_what_to_correct() {
    let said = |millis| match mint(&MintRequest { clock: own(millis), ..request() }) {
        MintDecision::Never { why } => why.message,
        other => panic!("{other:?}"),
    };
    assert!(said(40_000).contains("40 s ahead of ours"), "{}", said(40_000));
    assert!(said(-20_000).contains("20 s behind ours"), "{}", said(-20_000));
    assert!(said(40_000).contains("Correct the clock"), "{}", said(40_000));
}

#[test]
fn an_earlier_measurement_holds_back_logins_until_it_is_time_to_measure_again() {
    let earlier = |minutes: i64| PortalClock {
        own: None,
        earlier: Some((40_000, at(5000) - SignedDuration::from_mins(minutes))),
    };
    let asked = |clock| may_login(&LoginRequest { clock, ..login() });
    assert!(
        matches!(asked(earlier(4)), LoginPermission::Refused { why } if why.reason == Reason::ClockSkew)
    );
    assert_eq!(
        asked(earlier(5)),
        LoginPermission::Granted,
        "one goes as far as the code and measures"
    );
    // This login measures again, and its own result decides.
    let minted = |own| mint(&MintRequest { clock: PortalClock { own, ..earlier(5) }, ..request() });
    assert_eq!(minted(Some(0)), MintDecision::Mint { step: 100 });
    assert_eq!(never(&minted(Some(40_000))), Some(Reason::ClockSkew));
    assert_eq!(never(&minted(None)), Some(Reason::ClockSkew), "it could not measure");
    let much_later = MintRequest { clock: earlier(61), ..request() };
    assert_eq!(mint(&much_later), MintDecision::Mint { step: 100 }, "an old measurement expires");
}

#[test]
fn planning_holds_back_and_then_tries_one_login() {
    let gate = |minutes: i64| {
        let measured_at = at(0) - SignedDuration::from_mins(minutes);
        PortalClock { own: None, earlier: Some((-20_000, measured_at)) }.gate(30, at(0))
    };
    assert!(matches!(gate(1), Gate::Shut(why) if why.reason == Reason::ClockSkew));
    assert!(matches!(gate(6), Gate::Trial(why) if why.reason == Reason::ClockSkew));
    assert_eq!(gate(61), Gate::Open);
    assert_eq!(PortalClock::default().gate(30, at(0)), Gate::Open);
    let slow_codes = PortalClock { own: None, earlier: Some((-20_000, at(0))) };
    assert_eq!(slow_codes.gate(60, at(0)), Gate::Open, "20 s is within half a step of 60 s");
}
