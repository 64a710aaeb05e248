use std::{collections::BTreeSet, sync::Arc};

use auth_core::{
    Auth, AuthBuilder, EmailVerification, Keys, SecretKey,
    oidc::{self, Provider},
    test_util::Outbox,
};
use http::Method;

use super::*;
use crate::{AuthService, route::Endpoint};

/// With everything that there can be, mounted at `/auth`.
#[expect(clippy::default_trait_access, reason = "here nobody knows what a database is")]
fn service(settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> AuthService {
    let keys = Keys::new(SecretKey::new([7; 64]).unwrap());
    let providers =
        oidc::Config::new("http://127.0.0.1:8000/auth/oauth").provider(Provider::google("id", "secret"));
    let auth = Auth::builder(Default::default(), keys);
    let auth = settings(auth.mailer(Arc::new(Outbox::new())).oidc(providers)).build().unwrap();
    AuthService::builder(auth).mounted_at("/auth").build().unwrap()
}

fn whole() -> Value {
    service(|settings| settings).openapi()
}

#[test]
fn each_method_of_each_endpoint_is_described_and_no_other() {
    let document = whole();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), endpoint::all().count());
    for Endpoint(address) in endpoint::all() {
        let item = paths[address.path].as_object().unwrap();
        let described: BTreeSet<_> =
            item.keys().filter(|key| *key != "parameters").map(|key| key.to_uppercase()).collect();
        let allowed = address.allow();
        let allowed = allowed.split(", ").filter(|method| *method != "HEAD");
        assert_eq!(described, allowed.map(str::to_owned).collect(), "{}", address.path);
        for method in &described {
            let method: Method = method.parse().unwrap();
            assert_eq!(address.route(&method).map(|route| route.method), Some(method.as_str()));
            let summary = &item[&method.as_str().to_lowercase()]["summary"];
            assert!(!summary.as_str().unwrap().is_empty(), "{method} {}", address.path);
        }
    }
}

#[test]
fn each_reference_leads_somewhere_and_each_schema_is_used() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = whole();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(found.contains(&format!("#/components/schemas/{name}")), "{name} is of no use");
    }
}

#[test]
fn each_code_of_a_problem_has_a_status_and_each_of_these_comes_somewhere() {
    let document = whole();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values().filter(|value| value.is_object()) {
            assert!(operation["responses"].as_object().unwrap().len() > 1, "{operation}");
        }
    }
    // Where addresses are verified none is told to be taken, and where they are not, one is.
    let verifying = service(|settings| {
        settings.configure(|config| config.email_verification = EmailVerification::Required)
    });
    let open = service(|settings| settings);
    let mut told = BTreeSet::new();
    for service in [&open.inner, &verifying.inner] {
        for Endpoint(address) in endpoint::all() {
            let operations = address.routes.iter().map(|route| Operation::of(route, address, service));
            told.extend(operations.flat_map(|operation| operation.codes().collect::<Vec<_>>()));
        }
    }
    assert_eq!(told, problems::codes().collect(), "one that none comes with, or that nobody explains");
}

#[test]
fn an_operation_is_named_once() {
    let document = whole();
    let items = document["paths"].as_object().unwrap().values();
    let ids: Vec<_> = items
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation.get("operationId"))
        .collect();
    let different: BTreeSet<_> = ids.iter().map(|id| id.as_str()).collect();
    assert_eq!(different.len(), ids.len());
}
