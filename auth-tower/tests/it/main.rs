//! The doors from outside: requests in, answers out, over the real rules and real databases.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod account;
mod admin;
mod axum_extractor;
mod bad_input;
mod body;
mod browser;
mod conformance;
mod cookies;
mod cross_origin;
mod data;
mod email_codes;
mod enumeration;
mod grpc;
mod host;
mod jwks;
mod layers;
mod log;
mod login;
mod logout;
mod machine;
mod matrix;
mod mounting;
mod news;
mod oidc;
mod openapi;
mod overload;
mod pages;
mod passkeys;
mod profile;
mod races;
mod reads;
mod refresh_token;
mod register;
mod remote_jwks;
mod routes;
mod second_factor;
mod sessions;
mod settings;
mod support;
mod throttle;
mod users_me;
mod verify;
