use std::collections::BTreeSet;

use super::*;
use crate::endpoint::all;

const ID: &str = "0198c5d2-0000-7000-8000-000000000001";

fn of(endpoint: Endpoint) -> String {
    endpoint.path().replace("{id}", ID).replace("{provider}", "google")
}

fn parameter(path: &str) -> Option<&str> {
    let found = Table::of(all()).find(path)?;
    path.get(found.parameter).filter(|parameter| !parameter.is_empty())
}

#[test]
fn each_endpoint_is_found_at_its_path_and_nowhere_near() {
    for endpoint in all() {
        let path = of(endpoint);
        assert_eq!(Endpoint::at(&path), Some(endpoint), "{path}");
        for near in [format!("{path}/"), format!("/{path}"), path.to_uppercase(), format!("{path}/x")] {
            assert_eq!(Endpoint::at(&near), None, "{near}");
        }
    }
}

#[test]
fn an_id_of_another_shape_is_another_address() {
    for path in ["/users/x", "/users/", "/users//sessions", "/users/me/sessions/1", "/oauth//callback", ""] {
        assert_eq!(Endpoint::at(path), None, "{path}");
    }
}

#[test]
fn what_differs_in_a_path_is_found_in_its_place() {
    assert_eq!(parameter(&of(Endpoint::USER_SESSIONS)), Some(ID));
    assert_eq!(parameter("/oauth/github/callback"), Some("github"));
    assert_eq!(parameter("/users/me"), None);
}

#[test]
fn no_two_routes_are_for_the_same_request() {
    let paths: Vec<String> = all().map(of).collect();
    for (path, endpoint) in paths.iter().zip(all()) {
        let there: Vec<_> =
            all().filter(|endpoint| Table::of([*endpoint].into_iter()).find(path).is_some()).collect();
        assert_eq!(there, [endpoint], "{path}");
        let methods: BTreeSet<_> = endpoint.0.routes.iter().map(|route| route.method).collect();
        assert_eq!(methods.len(), endpoint.0.routes.len(), "{path} answers a method twice");
        assert!(!methods.is_empty(), "{path} answers nothing");
    }
}

#[test]
fn a_path_says_what_differs_in_it() {
    for Endpoint(address) in all() {
        let braces = address.path.matches(['{', '}']).count();
        let named = address.parameter.map_or("", |parameter| parameter.name);
        assert_eq!(braces, named.matches(['{', '}']).count(), "{}", address.path);
        assert!(address.path.contains(named), "{}", address.path);
    }
}
