use std::net::{IpAddr, Ipv6Addr};

use http::HeaderValue;

use crate::ConfigError;

/// An origin exactly as browsers write it in the header `Origin` (RFC 6454 section 6.2): lower case, no
/// default port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    text: String,
}

impl Origin {
    /// Where the service runs unless it is told otherwise.
    pub(super) fn local() -> Self {
        Self { text: "http://localhost:8000".to_owned() }
    }

    /// Reads a setting; upper case and a default port are brought into the browser's form.
    pub(super) fn parse(setting: &'static str, text: &str) -> Result<Self, ConfigError> {
        let refuse = |problem| ConfigError::new(setting, problem);
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| refuse("is no origin; it must be like https://app.example.com"))?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(refuse("must begin with http:// or https://")),
        };
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(refuse("must be an origin only: no path, no query, no slash at the end"));
        }
        if rest.contains('@') {
            return Err(refuse("must not name a user or a password"));
        }
        let (host, port) = split_port(rest);
        let host = canonical_host(host).ok_or_else(|| {
            refuse("has no usable host (no wildcards; other scripts as xn--...; IPv6 in [])")
        })?;
        let port = match port.map(parse_port) {
            Some(None) => return Err(refuse("has no usable port; it must be 1 to 65535")),
            Some(port) => port.filter(|port| *port != default_port),
            None => None,
        };
        let text = match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        Ok(Self { text })
    }

    /// The same, or an origin of an application's own scheme, to the letter: what its web view sends has no other form.
    pub(super) fn parse_trusted(setting: &'static str, text: &str) -> Result<Self, ConfigError> {
        let own = text.split_once("://").filter(|(scheme, _)| is_of_application(scheme));
        let Some((scheme, authority)) = own else { return Self::parse(setting, text) };
        let (host, port) = split_port(authority);
        if canonical_host(host).is_none() || port.is_some_and(|port| parse_port(port).is_none()) {
            let problem = "must be an origin only, scheme://host or scheme://host:port, without path, user and wildcards";
            return Err(ConfigError::new(setting, problem));
        }
        Ok(Self { text: format!("{}://{authority}", scheme.to_ascii_lowercase()) })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// Whether it is this machine to whoever asks: no name, or none that anybody else could be found by.
    pub(super) fn is_loopback(&self) -> bool {
        let authority = self.text.split_once("://").map_or(self.text.as_str(), |(_, authority)| authority);
        let (host, _) = split_port(authority);
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost"
            || host.ends_with(".localhost")
            || address.is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn is(&self, header: &HeaderValue) -> bool {
        self.text.as_bytes() == header.as_bytes()
    }
}

/// Whether no browser gives the scheme a meaning (URL Standard, "special scheme"; HTML, RFC 3986).
fn is_of_application(scheme: &str) -> bool {
    const OTHERS: [&str; 15] = [
        "http",
        "https",
        "ws",
        "wss",
        "ftp",
        "file",
        "filesystem",
        "blob",
        "data",
        "about",
        "javascript",
        "vbscript",
        "view-source",
        "mailto",
        "null",
    ];
    let scheme = scheme.to_ascii_lowercase();
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !OTHERS.contains(&scheme.as_str())
}

/// The colons of an IPv6 address are inside its brackets.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn parse_port(port: &str) -> Option<u16> {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|port| digits && *port != 0)
}

fn canonical_host(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    host.split('.').all(label).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_brought_into_the_form_that_browsers_send() {
        for (setting, origin) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.COM:443", "https://app.example.com"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:443", "http://localhost:443"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://[0:0::1]:8000", "http://[::1]:8000"),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(Origin::parse("public_url", setting).unwrap().text, origin);
        }
    }

    #[test]
    fn an_application_in_a_web_view_may_be_trusted_to_the_letter() {
        for (setting, origin) in [
            ("capacitor://localhost", "capacitor://localhost"),
            ("Ionic://localhost", "ionic://localhost"),
            ("tauri://localhost:1420", "tauri://localhost:1420"),
            ("app://-", "app://-"),
            (
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ),
            ("com.example.App://Local", "com.example.app://Local"),
        ] {
            assert_eq!(Origin::parse_trusted("trusted_origin", setting).unwrap().text, origin);
            assert!(Origin::parse("public_url", setting).is_err(), "nobody is served at {setting}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_and_the_setting_named() {
        for setting in [
            "",
            "null",
            "*",
            "app.example.com",
            "//app.example.com",
            "ftp://app.example.com",
            "file:///etc",
            "javascript://x",
            "JavaScript://x",
            "data://x",
            "null://x",
            "capacitor://",
            "capacitor://*",
            "capacitor://localhost/",
            "capacitor://user:secret@localhost",
            "capacitor://localhost:x",
            "1app://localhost",
            "my app://localhost",
            "://localhost",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/auth",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://app.example.com\\x",
            "https://user@app.example.com",
            "https://user:secret@app.example.com",
            "https://*.example.com",
            "https://.example.com",
            "https://example.com.",
            "https://exa mple.com",
            "https://bücher.example",
            "https://app.example.com:",
            "https://app.example.com:0",
            "https://app.example.com:+1",
            "https://app.example.com:65536",
            "https://a:b:1",
            "http://::1:8000",
            "http://[::1",
            "http://[::1]x:1",
            " https://app.example.com",
            "https://app.example.com\n",
        ] {
            let error = Origin::parse_trusted("trusted_origin", setting).expect_err(setting);
            assert_eq!(error.setting(), "trusted_origin");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
