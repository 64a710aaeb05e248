//! Counts requests, and how long they took, by route and not by address: there are as many numbers as routes, whatever is asked.

use std::time::Duration;

use auth_tower::{AccountPages, Endpoint};
use http::{Method, StatusCode};
use tokio::time::Instant;

use crate::http::routes::below_pages;

/// The route of an address, as it is written down: `/users/{id}` for every user.
pub(crate) fn route(path: &str) -> &'static str {
    match path {
        "/health/live" => "/health/live",
        "/health/ready" => "/health/ready",
        "/docs" => "/docs",
        _ if path.starts_with("/docs/") => "/docs/{file}",
        "/" => "/",
        _ => match below_pages(path) {
            Some(below) => AccountPages::route_at(below).unwrap_or("none"),
            None => Endpoint::at(path).map_or("none", Endpoint::path),
        },
    }
}

/// A request under way; counted when it is answered, or dropped because its client has left.
pub(crate) struct Measured {
    route: &'static str,
    method: &'static str,
    began: Instant,
    status: Option<StatusCode>,
}

impl Measured {
    pub(crate) fn begin(method: &Method, path: &str) -> Self {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        };
        Self { route: route(path), method, began: Instant::now(), status: None }
    }

    pub(crate) fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let (route, method) = (self.route, self.method);
        let status = match self.status {
            Some(status) => status.as_str().to_owned(),
            // The layer outside this one answers so.
            None if std::thread::panicking() => "500".to_owned(),
            None => "left".to_owned(),
        };
        metrics::counter!("auth_http_requests_total", "route" => route, "method" => method, "status" => status)
            .increment(1);
        if self.status.is_some() {
            let took: Duration = self.began.elapsed();
            metrics::histogram!("auth_http_request_seconds", "route" => route, "method" => method)
                .record(took);
        }
    }
}
