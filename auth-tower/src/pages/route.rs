//! What is where, below where the pages are mounted.

use std::{future::ready, pin::Pin};

use http::Method;
use uuid::Uuid;

#[cfg(feature = "webhooks")]
use super::news;
use super::{
    account, admin,
    ask::{Answered, Ask},
    change_email, code, data,
    factor::{authenticator, challenge, confirm, device, passkey},
    files, forgot, link, machine, oidc, password, reset_password, security, sign_in, sign_out, sign_up,
    speak, verify_email,
};

type Handler = for<'a> fn(&'a mut Ask) -> Pin<Box<dyn Future<Output = Answered> + Send + 'a>>;

/// What stands in the names of routes for where the pages are mounted.
const MOUNT: &str = "/account";
/// The name of the route of all files.
const OF_FILES: &str = "/account/{file}";

/// One address.
pub(super) struct Route {
    /// As where the pages are mounted by default.
    name: &'static str,
    get: Option<Handler>,
    /// Whatever changes something.
    post: Option<Handler>,
}

const ROUTES: &[Route] = &[
    Route {
        name: "/account",
        get: Some(|ask| Box::pin(account::show(ask))),
        post: Some(|ask| Box::pin(account::send(ask))),
    },
    Route {
        name: "/account/sign-in",
        get: Some(|ask| Box::pin(sign_in::show(ask))),
        post: Some(|ask| Box::pin(sign_in::send(ask))),
    },
    Route {
        name: "/account/challenge",
        get: Some(|ask| Box::pin(challenge::show(ask))),
        post: Some(|ask| Box::pin(challenge::send(ask))),
    },
    Route {
        name: "/account/sign-up",
        get: Some(|ask| Box::pin(sign_up::show(ask))),
        post: Some(|ask| Box::pin(sign_up::send(ask))),
    },
    Route { name: "/account/sign-up/sent", get: Some(|ask| Box::pin(ready(sign_up::sent(ask)))), post: None },
    Route {
        name: "/account/code",
        get: Some(|ask| Box::pin(code::show(ask))),
        post: Some(|ask| Box::pin(code::send(ask))),
    },
    Route {
        name: "/account/forgot",
        get: Some(|ask| Box::pin(ready(forgot::show(ask)))),
        post: Some(|ask| Box::pin(forgot::send(ask))),
    },
    Route { name: "/account/forgot/sent", get: Some(|ask| Box::pin(ready(forgot::sent(ask)))), post: None },
    Route {
        name: "/account/reset",
        get: Some(|ask| Box::pin(ready(reset_password::show(ask)))),
        post: Some(|ask| Box::pin(reset_password::send(ask))),
    },
    Route {
        name: "/account/verify",
        get: Some(|ask| Box::pin(ready(verify_email::show(ask)))),
        post: Some(|ask| Box::pin(verify_email::send(ask))),
    },
    Route {
        name: "/account/stop",
        get: Some(|ask| Box::pin(ready(verify_email::show_stop(ask)))),
        post: Some(|ask| Box::pin(verify_email::stop(ask))),
    },
    Route {
        name: "/account/link",
        get: Some(|ask| Box::pin(ready(link::show(ask)))),
        post: Some(|ask| Box::pin(link::send(ask))),
    },
    Route { name: "/account/security", get: Some(|ask| Box::pin(security::show(ask))), post: None },
    Route {
        name: "/account/password",
        get: Some(|ask| Box::pin(password::show(ask))),
        post: Some(|ask| Box::pin(password::send(ask))),
    },
    Route {
        name: "/account/confirm",
        get: Some(|ask| Box::pin(confirm::show(ask))),
        post: Some(|ask| Box::pin(confirm::send(ask))),
    },
    Route { name: "/account/authenticator", get: None, post: Some(|ask| Box::pin(authenticator::send(ask))) },
    Route {
        name: "/account/recovery-codes",
        get: None,
        post: Some(|ask| Box::pin(authenticator::recovery_codes(ask))),
    },
    Route {
        name: "/account/passkeys",
        get: Some(|ask| Box::pin(passkey::show_new(ask))),
        post: Some(|ask| Box::pin(passkey::add(ask))),
    },
    Route {
        name: "/account/passkey",
        get: Some(|ask| Box::pin(passkey::show_one(ask))),
        post: Some(|ask| Box::pin(passkey::change(ask))),
    },
    Route {
        name: "/account/identity",
        get: Some(|ask| Box::pin(oidc::show(ask))),
        post: Some(|ask| Box::pin(oidc::send(ask))),
    },
    Route {
        name: "/account/keys",
        get: Some(|ask| Box::pin(machine::own::show(ask))),
        post: Some(|ask| Box::pin(machine::own::send(ask))),
    },
    Route {
        name: "/account/email",
        get: Some(|ask| Box::pin(change_email::show(ask))),
        post: Some(|ask| Box::pin(change_email::send(ask))),
    },
    Route {
        name: "/account/data",
        get: Some(|ask| Box::pin(data::show(ask))),
        post: Some(|ask| Box::pin(data::send(ask))),
    },
    Route {
        name: "/account/delete",
        get: Some(|ask| Box::pin(data::show_delete(ask))),
        post: Some(|ask| Box::pin(data::delete(ask))),
    },
    Route { name: "/account/devices", get: None, post: Some(|ask| Box::pin(device::forget(ask))) },
    Route { name: "/account/sessions", get: None, post: Some(|ask| Box::pin(security::end(ask))) },
    Route { name: "/account/admin/users", get: Some(|ask| Box::pin(admin::users::show(ask))), post: None },
    Route {
        name: "/account/admin/users/{id}",
        get: Some(|ask| Box::pin(admin::user::show(ask))),
        post: Some(|ask| Box::pin(admin::user::send(ask))),
    },
    Route {
        name: "/account/admin/services",
        get: Some(|ask| Box::pin(machine::services::show(ask))),
        post: Some(|ask| Box::pin(machine::services::send(ask))),
    },
    Route {
        name: "/account/admin/services/{id}",
        get: Some(|ask| Box::pin(machine::service::show(ask))),
        post: Some(|ask| Box::pin(machine::service::send(ask))),
    },
    #[cfg(feature = "webhooks")]
    Route {
        name: "/account/admin/webhooks",
        get: Some(|ask| Box::pin(news::webhooks::show(ask))),
        post: Some(|ask| Box::pin(news::webhooks::send(ask))),
    },
    #[cfg(feature = "webhooks")]
    Route {
        name: "/account/admin/webhooks/{id}",
        get: Some(|ask| Box::pin(news::webhook::show(ask))),
        post: Some(|ask| Box::pin(news::webhook::send(ask))),
    },
    Route { name: "/account/sign-out", get: None, post: Some(|ask| Box::pin(sign_out::send(ask))) },
    Route { name: "/account/language", get: None, post: Some(|ask| Box::pin(speak::send(ask))) },
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
    let path = path.strip_suffix('/').filter(|rest| rest.is_empty()).unwrap_or(path);
    ROUTES.iter().find(|route| route.name.strip_prefix(MOUNT).is_some_and(|name| is_at(name, path)))
}

/// An id, a UUID, stands at the end of some.
fn is_at(name: &str, path: &str) -> bool {
    match name.strip_suffix("{id}") {
        Some(before) => path.strip_prefix(before).is_some_and(|id| id.parse::<Uuid>().is_ok()),
        None => name == path,
    }
}

pub(super) fn name(path: &str) -> Option<&'static str> {
    find(path).map(|route| route.name).or_else(|| files::PATHS.contains(&path).then_some(OF_FILES))
}

pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().flat_map(|route| {
        let methods = [route.get.map(|_| "GET"), route.post.map(|_| "POST")];
        methods.into_iter().flatten().map(|method| (method, route.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_where_their_links_lead() {
        for path in [
            "",
            "/",
            sign_in::PATH,
            challenge::PATH,
            sign_up::PATH,
            sign_up::SENT,
            code::PATH,
            forgot::PATH,
            forgot::SENT,
            security::PATH,
            password::PATH,
            confirm::PATH,
            passkey::NEW,
            passkey::ONE,
            reset_password::PATH,
            verify_email::PATH,
            verify_email::STOP,
            link::PATH,
            oidc::PATH,
            machine::own::PATH,
            change_email::PATH,
            data::PATH,
            data::DELETE,
        ] {
            assert!(find(path).is_some_and(|route| route.get.is_some()), "{path}");
        }
        for path in [admin::users::PATH, machine::services::PATH, news::webhooks::PATH] {
            let below = format!("{path}/019b7607-4600-7000-9e37-79b97f4a7c15");
            assert!(
                [path, &below].iter().all(|path| find(path).is_some_and(|route| route.get.is_some())),
                "{path}"
            );
            assert!(find(&format!("{path}/me")).is_none() && find(&format!("{below}/x")).is_none(), "{path}");
        }
        for path in ["//", "/sign-in/", "sign-in", "/account", "/sign-IN"] {
            assert!(find(path).is_none(), "{path}");
        }
        assert_eq!(name("/style.css"), Some(OF_FILES));
        assert!(find(authenticator::PATH).is_some_and(|route| route.get.is_none()));
        assert_eq!(all().filter(|(method, _)| *method == "POST").count(), 30);
    }
}
