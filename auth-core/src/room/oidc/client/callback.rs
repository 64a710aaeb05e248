//! What a browser brings back from a provider.

use std::collections::BTreeMap;

use url::form_urlencoded;

use crate::{BrowserToken, ClientInfo, token::one_time::OneTimeParts};

/// Longer than any code of a provider.
const MAX_BYTES: usize = 8 * 1024;

/// A request to a callback.
#[derive(Debug)]
pub struct Callback {
    pub(super) provider: String,
    pub(super) answer: Answer,
    pub(super) browser: Option<BrowserToken>,
    pub(super) client: ClientInfo,
}

/// RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207. Empty when a parameter is there twice or the query is too long.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) state: Option<String>,
    pub(super) code: Option<String>,
    pub(super) error: Option<String>,
    pub(super) iss: Option<String>,
}

impl Callback {
    /// A request to the callback of this provider, with the query of its address as it came: without the question mark, and
    /// not decoded.
    pub fn new(provider: impl Into<String>, query: &str) -> Self {
        Self {
            provider: provider.into(),
            answer: Answer::parse(query).unwrap_or_default(),
            browser: None,
            client: ClientInfo::default(),
        }
    }

    /// The name of the cookie that has to come along: that of [`Authorization`](super::Authorization). `None`: there is no
    /// `state`, or none of ours. It can go afterwards, whatever comes of it.
    pub fn cookie_name(&self) -> Option<String> {
        let parts = self.answer.state.as_deref().and_then(OneTimeParts::parse)?;
        Some(parts.id.simple().to_string())
    }

    /// The value of that cookie, if the browser sent it.
    pub fn browser(mut self, token: Option<BrowserToken>) -> Self {
        self.browser = token;
        self
    }

    /// Who asks.
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }
}

impl Answer {
    fn parse(query: &str) -> Option<Self> {
        let mut parameters = BTreeMap::new();
        if query.len() > MAX_BYTES {
            return None;
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // RFC 6749 section 3.1: none may be there twice.
            if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        let mut take = |name| parameters.remove(name);
        Some(Self { state: take("state"), code: take("code"), error: take("error"), iss: take("iss") })
    }
}

/// Tells what is there, and none of it: code and state are secrets.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("code", &self.code.is_some())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_there_twice_leaves_nothing_of_the_answer() {
        assert_eq!(Callback::new("p", "code=1&state=2").answer.code.as_deref(), Some("1"));
        for query in ["code=1&state=2&code=3", "state=2&state=2", "x=1&x=1&state=2", "code=1&c%6fde=2"] {
            assert!(Callback::new("p", query).answer.state.is_none(), "{query}");
        }
        assert!(
            Callback::new("p", &format!("state=1&code={}", "a".repeat(MAX_BYTES))).answer.state.is_none()
        );
        assert!(Callback::new("p", "state=&code=").answer.code.is_none());
    }
}
