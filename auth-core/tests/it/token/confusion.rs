//! Attacks on the choice of the algorithm, and signatures that are odd in the way of their algorithm.

use auth_core::Algorithm;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::forge::{ED25519, Forge, P256, RSA, asymmetric, decode, encode, message, private, public, with};

fn hmac(message: &str, key: &[u8], algorithm: jsonwebtoken::Algorithm) -> String {
    jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), algorithm).unwrap()
}

/// The classic: the public key is public, so a verifier that takes it for an HMAC secret takes anything.
#[tokio::test]
async fn a_public_key_is_never_an_hmac_secret() {
    let public_pem = [
        include_str!("pem/rsa3072_public.pem"),
        include_str!("pem/p256_public.pem"),
        include_str!("pem/ed25519_public.pem"),
    ];
    for (signing, pem) in asymmetric().into_iter().zip(public_pem) {
        let forge = Forge::new(signing).await;
        let set: Value = serde_json::from_str(&forge.jwks).unwrap();
        let jwk = &set["keys"][0];
        let der = {
            use base64::{Engine, engine::general_purpose::STANDARD};
            let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            STANDARD.decode(lines).unwrap()
        };
        let mut secrets: Vec<Vec<u8>> = vec![
            pem.into(),
            pem.trim_end().into(),
            pem.replace('\n', "\r\n").into(),
            forge.jwks.clone().into(),
            jwk.to_string().into(),
            jwk["kid"].as_str().unwrap().into(),
            der,
            vec![],
        ];
        for member in ["n", "e", "x", "y"] {
            if let Some(number) = jwk[member].as_str() {
                secrets.push(number.into());
                secrets.push(decode(number));
            }
        }
        if jwk["y"].is_string() {
            let coordinate = |name| decode(jwk[name].as_str().unwrap());
            secrets.push([vec![4], coordinate("x"), coordinate("y")].concat());
        }
        for (algorithm, name) in [
            (jsonwebtoken::Algorithm::HS256, "HS256"),
            (jsonwebtoken::Algorithm::HS384, "HS384"),
            (jsonwebtoken::Algorithm::HS512, "HS512"),
        ] {
            for alg in [name, forge.signing.algorithm.name()] {
                let message = message(&with(&forge.header, "alg", json!(alg)), &forge.claims);
                for secret in &secrets {
                    let token = format!("{message}.{}", hmac(&message, secret, algorithm));
                    forge.refuses(&format!("{name} as {alg} with {} bytes", secret.len()), &token);
                }
            }
        }
    }
}

/// A service with key pairs of all kinds at once: each `kid` admits its own algorithm only.
#[tokio::test]
async fn among_keys_of_all_kinds_each_kid_admits_its_own_algorithm_only() {
    let all = crate::support::keys()
        .also_verify(public(RSA))
        .also_verify(public(P256))
        .also_verify(public(ED25519))
        .also_verify_hmac(Algorithm::Hs384)
        .also_verify_hmac(Algorithm::Hs512);
    let forges = Forge::every().await;
    for of_kid in &forges {
        let verifier = of_kid.verifier_with(&all);
        verifier.verify(&of_kid.token()).unwrap();
        for of_key in &forges {
            for of_alg in &forges {
                let genuine =
                    [of_key, of_alg].iter().all(|other| other.signing.algorithm == of_kid.signing.algorithm);
                let header = with(&of_kid.header, "alg", of_alg.header["alg"].clone());
                let message = message(&header, &of_kid.claims);
                let token = format!("{message}.{}", of_key.signing.sign(&message));
                let accepted = verifier.verify(&token).is_ok();
                assert_eq!(
                    accepted, genuine,
                    "kid of {}, key of {}, alg {}",
                    of_kid.signing.algorithm, of_key.signing.algorithm, of_alg.signing.algorithm
                );
            }
        }
    }
}

/// RFC 7518 section 3.4: the signature is r and s, 32 bytes each.
#[tokio::test]
async fn an_es256_signature_is_two_numbers_of_32_bytes_and_nothing_else() {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let forge = Forge::new(private(P256)).await;
    let token = forge.token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = decode(signature);
    let (r, s) = signature.split_at(32);
    let zero = [0; 32];
    let mut one = zero;
    one[31] = 1;
    let pair = |r: &[u8], s: &[u8]| [r, s].concat();
    for (what, odd) in [
        ("DER", der(r, s)),
        ("empty", vec![]),
        ("zeros", pair(&zero, &zero)),
        ("r = 0", pair(&zero, s)),
        ("s = 0", pair(r, &zero)),
        ("r = s = 1", pair(&one, &one)),
        ("r = order", pair(&ORDER, s)),
        ("s = order", pair(r, &ORDER)),
        ("all ones", vec![0xff; 64]),
        ("swapped", pair(s, r)),
        ("half", r.to_vec()),
        ("a leading zero", pair(&[0], &signature)),
        ("a trailing zero", pair(&signature, &[0])),
        ("two of 33 bytes", pair(&pair(&[0], r), &pair(&[0], s))),
        ("twice", pair(&signature, &signature)),
        ("96 bytes, as ES384", pair(&signature, &zero)),
    ] {
        forge.refuses(what, &format!("{message}.{}", encode(odd)));
    }
    // The other signature that ECDSA has for the same text: JWS does not forbid it, so a token has two texts.
    // Nothing here takes the text of a token for its identity; that is `jti`.
    let mirrored = subtract(&ORDER, s);
    forge.accepts(&format!("{message}.{}", encode(pair(r, &mirrored))));
}

/// The signature as X.509 has it.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let mut number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        if number[0] & 0x80 != 0 {
            number.insert(0, 0);
        }
        [vec![2, u8::try_from(number.len()).unwrap()], number].concat()
    };
    let body = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

fn subtract(from: &[u8; 32], number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<u8> = from
        .iter()
        .zip(number)
        .rev()
        .map(|(a, b)| {
            let step = i16::from(*a) - i16::from(*b) - borrow;
            borrow = i16::from(step < 0);
            u8::try_from(step.rem_euclid(256)).unwrap()
        })
        .collect();
    difference.reverse();
    difference
}

/// RFC 8032 section 5.1.7: s must be below the order, or each signature would have several forms.
#[tokio::test]
async fn an_eddsa_signature_has_one_form() {
    let forge = Forge::new(private(ED25519)).await;
    let token = forge.token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = decode(signature);
    // The order of the group, little-endian.
    let mut order = [0_u8; 32];
    order[..16].copy_from_slice(&[
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    ]);
    order[31] = 0x10;
    let mut carry = 0;
    let s_and_order: Vec<u8> = signature[32..]
        .iter()
        .zip(order)
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(b) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xff).unwrap()
        })
        .collect();
    for (what, odd) in [
        ("s + order", [&signature[..32], &s_and_order].concat()),
        ("s = 0", [&signature[..32], &[0; 32]].concat()),
        ("the identity and zero", [&[1][..], &[0; 63]].concat()),
        ("half", signature[..32].to_vec()),
        ("longer", [&signature[..], &[0]].concat()),
        ("as ES256 would look", decode(&private(P256).sign(message))),
    ] {
        forge.refuses(what, &format!("{message}.{}", encode(odd)));
    }
}
