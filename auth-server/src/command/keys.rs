//! `auth-server keys`.

use std::{io, path::Path, time::SystemTime};

use auth_core::{Algorithm, Auth, ConfigError, KeyState, PrivateKey, RingKey};
use auth_tower::rfc3339;

use crate::{
    cli,
    command::output::print,
    config::{Config, Given, Origin},
    error::{Error, SettingError},
    handle, key_file,
};

/// Makes a private key and prints it, or writes it to a file that must not exist yet: nothing that an overwritten
/// key signed could be verified again. Reads no setting but the flag `--algorithm`.
///
/// # Errors
/// [`Error::Setting`] for an algorithm that signs with the secret, [`Error::GenerateKey`].
pub(crate) fn generate_key(given: &[Given], out: Option<&Path>) -> Result<(), Error> {
    let flag = given.iter().find(|one| one.name == "ALGORITHM" && one.origin == Origin::Flag);
    let algorithm = match flag {
        None => Algorithm::EdDsa,
        Some(flag) => {
            let name = flag.value.to_str().unwrap_or_default();
            name.parse().map_err(|error: ConfigError| SettingError::from_core(&error).from(flag.origin))?
        }
    };
    if algorithm.is_hmac() {
        let problem =
            format!("cannot be {algorithm} here, which signs with SECRET_KEY; take EdDSA, ES256 or RS256");
        return Err(SettingError::new("ALGORITHM", problem).from(Origin::Flag).into());
    }
    let key = PrivateKey::generate(algorithm).map_err(|error| Error::GenerateKey(error.to_string()))?;
    let pem = key.expose_pem();
    match out {
        None => print([pem.trim_end().to_owned()]),
        Some(path) => {
            key_file::write_new(path, &pem).map_err(|error| Error::GenerateKey(cannot_write(&error)))
        }
    }
}

fn cannot_write(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "the file exists, and is left as it is; name another".to_owned(),
        kind => format!("the file cannot be written: {kind}"),
    }
}

/// `list`, `rotate` and `revoke`: on the key ring in the database of the settings, which running instances share.
///
/// # Errors
/// [`Error::Connect`], [`Error::Pending`], [`Error::KeyRing`], [`Error::Setting`].
pub(crate) async fn look_after(config: &Config, action: &cli::Keys) -> Result<(), Error> {
    let (db, auth) = handle::beside(config).await?;
    let lines = match action {
        cli::Keys::Rotate => rotate(&auth, config).await?,
        cli::Keys::Revoke { ids } => revoke(&auth, config, ids).await?,
        cli::Keys::List | cli::Keys::Generate { .. } => list(&auth).await?,
    };
    handle::close(db).await;
    print(lines)
}

async fn list(auth: &Auth) -> Result<Vec<String>, Error> {
    let keys = auth.key_ring().list().await.map_err(|error| Error::of_ring(&error))?;
    if keys.is_empty() {
        return Ok(vec!["the key ring is empty".to_owned()]);
    }
    let now = auth.clock().now();
    let line =
        |key: &RingKey| format!("{} {:7} {} {}", key.id, key.state.name(), key.algorithm, when(key, now));
    Ok(keys.iter().map(line).collect())
}

fn when(key: &RingKey, now: SystemTime) -> String {
    match (key.state, key.ends_at, key.revoked_at) {
        (KeyState::Next, ..) => format!("signs from {}", rfc3339(key.active_at)),
        (KeyState::Active, ..) if now < key.active_at => {
            format!("early; its turn is at {}", rfc3339(key.active_at))
        }
        (KeyState::Retired, Some(end), _) => format!("accepted until {}", rfc3339(end)),
        (KeyState::Revoked, _, Some(at)) => format!("revoked at {}", rfc3339(at)),
        _ => format!("since {}", rfc3339(key.active_at)),
    }
}

async fn rotate(auth: &Auth, config: &Config) -> Result<Vec<String>, Error> {
    let algorithm = config.keys.algorithms.current;
    if algorithm.is_hmac() {
        let problem = format!(
            "{algorithm} signs with SECRET_KEY; to prepare a move to the key ring: auth-server keys rotate --algorithm \
             EdDSA"
        );
        return Err(Error::KeyRing(problem));
    }
    let key = auth.key_ring().rotate(algorithm).await.map_err(|error| Error::of_ring(&error))?;
    let signs = match key.state {
        KeyState::Active => {
            "is the first key of the ring, and signs for whoever signs with the ring".to_owned()
        }
        _ => format!("signs from {}", rfc3339(key.active_at)),
    };
    Ok(vec![format!("added {} ({algorithm}): published from now on, {signs}", key.id)])
}

/// All of them, before one is made in the place of the one that signs.
async fn revoke(auth: &Auth, config: &Config, ids: &[String]) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for id in ids {
        match auth.key_ring().revoke(id).await {
            Err(auth_core::Error::Refused(auth_core::refusal::KEY_NOT_FOUND)) => {
                let problem = format!("there is no key {id}; `auth-server keys list` shows them");
                return Err(Error::KeyRing(problem));
            }
            revoked => revoked.map_err(|error| Error::of_ring(&error))?,
        }
        lines.push(format!(
            "revoked {id}: refused by instances within {} ms, by services that keep the JWK set within {} s more",
            config.auth.background.poll.as_millis(),
            config.auth.tokens.jwks_max_age().as_secs()
        ));
    }
    let ring = auth.key_ring().list().await.map_err(|error| Error::of_ring(&error))?;
    lines.extend(
        ring.iter()
            .find(|key| key.state == KeyState::Active)
            .map(|key| format!("{} ({}) signs for whoever signs with the ring", key.id, key.algorithm)),
    );
    Ok(lines)
}
