//! auth-server: the endpoints of `auth-tower` as a program of its own, on hyper.
//!
//! Without any setting it starts on `http://127.0.0.1:8000` with a SQLite file and a key of its own in the
//! working directory. `auth-server --help` lists the settings, `auth-server config` shows those in force and
//! where each came from, `auth-server migrate` looks after the schema.
//!
//! The program is the manager and knows no rules: it reads settings, opens sockets, and puts request id, trace,
//! panic guard and timeout around [`AuthService`](auth_tower::AuthService), beside `/health/live` and
//! `/health/ready`.
//!
//! # What is bounded
//!
//! | what | bound |
//! | --- | --- |
//! | connections at once | 1000 (`MAX_CONNECTIONS`); more wait in the system's queue |
//! | connections at once of one address (IPv6: /64) outside `TRUSTED_PROXIES` | 100 (`MAX_CONNECTIONS_PER_ADDRESS`); more are closed |
//! | first bytes of a connection | 10 s |
//! | request line and headers, and rest between two requests (HTTP/1) | 10 s, 32 KiB, 64 headers |
//! | age of a connection | 10 minutes, then it ends after the request in hand |
//! | headers and streams of a connection (HTTP/2) | 16 KiB, 100 at once; a ping every 20 s, answered within 10 s |
//! | streams opened and reset at once, or in breach of the protocol (HTTP/2) | 20, 100; then the connection ends |
//! | CONTINUATION frames (HTTP/2) | as many as the 16 KiB of headers need and a few; then the connection ends |
//! | what a connection has in flight (HTTP/2) | 256 KiB in, 64 KiB a stream either way |
//! | body | 16 KiB within 10 s (`auth-tower`) |
//! | a whole request | 30 s, then 503 |
//! | running requests at SIGTERM or SIGINT | 10 s; a second signal ends at once |
//!
//! A request that a proxy could cut elsewhere than this server is refused with 400, and its connection ends: a
//! `Transfer-Encoding` that is anything but one `chunked`, two lengths that differ, no `Host` or two of them (RFC 9112
//! sections 3.2 and 6.1). A chunked request is answered, and is the last of its connection.
//!
//! A proxy that keeps connections to this server open should give them up before the 10 s of rest are over (nginx:
//! `keepalive_timeout 5s` in the `upstream`), or a request may meet a connection that is just being closed.
//!
//! # Keys
//!
//! `SECRET_KEY` signs access tokens unless `ALGORITHM` is RS256, ES256 or EdDSA: then `PRIVATE_KEY_FILE` does, and
//! other services verify with what `/.well-known/jwks.json` answers. `auth-server keys generate` makes such a key.
//! With several instances a change goes in steps, each one a rollout, so that no instance refuses what another has
//! signed:
//!
//! | from HS256 to EdDSA | wait | from one private key to another | wait |
//! | --- | --- | --- | --- |
//! | `PRIVATE_KEY_PREVIOUS_FILE=new.pem` | | `PRIVATE_KEY_PREVIOUS_FILE=new.pem` | 5 minutes |
//! | `ALGORITHM=EdDSA`, `PRIVATE_KEY_FILE=new.pem`, `ALGORITHM_PREVIOUS=HS256` | `ACCESS_TOKEN_EXPIRE_MINUTES` | `PRIVATE_KEY_FILE=new.pem`, `PRIVATE_KEY_PREVIOUS_FILE=old.pem` | `ACCESS_TOKEN_EXPIRE_MINUTES` |
//! | without `ALGORITHM_PREVIOUS` | | without `PRIVATE_KEY_PREVIOUS_FILE` | |
//!
//! The reasons, and the steps for `SECRET_KEY`, are in `auth_core::manual::keys`.
//!
//! # Metrics
//!
//! With `METRICS_ADDR`, `GET /metrics` on a listener of its own (16 connections) answers in Prometheus' text format, without
//! anything about a person: `auth_revocation_delay_seconds`, a histogram of the time from the end of a session on another
//! instance until this one refused its access tokens, and `auth_revocation_age_seconds`, the time since it last asked.
//!
//! # Logs
//!
//! `serve` writes its log to standard output, as one stream for whoever runs it to route; the commands that
//! print something write theirs to standard error. What stops the program is one line on standard error, with
//! exit status 2 for a setting and 1 for the world around (database away, port taken). Lines carry ids and
//! codes, never an e-mail address, token or password; statements of the database are not logged at any level.

mod cli;
mod config;
mod crowd;
mod error;
mod framing;
mod health;
mod key_file;
mod keys;
mod metrics;
mod proxies;
mod run;
mod serve;
mod signals;
mod stack;
mod start;
mod telemetry;

pub use run::run;
