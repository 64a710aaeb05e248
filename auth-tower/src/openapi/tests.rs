use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use auth_core::{
    Auth, AuthBuilder, EmailSignIn, EmailVerification, Hooks, Keys, Registration, SecretKey,
    oidc::{self, Provider},
    test_util::Outbox,
};
use http::Method;

use super::*;
use crate::{AuthService, AuthServiceBuilder, route::Endpoint};

/// With everything that there can be, mounted at `/auth`.
#[expect(clippy::default_trait_access, reason = "here nobody knows what a database is")]
fn service(settings: impl FnOnce(AuthBuilder) -> AuthBuilder) -> AuthService {
    let keys = Keys::new(SecretKey::new([7; 64]).unwrap());
    let providers =
        oidc::Config::new("http://127.0.0.1:8000/auth/oauth").provider(Provider::google("id", "secret"));
    let auth = Auth::builder(Default::default(), keys).configure(|config| {
        config.mail.pages_at("http://127.0.0.1:8000/auth");
        // Told by an address, it is where clients look for the rest.
        "https://auth.example.com".clone_into(&mut config.tokens.issuer);
        (config.profile.enabled, config.profile.usernames) = (true, true);
        config.email_codes.sign_in = EmailSignIn::SignUp;
        config.passkeys.rp_id = Some("localhost".to_owned());
        config.passkeys.origins = vec!["http://localhost:8000".to_owned()];
    });
    let auth =
        settings(telling(auth.mailer(Arc::new(Outbox::new())).hooks(Arc::new(AsksNothing)).oidc(providers)))
            .build()
            .unwrap();
    let door = crate::BrowserDoor::new("/auth/account/sign-in");
    AuthService::builder(auth).mounted_at("/auth").browser_door(door).build().unwrap()
}

/// Who asks nothing; a door that asks may refuse.
#[derive(Debug)]
struct AsksNothing;

impl Hooks for AsksNothing {}

/// With webhooks, where there are any.
fn telling(auth: AuthBuilder) -> AuthBuilder {
    #[cfg(feature = "webhooks")]
    let auth = auth
        .configure(|config| config.audit_retention = Some(std::time::Duration::from_hours(24)))
        .webhooks(auth_core::webhooks::Config::new());
    auth
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

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Each method and path that the first cell of a row names: methods by themselves are of the next path.
fn asked(cell: &str) -> Vec<(String, String)> {
    let (mut methods, mut asked) = (Vec::new(), Vec::new());
    for words in quoted(cell).filter(|words| words.starts_with(|c: char| c.is_ascii_uppercase())) {
        let (method, path) = words.split_once(' ').unwrap_or((words, ""));
        methods.push(method.to_owned());
        if !path.is_empty() {
            asked.extend(methods.drain(..).map(|method| (method, path.to_owned())));
        }
    }
    assert_eq!(methods, [""; 0], "of no path: {cell}");
    asked
}

#[test]
fn the_table_of_endpoints_has_each_of_them_with_what_it_answers() {
    let mut told = BTreeSet::new();
    let document = whole();
    let rows = include_str!("../route/endpoints.md").lines().filter(|line| line.starts_with("| `"));
    for row in rows {
        let (request, answer) = row.trim_matches('|').split_once(" | ").unwrap();
        for (method, path) in asked(request) {
            let answers = document["paths"][&path][method.to_lowercase()]["responses"].as_object();
            let answers = answers.unwrap_or_else(|| panic!("{method} {path} is not there"));
            let good = answers.keys().filter(|status| ["2", "3"].iter().any(|good| status.starts_with(good)));
            let is_page = |status: &&String| *status == "200" && answer.contains("the built-in page");
            for status in good.filter(|status| !is_page(status)) {
                assert!(answer.contains(status.as_str()), "{method} {path}: {status} in {answer}");
            }
            assert!(told.insert((method, path)), "twice: {row}");
        }
    }
    let routes = endpoint::all()
        .flat_map(|Endpoint(address)| address.routes.iter().map(move |route| (route, address)));
    let there = routes.map(|(route, address)| (route.method.to_owned(), address.path.to_owned()));
    assert_eq!(told, there.collect());
}

#[test]
fn the_tables_of_problems_have_each_code() {
    let rows = include_str!("../problem.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut told = Vec::new();
    for row in rows.filter(|row| row.starts_with(|c: char| c.is_ascii_digit())) {
        let mut cells = row.split(" | ");
        let statuses: Vec<u16> =
            cells.next().unwrap().split(", ").map(|status| status.parse().unwrap()).collect();
        let codes = quoted(cells.next().unwrap());
        told.extend(codes.enumerate().map(|(n, code)| (code, *statuses.get(n).unwrap_or(&statuses[0]))));
    }
    let page: BTreeSet<&str> = quoted(include_str!("../../../auth-core/src/manual/errors.md")).collect();
    for (code, status, _) in problems::all() {
        assert!(told.contains(&(code, status)), "{code} {status} is not in the table of problem.rs");
        assert!(page.contains(code), "{code} is not on the page on errors");
    }
    let known: BTreeSet<&str> = problems::codes().collect();
    // What comes before there is an endpoint, or where none is described.
    let others = ["method_not_allowed"];
    for (code, _) in told {
        assert!(known.contains(code) || others.contains(&code), "{code} is in the table and no code");
    }
}

/// Every service that differs in what is mounted: with mail and providers or without, each way of registering; and those without
/// one endpoint, or with one alone.
fn each_kind() -> &'static [(String, Value)] {
    static KINDS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
        let (mut kinds, mut described) = (Vec::new(), Vec::new());
        for mail in [false, true] {
            for providers in [None, Some(vec![]), Some(vec![Provider::google("id", "secret")])] {
                for verification in [EmailVerification::Off, EmailVerification::Required] {
                    for registration in [Registration::Open, Registration::Closed] {
                        kinds.push((mail, providers.clone(), verification, registration));
                    }
                }
            }
        }
        for kind in kinds {
            // To verify an address takes mail.
            let Some(auth) = kind_of(kind.clone()) else { continue };
            let mut describe = |which: String, without: Vec<Endpoint>| {
                let service = AuthService::builder(auth.clone());
                let service = without.into_iter().fold(service, AuthServiceBuilder::without);
                described.push((which, service.build().unwrap().openapi()));
            };
            describe(format!("{kind:?}"), Vec::new());
            if (kind.2, kind.3) != (EmailVerification::Off, Registration::Open) {
                continue;
            }
            for one in endpoint::all() {
                describe(format!("{kind:?} without {one:?}"), vec![one]);
                describe(
                    format!("{one:?} of {kind:?}"),
                    endpoint::all().filter(|other| *other != one).collect(),
                );
            }
        }
        described
    });
    &KINDS
}

type Kind = (bool, Option<Vec<Provider>>, EmailVerification, Registration);

#[expect(clippy::default_trait_access, reason = "here nobody knows what a database is")]
fn kind_of((mail, providers, verification, registration): Kind) -> Option<Auth> {
    let auth = Auth::builder(Default::default(), Keys::new(SecretKey::new([7; 64]).unwrap()));
    let auth = auth.configure(|config| {
        (config.email_verification, config.registration) = (verification, registration);
        // Without keys where there is no mail, so that each comes with and without them.
        config.api_keys.enabled = mail;
        (config.profile.enabled, config.profile.usernames) = (mail, mail);
        config.mail.pages_at("http://127.0.0.1:8000");
        // Passkeys come and go with mail: one kind more would double their number.
        if mail {
            config.email_codes.sign_in = EmailSignIn::On;
        }
        config.passkeys.rp_id = mail.then(|| "localhost".to_owned());
        config.passkeys.origins = vec!["http://localhost:8000".to_owned()];
    });
    let auth = if mail { telling(auth.mailer(Arc::new(Outbox::new()))) } else { auth };
    let oidc = providers.map(|all| {
        all.into_iter().fold(oidc::Config::new("http://127.0.0.1:8000/oauth"), oidc::Config::provider)
    });
    oidc.into_iter().fold(auth, AuthBuilder::oidc).build().ok()
}

#[test]
fn whatever_is_mounted_each_reference_leads_somewhere_and_nothing_is_there_that_none_leads_to() {
    let mut seen = 0;
    for (kind, document) in each_kind() {
        let mut found = Vec::new();
        references(document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{kind}: {reference} leads nowhere");
        }
        for components in ["schemas", "headers"] {
            for name in document["components"][components].as_object().unwrap().keys() {
                let name = format!("#/components/{components}/{name}");
                assert!(found.contains(&name), "{kind}: {name} is of no use");
            }
        }
        let paths = document["paths"].to_string();
        for tag in document["tags"].as_array().unwrap().iter().filter(|tag| tag["name"] != "Services") {
            assert!(paths.contains(&format!("\"tags\":[{}]", tag["name"])), "{kind}: {tag} is of no use");
        }
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn whatever_is_mounted_a_choice_is_between_something_and_of_a_type_that_is_told() {
    fn look(kind: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                // A member of that name holds schemas of its own.
                let choices = [members.get("enum"), members.get("const")].into_iter().flatten();
                for choice in choices.filter(|choice| !choice.is_object()) {
                    assert!(choice.as_array().is_none_or(|choices| !choices.is_empty()), "{kind}: {value}");
                    assert!(members.contains_key("type"), "{kind}: {value}");
                }
                members.values().for_each(|value| look(kind, value));
            }
            Value::Array(items) => items.iter().for_each(|value| look(kind, value)),
            _ => {}
        }
    }
    for (kind, document) in each_kind() {
        look(kind, document);
    }
}

#[test]
fn a_room_tells_of_no_body_that_none_of_its_doors_has() {
    let document = whole();
    let service = service(|settings| settings);
    for (name, _) in DOORS
        .iter()
        .flat_map(|doors| (doors.schemas)(&service.inner))
        .chain(endpoint::schemas(&service.inner))
    {
        assert!(document["components"]["schemas"][name].is_object(), "{name} is of no use");
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
