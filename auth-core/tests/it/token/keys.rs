//! Which keys are taken, which are refused, and what is said about the latter.

use auth_core::{Algorithm, Auth, ConfigError, Keys, PrivateKey, PublicKey, SecretKey, TokenVerifier};
use jsonwebtoken::{EncodingKey, Header};
use sea_orm::DatabaseConnection;
use serde_json::json;

use super::forge::{ED25519, P256, RSA, public};
use crate::support::{keys, secret};

#[test]
fn weak_secrets_are_refused_before_anything_is_signed() {
    assert!(SecretKey::new([]).is_err());
    assert!(SecretKey::new([1; 31]).is_err());
    for (algorithm, needed) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
        let keys = |bytes| Keys::new(SecretKey::new(vec![1; bytes]).unwrap()).algorithm(algorithm);
        assert!(Auth::builder(DatabaseConnection::default(), keys(needed)).build().is_ok());
        if needed > 32 {
            let refused = Auth::builder(DatabaseConnection::default(), keys(needed - 1)).build();
            assert_eq!(refused.unwrap_err().setting(), "secret key");
            assert!(TokenVerifier::new(&keys(needed - 1), "us", "them").is_err());
        }
        let shorter_previous = keys(64).previous(SecretKey::new([1; 32]).unwrap());
        TokenVerifier::new(&shorter_previous, "us", "them").unwrap();
        let moving = Keys::new(SecretKey::new([1; 32]).unwrap()).also_verify_hmac(algorithm);
        assert_eq!(TokenVerifier::new(&moving, "us", "them").is_ok(), needed == 32);
    }
}

#[test]
fn without_an_issuer_or_an_audience_nothing_is_built() {
    let builder = || Auth::builder(DatabaseConnection::default(), keys());
    assert!(
        builder()
            .configure(|config| {
                config.tokens.issuer = "us".into();
                config.tokens.audience = "them".into();
            })
            .build()
            .is_ok()
    );
    for (builder, setting) in [
        (builder().configure(|config| config.tokens.issuer = " ".into()), "tokens.issuer"),
        (builder().configure(|config| config.tokens.audience = String::new()), "tokens.audience"),
    ] {
        assert_eq!(builder.build().unwrap_err().setting(), setting);
    }
}

#[test]
fn every_form_that_openssl_writes_is_read_as_the_same_key() {
    for (forms, algorithm) in [
        (
            [RSA, include_str!("pem/rsa3072_pkcs1.pem"), include_str!("pem/rsa3072_public.pem")],
            Algorithm::Rs256,
        ),
        ([P256, include_str!("pem/p256_sec1.pem"), include_str!("pem/p256_public.pem")], Algorithm::Es256),
        ([ED25519, ED25519, include_str!("pem/ed25519_public.pem")], Algorithm::EdDsa),
    ] {
        let [one, another, public] = forms;
        let key = PrivateKey::from_pem(one).unwrap();
        assert_eq!((key.algorithm(), key.public_key().algorithm()), (algorithm, algorithm));
        assert_eq!(key.public_key().id().len(), 43, "32 bytes in base64url");
        for form in [
            another,
            &format!("for the service\n{one}\n"),
            &one.replace('\n', "\r\n"),
            &one.replace('\n', "\\n"),
            &one.replace('\n', "\\r\\n"),
        ] {
            assert_eq!(PrivateKey::from_pem(form).unwrap().public_key(), key.public_key());
        }
        assert_eq!(PublicKey::from_pem(public).unwrap(), *key.public_key());
        assert_eq!(PublicKey::from_pem(one).unwrap(), *key.public_key());
        assert_eq!(
            PrivateKey::from_pem(&key.expose_pem()).unwrap().expose_pem(),
            key.expose_pem(),
            "written and read again"
        );
    }
}

#[test]
fn a_key_that_cannot_be_used_is_refused_with_the_reason() {
    let both = format!("{RSA}{ED25519}");
    let damaged = ED25519.replace("MC4", "MC5");
    for (what, pem, reason) in [
        ("a public key", include_str!("pem/ed25519_public.pem"), "is a public key"),
        ("RSA 1024", include_str!("pem/rsa1024.pem"), "2048 to 8192 bits"),
        ("RSA-PSS", include_str!("pem/rsa_pss.pem"), "is of a kind that cannot be used"),
        ("P-384", include_str!("pem/p384_pkcs8.pem"), "P-256"),
        ("P-384 in SEC 1", include_str!("pem/p384_sec1.pem"), "P-256"),
        ("secp256k1", include_str!("pem/secp256k1_sec1.pem"), "P-256"),
        ("Ed448", include_str!("pem/ed448.pem"), "is of a kind that cannot be used"),
        ("X25519", include_str!("pem/x25519.pem"), "is of a kind that cannot be used"),
        ("an encrypted key", include_str!("pem/ed25519_encrypted.pem"), "is encrypted"),
        ("an encrypted RSA key", include_str!("pem/rsa3072_pkcs1_encrypted.pem"), "is encrypted"),
        ("a certificate", include_str!("pem/certificate.pem"), "is a certificate"),
        ("an SSH key", include_str!("pem/ssh.pem"), "is an SSH key"),
        ("two keys", &both, "holds more than one key"),
        ("no key", "secret-canary", "holds no key in PEM form"),
        ("nothing", "", "holds no key in PEM form"),
        ("half a key", &ED25519[..60], "PEM"),
        ("a damaged key", &damaged, "is"),
        ("an empty key", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "is"),
    ] {
        let error = PrivateKey::from_pem(pem).unwrap_err();
        assert_eq!(error.setting(), "private key", "{what}");
        assert!(error.problem().contains(reason), "{what}: {error}");
        assert!(!error.to_string().contains("canary"), "{what}: {error}");
    }
    let [one, another] = PublicKey::all_from_pem(&both).unwrap().try_into().unwrap();
    assert_eq!((one, another), (public(RSA), public(ED25519)));
    assert!(PublicKey::all_from_pem("").is_err());
    assert!(PublicKey::all_from_pem(&format!("{ED25519}{}", include_str!("pem/rsa1024.pem"))).is_err());
    for (what, pem, reason) in [
        ("P-384", include_str!("pem/p384_public.pem"), "is of a kind that cannot be used"),
        ("a compressed point", include_str!("pem/p256_public_compressed.pem"), "is"),
        ("a private key that cannot be used", include_str!("pem/rsa1024.pem"), "2048 to 8192"),
        ("a certificate", include_str!("pem/certificate.pem"), "is a certificate"),
    ] {
        let error = PublicKey::from_pem(pem).unwrap_err();
        assert!(error.problem().contains(reason), "{what}: {error}");
    }
}

#[test]
fn an_rsa_key_of_2048_bits_is_taken_and_new_ones_have_more() {
    let key = PrivateKey::from_pem(include_str!("pem/rsa2048.pem")).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Rs256);
    assert_eq!(PublicKey::from_pem(include_str!("pem/rsa2048_public.pem")).unwrap(), *key.public_key());
    let size = |key: &PrivateKey| key.expose_pem().len();
    assert!(size(&PrivateKey::generate(Algorithm::Rs256).unwrap()) > size(&key) * 4 / 3);
}

#[test]
fn a_generated_key_signs_with_the_algorithm_asked_for() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let [one, another] = [(); 2].map(|()| PrivateKey::generate(algorithm).unwrap());
        assert_eq!(one.algorithm(), algorithm);
        assert_ne!(one.public_key(), another.public_key());
        assert_eq!(PrivateKey::from_pem(&one.expose_pem()).unwrap().public_key(), one.public_key());
    }
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        assert!(PrivateKey::generate(algorithm).is_err());
    }
}

#[test]
fn keys_that_do_not_go_together_are_refused_at_the_start() {
    let private = |pem| PrivateKey::from_pem(pem).unwrap();
    let refused = |keys: &Keys| -> ConfigError {
        TokenVerifier::new(keys, "us", "them").unwrap_err();
        Auth::builder(DatabaseConnection::default(), keys.clone()).build().unwrap_err()
    };
    for (keys, setting, problem) in [
        (keys().algorithm(Algorithm::EdDsa), "private key", "is missing; EdDSA signs with one"),
        (
            keys().private_key(private(RSA)).algorithm(Algorithm::EdDsa),
            "private key",
            "is one for RS256; EdDSA needs another kind",
        ),
        (
            keys().private_key(private(P256)).algorithm(Algorithm::Hs256),
            "private key",
            "has no use with HS256, which signs with the secret key",
        ),
        (
            keys().also_verify_hmac(Algorithm::Rs256),
            "algorithm",
            "RS256 cannot be verified with the secret key; name its public key instead",
        ),
    ] {
        let error = refused(&keys);
        assert_eq!((error.setting(), error.problem()), (setting, problem));
    }
    let fine = keys().algorithm(Algorithm::Hs512).private_key(private(P256)).also_verify(public(P256));
    assert!(Auth::builder(DatabaseConnection::default(), fine).build().is_ok());
}

#[test]
fn nothing_of_a_private_key_is_shown() {
    for pem in [RSA, P256, ED25519] {
        let key = PrivateKey::from_pem(pem).unwrap();
        let shown = format!("{key:?} {:#?} {:?}", keys().private_key(key.clone()), key.public_key());
        for line in pem.lines().filter(|line| !line.starts_with('-')) {
            assert!(!shown.contains(line));
        }
        assert!(shown.contains("redacted") && shown.contains(key.public_key().id()), "{shown}");
        assert!(shown.len() < 1000, "ids and names only: {shown}");
    }
}

#[test]
fn an_algorithm_is_known_by_its_exact_name() {
    for name in ["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"] {
        assert_eq!(name.parse::<Algorithm>().unwrap().to_string(), name);
    }
    for name in ["none", "", "hs256", "eddsa", "Ed25519", "PS256", "ES384", "RS512", "HS256 "] {
        assert_eq!(
            name.parse::<Algorithm>().unwrap_err().problem(),
            "is unknown; use one of HS256, HS384, HS512, RS256, ES256, EdDSA"
        );
    }
}

#[test]
fn the_library_that_verifies_is_not_asked_to_guess_a_back_end() {
    // With neither or both of its back ends on, jsonwebtoken panics at first use unless one was chosen.
    let keys = keys();
    TokenVerifier::new(&keys, "us", "them").unwrap();
    assert!(jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().is_err(), "chosen already");
    let key = EncodingKey::from_secret(secret(1).expose());
    jsonwebtoken::encode(&Header::default(), &json!({}), &key).unwrap();
}
