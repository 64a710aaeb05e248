//! auth-server: the endpoints of `auth-tower` as a program of its own, on hyper.
//!
//! Without any setting it starts on `http://localhost:8000` with a SQLite file and a key of its own in the
//! working directory. `auth-server --help` lists the settings, `auth-server config` shows those in force and
//! where each came from, `auth-server check` what is wrong with them and around them, `auth-server migrate` looks after the schema.
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
//! | TLS handshake; first bytes of a connection | 10 s each |
//! | request line and headers, and rest between two requests (HTTP/1) | 10 s, 32 KiB, 64 headers |
//! | age of a connection | 10 minutes, then it ends after the request in hand |
//! | headers and streams of a connection (HTTP/2) | 16 KiB, 100 at once; a ping every 20 s, answered within 10 s |
//! | streams opened and reset at once, or in breach of the protocol (HTTP/2) | 20, 100; then the connection ends |
//! | CONTINUATION frames (HTTP/2) | as many as the 16 KiB of headers need and a few; then the connection ends |
//! | what a connection has in flight (HTTP/2) | 256 KiB in, 64 KiB a stream either way |
//! | body | 16 KiB within 10 s (`auth-tower`) |
//! | a whole request | 30 s, then 503 |
//! | running requests at SIGTERM or SIGINT | 10 s, after `SHUTDOWN_DELAY_SECONDS`; a second signal ends at once |
//!
//! A request that a proxy could cut elsewhere than this server is refused with 400, and its connection ends: a
//! `Transfer-Encoding` that is anything but one `chunked`, two lengths that differ, no `Host` or two of them (RFC 9112
//! sections 3.2 and 6.1). A chunked request is answered, and is the last of its connection.
//!
//! A connection counts from the moment that it is accepted: a slow handshake holds a place, and holds up nobody else.
//!
//! A proxy that keeps connections to this server open should give them up before the 10 s of rest are over (nginx:
//! `keepalive_timeout 5s` in the `upstream`), or a request may meet a connection that is just being closed.
//!
//! # TLS
//!
//! With `TLS_CERT_FILE` and `TLS_KEY_FILE` the port speaks TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1 by ALPN, and nothing else:
//! whoever comes in plain http gets no answer, as a redirect would hide that a password has just been sent for all to read.
//! `PUBLIC_URL` is `https://HOST:PORT` by default, and one on http is refused: no page there could sign in. Every answer of the
//! service tells browsers to stay with https for two years, subdomains included (`HSTS`). Certificates of clients are not asked
//! for. One that is over or ends within two weeks is warned of when it is read.
//!
//! # Unix socket
//!
//! `UNIX_SOCKET` takes the place of `HOST` and `PORT`, for a proxy on the same machine. The file has mode 0660 and goes at the end;
//! one that a killed process has left is replaced, a living one and any other kind of file are left alone and stop the start.
//! Who may open it is trusted as if they were in `TRUSTED_PROXIES`: `X-Forwarded-For` says who the client is. Without that header
//! the address is unknown, so that failures are not counted by network and all such clients are one in the queue for hashing:
//! let the proxy set it. For nginx:
//!
//! ```text
//! proxy_pass http://unix:/run/auth-server/socket;
//! proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
//! ```
//!
//! # systemd
//!
//! The folder `systemd` of the repository has a service and a socket to go with it. A socket that is passed in (`LISTEN_FDS`, one
//! of TCP or Unix) takes the place of the settings above and needs `PUBLIC_URL`; connections wait in it during a restart. Through
//! `NOTIFY_SOCKET` the program tells when it is ready, reloads (`Type=notify-reload`) and stops, and with `WATCHDOG_USEC` that it is
//! alive. None of this has a part in it where the variables are not set.
//!
//! # Keys
//!
//! `SECRET_KEY` signs access tokens unless `ALGORITHM` is RS256, ES256 or EdDSA: then a private key does, and other
//! services verify with what `/.well-known/jwks.json` answers. It is one of the key ring in the database, which all
//! instances share, or that of `PRIVATE_KEY_FILE`.
//!
//! | on the key ring | what it does |
//! | --- | --- |
//! | `auth-server keys list` | shows each key with its id, state and times |
//! | `auth-server keys rotate` | adds a key for `ALGORITHM` (or `--algorithm`), which signs after `KEY_PUBLISH_AHEAD_SECONDS` |
//! | `auth-server keys revoke KID...` | takes keys out at once; instances refuse their tokens within `REVOCATION_POLL_MS`, services that keep the published set within five sixths of `KEY_PUBLISH_AHEAD_SECONDS` after that |
//!
//! These work on the database of the settings and need its `SECRET_KEY`, under which the keys are encrypted; the servers
//! may run meanwhile, and need not be told. To the ring from anything else: `keys rotate --algorithm EdDSA`, wait for
//! `KEY_PUBLISH_AHEAD_SECONDS`, and go on at the second row below with no `PRIVATE_KEY_FILE`. After a change of
//! `SECRET_KEY` rotate once; the former one stays in `SECRET_KEY_PREVIOUS` for `SESSION_EXPIRE_DAYS` anyway, and a start
//! without it that came too early is refused.
//!
//! `auth-server keys generate` makes a key for a file. With several instances a change of files goes in steps, each one a
//! rollout, so that no instance refuses what another has signed:
//!
//! | from HS256 to EdDSA | wait | from one private key to another | wait |
//! | --- | --- | --- | --- |
//! | `PRIVATE_KEY_PREVIOUS_FILE=new.pem` | | `PRIVATE_KEY_PREVIOUS_FILE=new.pem` | 5 minutes |
//! | `ALGORITHM=EdDSA`, `PRIVATE_KEY_FILE=new.pem`, `ALGORITHM_PREVIOUS=HS256` | `ACCESS_TOKEN_EXPIRE_MINUTES` | `PRIVATE_KEY_FILE=new.pem`, `PRIVATE_KEY_PREVIOUS_FILE=old.pem` | `ACCESS_TOKEN_EXPIRE_MINUTES` |
//! | without `ALGORITHM_PREVIOUS` | | without `PRIVATE_KEY_PREVIOUS_FILE` | |
//!
//! The reasons, and the steps for `SECRET_KEY`, are in `auth_core::manual::keys`.
//!
//! # Accounts
//!
//! `auth-server users` does at the command line what `/users` does over HTTP for administrators, on the database of the
//! settings, beside running servers; `ADMIN_API=off` takes the latter away. The first administrator is made here. Accounts are
//! named by id or e-mail address; `--json` prints one object a line, in the form of the HTTP endpoints. Standard output has what
//! was asked for, addresses and links included; the log on standard error has neither.
//!
//! | `auth-server users` | what it does |
//! | --- | --- |
//! | `list [--email EMAIL]`, `show USER` | shows all or one |
//! | `create EMAIL [--role ROLE]... [--verified]` | makes an account and mails its owner a link to choose the password |
//! | `set-role USER ROLE...` | gives exactly these roles |
//! | `disable USER`, `enable USER` | keeps somebody out, and lets them in again |
//! | `reset-password USER` | mails a link to choose a new password |
//! | `revoke-sessions USER` | ends all sessions |
//! | `unlock USER` | forgets wrong passwords |
//! | `delete USER --yes` | deletes the account |
//!
//! A link is put into the outbox and mailed by a running server. `--print-link` prints it instead: **a secret on your
//! terminal**, with which anybody can take the account over until it is used or an hour old; the audit tells that it was handed
//! out. `create --password-stdin` reads a first password, for an account of your own. Nobody else's can be chosen here.
//!
//! # Check
//!
//! `auth-server check` examines settings, files, keys, database, mail server, identity providers and the limits of the system, and
//! makes and changes nothing. Each thing that it finds has a stable code, a severity, a sentence and what to do about it; `--json`
//! prints them as an array of objects. Its exit status is 0 for nothing but notes, 1 for warnings, 2 for errors. All codes are in
//! `auth_core::manual::check`. The most of it is a library call, `auth_core::Auth::check`.
//!
//! # Health, completions, man
//!
//! `auth-server health` asks the server of these settings whether it is ready, and tells it by its exit status: for the check of a
//! container, which has no other client. `auth-server completions bash` and `auth-server man` print what shells and `man` want to know.
//! `-h` is the short help, `--help` has the settings that a command looks at.
//!
//! # SIGHUP
//!
//! Reads the settings again (`.env`, and the files that are named by `..._FILE`), so that a step of the table needs no
//! restart. Flags and the environment of a process cannot change. What is taken over: `SECRET_KEY`, `ALGORITHM`,
//! `PRIVATE_KEY` and their `..._PREVIOUS`, and the certificate of `TLS_CERT_FILE` for connections that begin after that. If another setting has changed, a warning names it. If one cannot be used,
//! everything stays as it was, and one line on level ERROR says why. No connection is closed and no request fails. A
//! server that is started from a terminal does not end when the terminal is closed: end it with Ctrl-C.
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
//! exit status 2 for a setting and 1 for the world around (database away, port taken); only `check` has a meaning of its own. Lines carry ids and
//! codes, never an e-mail address, token or password; statements of the database are not logged at any level.

mod cli;
mod command;
mod config;
mod error;
mod handle;
mod hash_budget;
mod http;
mod key_file;
mod logging;
mod operator;
mod reload;
mod signals;
mod start;
#[cfg_attr(not(unix), path = "systemd_elsewhere.rs")]
mod systemd;
mod welcome;

pub use command::run;
