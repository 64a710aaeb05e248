//! The doors of auth-core: HTTP endpoints as a [tower] service, and layers for the routes of a host.
//!
//! No framework is needed and none is preferred: everything here is a [`tower_service::Service`] or a
//! [`tower_layer::Layer`] over [`http`] types, so it runs under axum, on bare hyper, under tonic, or called
//! directly in a test. The rules are in auth-core; here they are only put on the wire.
//!
//! ```
//! use auth_core::Auth;
//! use auth_tower::{AuthLayer, AuthService, RequireLayer, axum::CurrentUser};
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use tower::ServiceExt as _;
//!
//! fn app(auth: Auth) -> Result<Router, auth_tower::ConfigError> {
//!     let endpoints = AuthService::builder(auth.clone())
//!         .public_url("https://app.example.com")
//!         .mounted_at("/auth")
//!         .build()?;
//!     let admin = Router::new().route("/reports", get(async || "for admins only"));
//!     Ok(Router::new()
//!         .route("/hello", get(async |CurrentUser(caller): CurrentUser| caller.user_id().to_string()))
//!         .merge(admin.layer(RequireLayer::role("admin")?)) // 403; 401 if nobody is signed in
//!         .layer(AuthLayer::required(auth.verifier())) // 401 unless the token is good
//!         .nest_service("/auth", endpoints)) // after the layer: these doors keep themselves
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let db = auth_core::connect("sqlite::memory:").await?;
//! # auth_migration::up(&db).await?;
//! # let auth = auth_core::test_util::Kit::new(db).auth;
//! let hello = Request::get("/hello").body(Body::empty())?;
//! assert_eq!(app(auth)?.oneshot(hello).await?.status(), 401);
//! # Ok(())
//! # }
//! ```
//!
//! [`Endpoint`] has the table of the endpoints, [`AuthLayer`] the three ways to check a token, and the manual a
//! [walk](auth_core::manual::endpoints) with curl, [recipes](auth_core::manual::recipes) and the rest.
//!
//! # Errors and tokens
//!
//! Errors are problem documents (RFC 9457); act on their member `code`, see [`problem`]. On `/login` and
//! `/refresh-token` they also carry `error` and `error_description`, so that OAuth 2 clients understand them.
//!
//! The access token is for the header `Authorization: Bearer` and belongs in the memory of the client. The
//! refresh token is only ever in a cookie: `__Host-refresh_token`, `HttpOnly`, `Secure`, `SameSite=Strict`. No
//! script can read it, no other site can send it, no sibling domain can set it. A 401 from `/refresh-token` clears it
//! when the session is over, but not when this client has signed out or signed in anew: the answer to that has done
//! so, and this one may arrive later.
//!
//! A login also sets `__Host-auth_device`, with the same attributes, for a year; a logout leaves it. It signs nobody
//! in: it tells that somebody signed in there before, and keeps the owner of an account out of the waits that guessing
//! brings about ([throttling](auth_core::manual::throttling)); where its owner wanted so, no second factor is asked for there
//! ([second factors](auth_core::manual::second_factor)). Those are 429 `throttled` with `Retry-After`, at `/login`,
//! `/register` and `/refresh-token`.
//!
//! Where people can [sign in by e-mail](auth_core::manual::email_codes), `/login/email` sets `__Host-auth_flow` in the same way, for
//! the ten minutes in which the code of the mail is good, and only together with it.
//!
//! With a [`BrowserDoor`], each sign-in also sets `__Host-auth_browser`, which is `SameSite=Lax`: it opens `/verify/browser`, for a proxy in
//! front of [applications](auth_core::manual::browser_door) that know nothing of users, and nothing else.
//!
//! # In other services
//!
//! A service without the database and without the secret gives [`AuthLayer`] a `RemoteJwks` (feature `jwks`), the
//! address of the issuer's public keys, in the place of `auth.verifier()`. One that speaks gRPC adds
//! [`AuthLayer::grpc`], which makes refusals gRPC's own.
//!
//! # What the host does
//!
//! - It says which address a request comes from, by a [`ClientAddr`] in the request's extensions. Forwarding
//!   headers are never read here, but those of a [`TrustedProxy`] at `/verify/browser`: only the host knows its proxies. Without it no network is throttled, only accounts.
//! - It puts [`AuthLayer`] outside of whatever asks who calls; what is mounted in another order answers 500, and the log
//!   [says so](auth_core::manual::recipes#when-a-route-answers-500).
//! - Where it signs people in by a proof of its own ([`Auth::sign_in`](auth_core::Auth::sign_in)), it has the cookies and the answer
//!   from [`AuthService::session_cookies`] and [`AuthService::answer`], and who asks from [`client_info`].
//! - It bounds how long the head of a request may take and catches panics, as for all its routes. Bodies of the
//!   endpoints are bounded here.
//! - It chooses how fast a revocation must act on its own routes: [`AuthLayer`] checks tokens in three ways, from
//!   one that lets a token live out its time (15 minutes by default) to one that reads the session for each request
//!   and refuses at once.
//! - Where it signs requests in by a cookie of its own, it puts those routes behind a [`CrossOriginLayer`].
//!
//! Dropping the future of a request at any moment, as hyper does when a client leaves, leaves everything in
//! order.
//!
//! # Features
//!
//! Databases are features of auth-core, which a host names itself.
//!
//! `axum`: the extractors `axum::CurrentUser`, `axum::User` and `axum::Client`, and [`Problem`] as the error of a handler. Services and layers
//! work under axum without it.
//!
//! `oidc`: sign-in at the providers that the host has given to the builder of `Auth`. Their callbacks are where the service is
//! mounted, below `/oauth`. Brings an HTTP client (hyper) and rustls.
//!
//! `webhooks`: who is told of events, for administrators, where the host has switched webhooks on. Brings the same.
//!
//! `pages`: `AccountPages`, the pages on which people sign in and see to their account. Brings askama, when it is compiled.
//!
//! `jwks`: `RemoteJwks`, which verifies by the public keys of an issuer elsewhere. Brings an HTTP client (hyper) and
//! rustls.
//!
//! [tower]: https://docs.rs/tower

#![cfg_attr(docsrs, feature(doc_cfg))]
// What only a feature uses is unused without it; a build with all features tells what nobody uses.
#![cfg_attr(
    not(all(feature = "oidc", feature = "pages", feature = "webhooks")),
    allow(dead_code, unused_imports)
)]

mod authenticate;
#[cfg(feature = "axum")]
pub mod axum;
mod body;
mod client;
mod cross_origin;
mod endpoint;
mod error;
mod grpc;
mod guard;
mod headers;
mod mounted;
#[cfg(any(feature = "oidc", feature = "pages"))]
mod navigation;
mod openapi;
mod page;
#[cfg(feature = "pages")]
mod pages;
pub mod problem;
#[cfg(feature = "jwks")]
mod remote_jwks;
mod require;
mod rfc3339;
mod route;
mod service;
mod transport;

pub use authenticate::{AuthLayer, Authenticate, AuthenticateFuture, TokenVerification};
pub use body::Body;
pub use client::{ClientAddr, TrustedProxy, client_info};
pub use cross_origin::{CrossOrigin, CrossOriginFuture, CrossOriginLayer, OriginPolicy};
pub use endpoint::{AccountDocument, BrowserDoor};
pub use error::ConfigError;
pub use guard::{GuardBody, GuardFuture};
pub use headers::{is_hsts, is_request_id, set_security_headers};
#[cfg(feature = "pages")]
pub use pages::{Accent, AccountPages, AccountPagesBuilder, AccountPagesFuture, Logo, PageTexts};
pub use problem::Problem;
#[cfg(feature = "jwks")]
pub use remote_jwks::{FetchError, RemoteJwks, RemoteJwksBuilder};
pub use require::{Require, RequireLayer};
pub use rfc3339::{rfc3339, rfc3339_millis};
pub use route::Endpoint;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use service::fuzzing;
pub use service::{AuthService, AuthServiceBuilder, AuthServiceFuture};
