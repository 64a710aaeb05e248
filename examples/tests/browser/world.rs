use serde_json::Value;
use tokio::time::timeout;

use crate::{PATIENCE, browser::Browser, host::Host};

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Whom the page shows: an address, `nobody`, or nothing while it finds out.
const WHO: &str = "(() => {
    const of = (id) => document.getElementById(id);
    if (!of('signed-out')) return '';
    return of('signed-out').hidden ? (of('signed-in').hidden ? '' : of('email').textContent) : 'nobody';
})()";

/// The page in a browser.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) browser: Browser,
}

impl World {
    /// Nobody is signed in, and there is no account.
    pub(crate) async fn new() -> Self {
        Self::with_locks(true).await
    }

    async fn with_locks(has_locks: bool) -> Self {
        Self::of(Host::start(has_locks).await).await
    }

    /// Where there can be passkeys, and Ada has signed in.
    pub(crate) async fn at_localhost() -> Self {
        Self::of(Host::named("localhost").await).await.with_ada().await
    }

    async fn of(host: Host) -> Self {
        let browser = Browser::start().await;
        browser.go(&host.at("/")).await;
        Self { host, browser }
    }

    /// Ada has signed in.
    pub(crate) async fn of_ada() -> Self {
        Self::new().await.with_ada().await
    }

    pub(crate) async fn of_ada_without_locks() -> Self {
        Self::with_locks(false).await.with_ada().await
    }

    async fn with_ada(self) -> Self {
        self.sees("nobody").await;
        self.submit("register", ADA, PASSWORD).await;
        self.sees(ADA).await;
        self
    }

    pub(crate) async fn submit(&self, form: &str, email: &str, password: &str) {
        for (field, what) in [("email", email), ("password", password)] {
            // As somebody does who mends what was wrong.
            self.browser.eval(&format!("document.getElementById('{form}-{field}').value = ''")).await;
            self.browser.type_into(&format!("#{form}-{field}"), what).await;
        }
        self.browser.click(&format!("#{form} button")).await;
    }

    /// Waits until the tab shows somebody.
    pub(crate) async fn sees(&self, who: &str) {
        self.until(WHO, who).await;
    }

    /// Waits until an expression is so in the page.
    pub(crate) async fn until(&self, expression: &str, expected: impl Into<Value>) {
        let (expected, mut last) = (expected.into(), None);
        let so = async {
            while last.as_ref() != Some(&expected) {
                last = self.browser.eval(expression).await.or(last.take());
                tokio::task::yield_now().await;
            }
        };
        let waited = timeout(PATIENCE, so).await;
        assert!(waited.is_ok(), "{expression} is {last:?} and not {expected}");
    }

    /// Opens the page in so many tabs, all at once, from a tab that itself is none of the page.
    pub(crate) async fn open_tabs(&self, number: usize) -> Vec<String> {
        self.browser.go(&self.host.at("/page.css")).await;
        let open = format!(
            "(() => {{ for (let i = 0; i < {number}; i++) open('/', '_blank', 'noopener'); return 1 }})()"
        );
        assert!(self.browser.eval(&open).await.is_some());
        let all = async {
            loop {
                let tabs = self.browser.tabs().await;
                if tabs.len() > number {
                    return tabs;
                }
            }
        };
        // The first is the one that has opened the others.
        timeout(PATIENCE, all).await.expect("the tabs open").split_off(1)
    }

    pub(crate) async fn each_sees(&self, tabs: &[String], who: &str) {
        for tab in tabs {
            self.browser.to_tab(tab).await;
            self.sees(who).await;
        }
    }

    /// Once more with the cookie alone, so that it is not the token of another tab that does it.
    pub(crate) async fn is_still_signed_in(&self) {
        self.host.take(crate::host::REFRESH);
        self.browser.go(&self.host.at("/")).await;
        self.sees(ADA).await;
        assert_eq!(self.host.take(crate::host::REFRESH), [200]);
        assert_eq!(self.host.events.count("refresh_reused"), 0);
    }
}
