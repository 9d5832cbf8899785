//! What the browser is told at its start.

use serde_json::{Map, Value, json};
use thirtyfour::{
    BrowserCapabilitiesHelper as _, Capabilities, FirefoxCapabilities, error::WebDriverResult,
};

use super::Settings;

/// A silent Firefox that sends nothing twice, and a lean one: one content process, no disk cache, no password manager.
///
/// They work only through the capabilities of a session, so this file belongs to the runner and not to the image.
const PREFS: &str = include_str!("prefs.json");

pub(super) fn capabilities(settings: &Settings) -> WebDriverResult<Capabilities> {
    let mut firefox = FirefoxCapabilities::new();
    firefox.set_headless()?;
    firefox.set_browser_option("prefs", preferences(settings)?)?;
    // The screen, which bounds the window.
    let size = &settings.browser.window_size;
    firefox.set_browser_option("env", json!({"MOZ_HEADLESS_WIDTH": size.width.to_string(), "MOZ_HEADLESS_HEIGHT": size.height.to_string()}))?;
    if let Some(binary) = &settings.binary {
        firefox.set_firefox_binary(binary)?;
    }
    let mut all = Capabilities::from(firefox);
    // A page counts as loaded when its document is: steps wait for what they need, not for trackers and pictures.
    all.set("pageLoadStrategy", "eager")?;
    // Native dialogs are answered by steps, never by the driver.
    all.set("unhandledPromptBehavior", "ignore")?;
    all.set("acceptInsecureCerts", settings.browser.accept_insecure_certs)?;
    if let Some(proxy) = &settings.proxy {
        all.set("proxy", json!({"proxyType": "manual", "httpProxy": proxy, "sslProxy": proxy}))?;
    }
    Ok(all)
}

fn preferences(settings: &Settings) -> WebDriverResult<Map<String, Value>> {
    let mut prefs: Map<String, Value> = serde_json::from_str(PREFS)?;
    let locale = &settings.browser.locale;
    let language = locale.split('-').next().unwrap_or(locale);
    let languages =
        if language == locale { locale.clone() } else { format!("{locale}, {language}") };
    prefs.insert("intl.accept_languages".into(), languages.into());
    if let Some(agent) = &settings.browser.user_agent {
        prefs.insert("general.useragent.override".into(), agent.as_str().into());
    }
    if settings.proxy.is_some() {
        // Else it would say "no proxy" against the capability.
        prefs.remove("network.proxy.type");
    }
    Ok(prefs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_got_no_answer_is_not_sent_again() {
        let prefs: Map<String, Value> = serde_json::from_str(PREFS).expect("prefs.json");
        assert_eq!(prefs["network.http.request.max-attempts"], 1);
    }

    #[test]
    fn the_providers_settings_reach_the_browser() {
        let browser =
            serde_json::from_value(json!({"locale": "en-ZA", "userAgent": "fno", "acceptInsecureCerts": true, "windowSize": {"width": 800, "height": 600}}))
                .expect("settings");
        let settings = Settings {
            browser,
            proxy: Some("proxy.test:3128".into()),
            binary: Some("/opt/firefox".into()),
            ..Settings::default()
        };
        let all =
            serde_json::to_value(capabilities(&settings).expect("capabilities")).expect("JSON");
        let options = &all["moz:firefoxOptions"];
        assert_eq!(options["prefs"]["intl.accept_languages"], "en-ZA, en");
        assert_eq!(options["prefs"]["general.useragent.override"], "fno");
        assert_eq!(options["prefs"].get("network.proxy.type"), None);
        assert_eq!(options["env"]["MOZ_HEADLESS_WIDTH"], "800");
        assert_eq!(options["binary"], "/opt/firefox");
        assert_eq!(options["args"], json!(["-headless"]));
        assert_eq!(all["proxy"]["sslProxy"], "proxy.test:3128");
        assert_eq!(
            (&all["acceptInsecureCerts"], &all["unhandledPromptBehavior"]),
            (&json!(true), &json!("ignore"))
        );
    }
}
