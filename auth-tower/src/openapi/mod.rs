//! The description of the endpoints (OpenAPI 3.1), put together from what stands beside each route: what is not mounted is not
//! in it. Here is only what no room can know.

mod operation;
mod problems;
pub(crate) mod shape;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

pub(crate) use self::{
    operation::{Operation, Tag, header, page_parameters},
    problems::Code,
};
use crate::{
    endpoint::{self, DOORS, Doors},
    route::Address,
    service::Inner,
};

/// That of the contract, which outlives versions of this crate: unless a host wants it, no answer tells which of these runs (ASVS
/// 13.4.6).
pub(crate) const CONTRACT: &str = "1.0.0";

const ABOUT: &str = "The access token is for the header `Authorization: Bearer` and belongs in the memory of the client. The \
    refresh token is only ever in a cookie that no script can read.\n\nErrors are problem documents (RFC 9457): act on their \
    member `code`. Members that are not known are ignored, members that are repeated are refused. A request that changes \
    something is refused when it comes from a page of another origin. `HEAD` works wherever `GET` does.";

/// The description of what is mounted, and of paths that the host describes itself.
pub(crate) fn document(service: &Inner) -> Value {
    let mut paths: Map<String, Value> = service.described.iter().cloned().collect();
    for doors in DOORS {
        for endpoint in doors.endpoints.iter().filter(|endpoint| service.mounted.contains(endpoint)) {
            paths.insert(endpoint.path().to_owned(), path_item(endpoint.0, doors, service));
        }
    }
    let prefix = &service.mounted_at;
    let server = if prefix.is_empty() { "/" } else { prefix };
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Accounts and sessions",
            "version": service.version,
            "description": ABOUT,
        },
        "servers": [{"url": server}],
        "tags": tags(service),
        "paths": paths,
        "components": {
            "schemas": schemas(service),
            "headers": operation::headers(),
            "securitySchemes": security_schemes(service),
        },
    });
    leave_out_unused(&mut document);
    document
}

fn path_item(address: &Address, doors: &Doors, service: &Inner) -> Value {
    let mut item = Map::new();
    if let Some(parameter) = address.parameter {
        let (name, schema) = (parameter.name.trim_matches(['{', '}']), (parameter.schema)(service));
        let parameter = json!({"name": name, "in": "path", "required": true, "schema": schema});
        item.insert("parameters".to_owned(), json!([parameter]));
    }
    for route in address.routes {
        let operation = Operation::of(route, address, service).into_value(doors.tag);
        item.insert(route.method.to_lowercase(), operation);
    }
    Value::Object(item)
}

/// Each once, in the order of the rooms. That of services stays without any: paths of the host's own may stand under it.
fn tags(service: &Inner) -> Vec<Value> {
    let mut tags: Vec<Tag> = Vec::new();
    for doors in DOORS {
        let is_used = doors.endpoints.iter().any(|endpoint| service.mounted.contains(endpoint));
        if (is_used || doors.tag == Tag::SERVICES) && !tags.contains(&doors.tag) {
            tags.push(doors.tag);
        }
    }
    tags.iter().map(|tag| json!({"name": tag.name, "description": tag.description})).collect()
}

fn schemas(service: &Inner) -> Map<String, Value> {
    let of_rooms = DOORS.iter().flat_map(|doors| (doors.schemas)(service));
    let all = of_rooms.chain(endpoint::schemas(service)).chain(problems::schemas());
    all.map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A room tells of all that it may need. What no path here leads to is left out: generators of clients make code of it all the
/// same, or stop at it.
fn leave_out_unused(document: &mut Value) {
    let mut ahead = Vec::new();
    references(document.get("paths").unwrap_or(&Value::Null), &mut ahead);
    let mut used = BTreeSet::new();
    while let Some(reference) = ahead.pop() {
        if let Some(target) = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer))
            && used.insert(reference.clone())
        {
            references(target, &mut ahead);
        }
    }
    for kind in ["schemas", "headers"] {
        let all = document.pointer_mut(&format!("/components/{kind}")).and_then(Value::as_object_mut);
        if let Some(all) = all {
            all.retain(|name, _| used.contains(&format!("#/components/{kind}/{name}")));
        }
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn security_schemes(service: &Inner) -> Value {
    let mut schemes = json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token that a login or a refresh answers with.",
        },
        "password": {
            "type": "oauth2",
            "description": "The same token, by address and password (RFC 6749 section 4.3). There is no client id.",
            "flows": {"password": {"tokenUrl": format!("{}/login", service.mounted_at), "scopes": {}}},
        },
        "api_key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, or the token that a service account got for its key. Taken where it stands, and nowhere else.",
        },
        "client": {
            "type": "http",
            "scheme": "basic",
            "description": "A service account: its id and its key (RFC 6749 section 2.3.1).",
        },
        "refresh_cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": service.cookies.refresh.name(),
            "description": "Set by a login; `HttpOnly`, `SameSite=Strict`. A browser sends it by itself.",
        },
    });
    if let (Some(door), Some(schemes)) = (&service.browser, schemes.as_object_mut()) {
        let cookie = json!({
            "type": "apiKey",
            "in": "cookie",
            "name": door.cookie.name(),
            "description": "Set by a login beside the other; `HttpOnly`, `SameSite=Lax`. It opens `/verify/browser` and nothing else.",
        });
        schemes.insert("browser_cookie".to_owned(), cookie);
    }
    schemes
}

#[cfg(test)]
mod tests;
