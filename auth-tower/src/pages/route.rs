//! What is where, below where the pages are mounted.

use std::pin::Pin;

use http::Method;

use super::{
    account,
    ask::{Answered, Ask},
    challenge,
    files::{FILES, File},
    sign_in, sign_out, sign_up, speak,
};

type Handler = for<'a> fn(&'a mut Ask) -> Pin<Box<dyn Future<Output = Answered> + Send + 'a>>;

/// One address.
pub(super) struct Route {
    path: &'static str,
    get: Option<Handler>,
    /// Whatever changes something.
    post: Option<Handler>,
}

const ROUTES: &[Route] = &[
    Route {
        path: "/",
        get: Some(|ask| Box::pin(account::show(ask))),
        post: Some(|ask| Box::pin(account::send(ask))),
    },
    Route {
        path: sign_in::PATH,
        get: Some(|ask| Box::pin(sign_in::show(ask))),
        post: Some(|ask| Box::pin(sign_in::send(ask))),
    },
    Route {
        path: challenge::PATH,
        get: Some(|ask| Box::pin(challenge::show(ask))),
        post: Some(|ask| Box::pin(challenge::send(ask))),
    },
    Route {
        path: sign_up::PATH,
        get: Some(|ask| Box::pin(sign_up::show(ask))),
        post: Some(|ask| Box::pin(sign_up::send(ask))),
    },
    Route { path: sign_up::SENT, get: Some(|ask| Box::pin(sign_up::sent(ask))), post: None },
    Route { path: "/sign-out", get: None, post: Some(|ask| Box::pin(sign_out::send(ask))) },
    Route { path: "/language", get: None, post: Some(|ask| Box::pin(speak::send(ask))) },
];

impl Route {
    pub(super) fn handler(&self, method: &Method) -> Option<Handler> {
        match *method {
            Method::GET | Method::HEAD => self.get,
            Method::POST => self.post,
            _ => None,
        }
    }

    /// As for the header `Allow`.
    pub(super) fn allow(&self) -> &'static str {
        match (self.get, self.post) {
            (Some(_), Some(_)) => "GET, HEAD, POST",
            (Some(_), None) => "GET, HEAD",
            (None, _) => "POST",
        }
    }
}

pub(super) fn find(path: &str) -> Option<&'static Route> {
    let path = if path.is_empty() { "/" } else { path };
    ROUTES.iter().find(|route| route.path == path)
}

pub(super) fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().flat_map(|route| {
        let methods = [route.get.map(|_| "GET"), route.post.map(|_| "POST")];
        methods.into_iter().flatten().map(|method| (method, route.path))
    })
}
