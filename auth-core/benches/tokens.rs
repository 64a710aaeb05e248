//! Making and checking a pair of tokens, by algorithm: `cargo bench -p auth-core`.

#![expect(clippy::unwrap_used, reason = "nobody calls a benchmark")]

use std::hint::black_box;

use auth_core::{Algorithm, Auth, Keys, PrivateKey, SecretKey, test_util};
use criterion::{Criterion, criterion_group, criterion_main};
use sea_orm::{DatabaseConnection, prelude::Uuid};

const ALL: [Algorithm; 6] = [
    Algorithm::Hs256,
    Algorithm::Hs384,
    Algorithm::Hs512,
    Algorithm::EdDsa,
    Algorithm::Es256,
    Algorithm::Rs256,
];

fn auth(algorithm: Algorithm) -> Auth {
    let keys = Keys::new(SecretKey::new([7; 64]).unwrap()).algorithm(algorithm);
    let keys = match PrivateKey::generate(algorithm) {
        Ok(key) => keys.private_key(key),
        Err(_) => keys,
    };
    Auth::builder(DatabaseConnection::default(), keys).build().unwrap()
}

fn tokens(criterion: &mut Criterion) {
    for algorithm in ALL {
        let auth = auth(algorithm);
        let (user, session) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        let mint = || test_util::tokens(&auth, user, session, &["user"]).unwrap();
        criterion.bench_function(&format!("make both tokens, {algorithm}"), |bench| bench.iter(mint));
        let (verifier, token) = (auth.verifier(), mint().access);
        criterion.bench_function(&format!("verify an access token, {algorithm}"), |bench| {
            bench.iter(|| verifier.verify(black_box(token.expose())).unwrap());
        });
    }
}

criterion_group!(benches, tokens);
criterion_main!(benches);
