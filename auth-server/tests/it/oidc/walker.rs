//! A browser without a window: it keeps cookies by host and port, follows redirects, and fills the provider's forms in.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;
use url::Url;

use crate::support::PATIENCE;

#[derive(Clone)]
pub(crate) struct Walker {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    /// Of `host:port` and name.
    jar: BTreeMap<(String, String), String>,
}

pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What somebody does at the provider.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Yes,
    No,
}

impl Walker {
    pub(crate) fn new() -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { http, jar: BTreeMap::new() }
    }

    /// One request; what the answer sets is kept.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        url: &Url,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Page {
        let host = format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap());
        let mut request = Request::builder().method(method).uri(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mine = self.jar.iter().filter(|((of, _), _)| *of == host);
        let cookies: Vec<_> = mine.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let answer = async {
            let (head, body) = self.http.request(request).await.unwrap().into_parts();
            (head, body.collect().await.unwrap().to_bytes())
        };
        let (head, body) = timeout(PATIENCE, answer).await.expect("no answer");
        for set in head.headers.get_all("set-cookie") {
            let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap();
            let key = (host.clone(), name.to_owned());
            let is_over =
                value.is_empty() || attributes.contains("Max-Age=0") || attributes.contains("01 Jan 1970");
            if is_over {
                self.jar.remove(&key)
            } else {
                self.jar.insert(key, value.to_owned())
            };
        }
        Page { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&mut self, url: &Url) -> Page {
        self.ask("GET", url, &[], "").await
    }

    /// From an address of the service through the provider's pages to where the service would come next: the address of the
    /// callback.
    pub(crate) async fn walk(&mut self, from: &Url, service: &str, name: &str, says: Answer) -> Url {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let mut url = from.clone();
        for _ in 0..20 {
            let page = self.get(&url).await;
            if let Some(next) = page.location(&url) {
                if next.as_str().starts_with(service) && next.path().ends_with("/callback") {
                    return next;
                }
                url = next;
                continue;
            }
            assert_eq!(page.status, 200, "{url}: {}", page.body);
            if let Answer::No = says {
                url = url.join(&format!("{}/abort", url.path())).unwrap();
                continue;
            }
            // The provider's own pages: who are you, and may this service know it.
            let body = if page.body.contains("name=\"login\"") {
                format!("prompt=login&login={name}&password=x")
            } else {
                "prompt=consent".to_owned()
            };
            let answer = self.ask("POST", &url, &form, &body).await;
            url = answer.location(&url).expect("the form leads on");
        }
        panic!("the provider leads nowhere: {url}");
    }
}

impl Page {
    pub(crate) fn location(&self, from: &Url) -> Option<Url> {
        let to = self.headers.get("location")?.to_str().unwrap();
        Some(from.join(to).unwrap())
    }

    pub(crate) fn leads_to(&self) -> &str {
        assert_eq!(self.status, 302, "{}", self.body);
        self.headers["location"].to_str().unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}
