use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use auth_core::TokenVerifier;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Program, Session};

const US: &str = "http://localhost:8000";
const JWKS: &str = "/.well-known/jwks.json";

fn program(home: &Path, settings: &[(&str, &str)]) -> Program {
    let program = Program::in_directory(home).env("PUBLIC_URL", US);
    settings.iter().fold(program, |program, (name, value)| program.env(name, value))
}

/// A key of its own in a file of its own, made by the program.
async fn generate(home: &Path, algorithm: &str, name: &str) -> String {
    let arguments = ["keys", "generate", "--algorithm", algorithm, "--out", name];
    let ended = program(home, &[]).args(&arguments).run().await;
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    fs::read_to_string(home.join(name)).unwrap()
}

pub(crate) fn header(session: &Session) -> Value {
    let header = session.access_token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

#[tokio::test]
async fn a_generated_key_is_printed_or_written_for_its_owner_only_and_overwrites_nothing() {
    let home = tempdir().unwrap();
    // The settings in force may be waiting for the key: they are not looked at.
    let waiting = [("ALGORITHM", "RS256"), ("PRIVATE_KEY_FILE", "missing")];
    let ended = program(home.path(), &waiting).args(&["keys", "generate"]).run().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let key = auth_core::PrivateKey::from_pem(&ended.stdout).unwrap();
    assert_eq!(key.algorithm(), auth_core::Algorithm::EdDsa);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);

    let first = generate(home.path(), "ES256", "key.pem").await;
    let mode = fs::metadata(home.path().join("key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (arguments, code, expected) in [
        (&["--out", "key.pem"][..], 1, "auth-server: keys generate: the file exists, and is left as it is"),
        (&["--out", "no/such/place"], 1, "auth-server: keys generate: the file cannot be written"),
        (&["--algorithm", "HS256"], 2, "auth-server: ALGORITHM (flag) cannot be HS256 here"),
        (&["--algorithm", "PS256"], 2, "auth-server: ALGORITHM (flag) is unknown"),
    ] {
        let arguments = [&["keys", "generate"], arguments].concat();
        let ended = program(home.path(), &[]).args(&arguments).run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(code), 1), "{}", ended.stderr);
        assert!(ended.stderr.starts_with(expected), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    assert_eq!(fs::read_to_string(home.path().join("key.pem")).unwrap(), first);
}

#[tokio::test]
async fn with_each_algorithm_another_service_verifies_by_the_published_keys() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let home = tempdir().unwrap();
        let pem = generate(home.path(), algorithm, "key.pem").await;
        let settings = [("ALGORITHM", algorithm), ("PRIVATE_KEY_FILE", "key.pem")];
        let server = program(home.path(), &settings).start().await;
        let client = server.client();
        let session = client.sign_up("ada@example.com").await;
        assert_eq!(header(&session)["alg"], algorithm);
        assert_eq!(client.me(&session.access_token).await.status, 200);
        let set = client.get(JWKS).await;
        assert_eq!(set.headers["cache-control"], "public, max-age=300");
        assert_eq!(set.body["keys"][0]["kid"], header(&session)["kid"]);
        let verifier = TokenVerifier::from_jwks(&set.body.to_string(), US, US).unwrap();
        verifier.verify(&session.access_token).unwrap();

        let config = program(home.path(), &settings).args(&["config"]).run().await;
        assert!(
            config.stdout.contains("PRIVATE_KEY=(redacted)  # file, by PRIVATE_KEY_FILE from environment")
        );
        let said = config.stdout + &config.stderr + &server.log().lines().join("\n") + &set.body.to_string();
        assert!(pem.lines().filter(|line| !line.starts_with('-')).all(|line| !said.contains(line)));
    }
}

#[tokio::test]
async fn moving_from_the_secret_to_a_private_key_and_on_to_another_signs_nobody_out() {
    let home = tempdir().unwrap();
    let home = home.path();
    generate(home, "EdDSA", "one.pem").await;
    generate(home, "ES256", "two.pem").await;
    let one = ("PRIVATE_KEY_FILE", "one.pem");
    let two = ("PRIVATE_KEY_FILE", "two.pem");
    let also_one = ("PRIVATE_KEY_PREVIOUS_FILE", "one.pem");
    let also_two = ("PRIVATE_KEY_PREVIOUS_FILE", "two.pem");
    let steps: [(&[(&str, &str)], &str); 7] = [
        (&[], "HS256"),
        (&[also_one], "HS256"),
        (&[("ALGORITHM", "EdDSA"), one, ("ALGORITHM_PREVIOUS", "HS256")], "EdDSA"),
        (&[("ALGORITHM", "EdDSA"), one], "EdDSA"),
        (&[("ALGORITHM", "EdDSA"), one, also_two], "EdDSA"),
        (&[("ALGORITHM", "ES256"), two, also_one], "ES256"),
        (&[("ALGORITHM", "ES256"), two], "ES256"),
    ];
    // Two servers on one database: one of each step, beside one of the step before.
    let mut old = program(home, steps[0].0).start().await;
    let mut session = old.client().sign_up("ada@example.com").await;
    for (settings, algorithm) in &steps[1..] {
        let new = program(home, settings).start().await;
        assert_eq!(new.client().me(&session.access_token).await.status, 200, "{settings:?}");
        session = new.client().refresh(&session.cookie).await.session();
        let signed_in = new.client().login("ada@example.com").await.session();
        assert_eq!(header(&signed_in)["alg"], *algorithm);
        for access in [&session.access_token, &signed_in.access_token] {
            assert_eq!(old.client().me(access).await.status, 200, "{settings:?}");
            assert_eq!(new.client().me(access).await.status, 200, "{settings:?}");
        }
        session = signed_in;
        old.kill().await;
        old = new;
    }
    let keys = old.client().get(JWKS).await.body;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1, "what is not named any more is not published");
}
