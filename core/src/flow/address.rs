//! Addresses: what a `navigate` step opens, and into which pages a secret may be typed.

use url::Url;

/// An address that cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an http or https address nor a path that starts with /")]
pub struct AddressError(pub String);

/// The address that a `navigate` step opens. A path (`/lines?id=1`) is appended to the provider's `baseUrl`.
///
/// # Errors
/// [`AddressError`] for anything else: `javascript:`, `file:`, a name without a scheme.
pub fn resolve(base_url: &str, address: &str) -> Result<String, AddressError> {
    let address = address.trim();
    let full = if address.starts_with(['/', '?', '#']) {
        format!("{}{address}", base_url.trim_end_matches('/'))
    } else {
        address.to_owned()
    };
    origin(&full).map(|_| full).ok_or_else(|| AddressError(address.to_owned()))
}

/// Scheme, host and port of an http or https address, as browsers write them: lower case, without the default port. None for any
/// other address.
#[must_use]
pub fn origin(address: &str) -> Option<String> {
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.origin().ascii_serialization())
}

/// Whether a page belongs to one of the provider's `allowedOrigins`.
#[must_use]
pub fn is_allowed(page: &str, allowed_origins: &[String]) -> bool {
    origin(page).is_some_and(|page| {
        allowed_origins.iter().any(|allowed| origin(allowed).as_ref() == Some(&page))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_resolved() {
        for (base, address, expected) in [
            (
                "https://portal.example.net",
                "/lines?id=1",
                Some("https://portal.example.net/lines?id=1"),
            ),
            (
                "https://portal.example.net/isp/",
                "/lines",
                Some("https://portal.example.net/isp/lines"),
            ),
            ("https://portal.example.net", "?page=2", Some("https://portal.example.net?page=2")),
            (
                "https://portal.example.net",
                "https://login.example.net/",
                Some("https://login.example.net/"),
            ),
            (
                "https://portal.example.net",
                "//evil.example.org/",
                Some("https://portal.example.net//evil.example.org/"),
            ),
            ("https://portal.example.net", "@evil.example.org/", None),
            ("https://portal.example.net", "javascript:alert(1)", None),
            ("https://portal.example.net", "file:///etc/passwd", None),
            ("https://portal.example.net", "about:blank", None),
            ("https://portal.example.net", "lines", None),
            ("https://portal.example.net", "", None),
        ] {
            assert_eq!(resolve(base, address).ok().as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn only_the_whole_origin_counts() {
        let allowed = ["https://portal.example.net".to_owned(), "http://127.0.0.1:8080".to_owned()];
        for (page, expected) in [
            ("https://portal.example.net/login?x#y", true),
            ("https://PORTAL.example.net:443/", true),
            ("http://127.0.0.1:8080/a", true),
            ("http://portal.example.net/", false),
            ("https://portal.example.net:8443/", false),
            ("https://portal.example.net.evil.example.org/", false),
            ("https://portal.example.net@evil.example.org/", false),
            ("https://evil.example.org/https://portal.example.net", false),
            ("about:blank", false),
            ("data:text/html,x", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(page, &allowed), expected, "{page}");
        }
    }
}
