//! Addresses without secrets, for evidence and messages.

use url::Url;

/// The address without user, values of the query, and fragment unless the fragment is a route (`#/lines`).
pub(super) fn safe_url(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return "an unknown page".to_owned() };
    if !matches!(url.scheme(), "http" | "https") {
        return format!("{}:…", url.scheme())
            .replace("about:…", address.split(['?', '#']).next().unwrap_or_default());
    }
    _ = url.set_username("");
    _ = url.set_password(None);
    let query = url.query().map(without_values);
    url.set_query(query.as_deref());
    let route =
        url.fragment().filter(|fragment| fragment.starts_with(['/', '!'])).map(|fragment| {
            match fragment.split_once('?') {
                Some((path, query)) => format!("{path}?{}", without_values(query)),
                None => fragment.to_owned(),
            }
        });
    url.set_fragment(route.as_deref());
    url.into()
}

fn without_values(query: &str) -> String {
    query
        .split('&')
        .map(|pair| {
            pair.split_once('=')
                .map_or_else(|| String::from("..."), |(name, _)| format!("{name}=..."))
        })
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_query_never_show() {
        for (address, safe) in [
            ("https://p.test/lines?q=B53&page=2", "https://p.test/lines?q=...&page=..."),
            ("https://p.test/cb?token", "https://p.test/cb?..."),
            ("https://user:pass@p.test/", "https://p.test/"),
            ("https://p.test/#access_token=abc", "https://p.test/"),
            ("https://p.test/#/lines/5?key=abc", "https://p.test/#/lines/5?key=..."),
            ("https://p.test/lines/5", "https://p.test/lines/5"),
            ("about:blank", "about:blank"),
            ("data:text/html,secret", "data:…"),
            ("", "an unknown page"),
        ] {
            assert_eq!(safe_url(address), safe, "{address}");
        }
    }
}
