//! What a request costs that asks no database: `cargo bench -p auth-tower`.

#![expect(clippy::unwrap_used, reason = "nobody calls a benchmark")]

use auth_core::{Auth, Keys, SecretKey, test_util};
use auth_tower::{AuthService, problem::Problem};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, StatusCode};
use http_body_util::Empty;
use sea_orm::{DatabaseConnection, prelude::Uuid};
use tower::ServiceExt as _;

fn requests(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let keys = Keys::new(SecretKey::new([7; 64]).unwrap());
    let auth = Auth::builder(DatabaseConnection::default(), keys).build().unwrap();
    let tokens =
        test_util::tokens(&auth, Uuid::from_u128(1).into(), Uuid::from_u128(2).into(), &["user"]).unwrap();
    let bearer = format!("Bearer {}", tokens.access.expose());
    let service = AuthService::builder(auth).public_url("https://auth.example.com").build().unwrap();
    for (what, method, path, status) in [
        ("check a bearer token at /verify", "GET", "/verify", StatusCode::NO_CONTENT),
        ("route to nowhere", "GET", "/nowhere", StatusCode::NOT_FOUND),
        ("route to a wrong method", "PUT", "/login", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        criterion.bench_function(what, |bench| {
            bench.iter(|| {
                let request = Request::builder().method(method).uri(path).header("authorization", &bearer);
                let answer = service.clone().oneshot(request.body(Empty::<Bytes>::new()).unwrap());
                assert_eq!(runtime.block_on(answer).unwrap().status(), status);
            });
        });
    }
    criterion.bench_function("write a problem document", |bench| {
        bench.iter(|| Problem::unauthenticated().into_response());
    });
}

criterion_group!(benches, requests);
criterion_main!(benches);
