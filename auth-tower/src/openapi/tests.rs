use std::collections::BTreeSet;

use super::*;

fn facts() -> Facts {
    Facts {
        prefix: "/auth".to_owned(),
        cookies: Cookies::SECURE,
        password_min_length: 8,
        verifies_email: false,
        registration_open: true,
        providers: vec!["google".to_owned()],
    }
}

fn whole() -> Value {
    document(&facts(), Endpoint::ALL.into_iter(), &[])
}

#[test]
fn each_method_of_each_endpoint_is_described_and_no_other() {
    for endpoint in Endpoint::ALL {
        let described: BTreeSet<String> =
            operations(endpoint, &facts()).iter().map(|(method, _)| method.to_uppercase()).collect();
        let allowed = endpoint.allow().split(", ").filter(|method| *method != "HEAD");
        assert_eq!(described, allowed.map(str::to_owned).collect(), "{endpoint:?}");
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
    let verifying = Facts { verifies_email: true, ..facts() };
    let operations = Endpoint::ALL.into_iter().flat_map(|endpoint| {
        operations(endpoint, &facts()).into_iter().chain(operations(endpoint, &verifying))
    });
    let codes: BTreeSet<_> = operations
        .flat_map(|(_, operation)| operation.codes().collect::<Vec<_>>())
        .chain(["cross_origin"])
        .collect();
    assert_eq!(codes, problems::codes().collect(), "one that none comes with, or that nobody explains");
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
