//! Sign-in at identity providers, and the accounts there with which somebody signs in here.

mod callback;
mod cookie;
mod identities;
mod start;

use auth_core::{Auth, oidc::Oidc};
use serde_json::{Value, json};

use super::Doors;
use crate::{
    openapi::{
        Tag, header,
        shape::{closed, list, object, one_of, password, text},
    },
    problem::Problem,
    route::{Address, Endpoint, Parameter},
    service::Inner,
};

#[cfg(feature = "pages")]
pub(crate) use self::start::begin_link;

impl Endpoint {
    /// `GET /oauth/{provider}/authorize?redirect_to=`; needs a provider
    pub const OAUTH_AUTHORIZE: Self = Self(&Address {
        parameter: Some(PROVIDER),
        ..Address::new("/oauth/{provider}/authorize", &[start::AUTHORIZE])
    });
    /// `GET /oauth/{provider}/callback`; needs a provider
    pub const OAUTH_CALLBACK: Self = Self(&Address {
        parameter: Some(PROVIDER),
        ..Address::new("/oauth/{provider}/callback", &[callback::ROUTE])
    });
    /// `GET` and `POST /users/me/identities`; needs a provider
    pub const IDENTITIES: Self = Self(&Address::new("/users/me/identities", &[identities::GET, start::LINK]));
    /// `DELETE /users/me/identities/{id}`; needs a provider
    pub const IDENTITY: Self = Self(&Address::of_one("/users/me/identities/{id}", &[identities::DELETE]));
}

const PROVIDER: Parameter = Parameter {
    name: "{provider}",
    fits: |segment| !segment.is_empty(),
    schema: |service| one_of(providers(service)),
};

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[
        Endpoint::OAUTH_AUTHORIZE,
        Endpoint::OAUTH_CALLBACK,
        Endpoint::IDENTITIES,
        Endpoint::IDENTITY,
    ],
    open: |auth: &Auth| auth.oidc().is_some(),
    schemas,
    codes: &[
        ("not_a_navigation", 403, "this address is for a browser to go to, not for a page to load"),
        ("provider_answer_invalid", 502, "the identity provider answers what it should not"),
        ("provider_unavailable", 503, "the identity provider cannot be reached"),
    ],
    ..Doors::tagged(TAG)
};

const TAG: Tag = Tag {
    name: "OIDC",
    description: "Signing in at identity providers (OpenID Connect, GitHub), also called social login.",
};

impl Inner {
    fn oidc(&self) -> Result<Oidc, Problem> {
        self.auth.oidc().ok_or_else(Problem::not_found)
    }
}

/// By the names that stand in addresses.
fn providers(service: &Inner) -> Vec<String> {
    let oidc = service.auth.oidc();
    oidc.iter().flat_map(Oidc::providers).map(str::to_owned).collect()
}

fn schemas(service: &Inner) -> Vec<(&'static str, Value)> {
    let link = json!({"provider": one_of(providers(service)), "redirect_to": text(), "password": password()});
    vec![
        ("Identities", closed(&json!({"identities": list("Identity")}))),
        ("Authorization", closed(&json!({"authorization_url": {"type": "string", "format": "uri"}}))),
        ("Link", object(&["provider"], &link)),
    ]
}

/// A redirect, described.
fn redirect_described(description: &str) -> Value {
    json!({
        "description": description,
        "headers": {"Location": header("Location"), "Set-Cookie": header("Set-Cookie")},
    })
}

/// A parameter of the address, described.
fn parameter_described(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": {"type": "string"}})
}
