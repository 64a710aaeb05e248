//! JSON merge patch (RFC 7396), of an object into an object.

use serde_json::Value;

use super::Object;

/// What null stands for goes, an object goes into what is there, all else takes its place.
pub(super) fn merged(mut target: Object, patch: &Object) -> Object {
    for (name, value) in patch {
        match value {
            Value::Null => _ = target.remove(name),
            Value::Object(patch) => {
                let inner = match target.remove(name) {
                    Some(Value::Object(inner)) => inner,
                    _ => Object::new(),
                };
                target.insert(name.clone(), Value::Object(merged(inner, patch)));
            }
            value => _ = target.insert(name.clone(), value.clone()),
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Those of appendix A of the RFC that are of objects.
    #[test]
    fn the_examples_of_the_rfc_come_out_as_it_has_them() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let (Value::Object(target), Value::Object(patch)) = (target, patch) else { panic!("objects") };
            assert_eq!(Value::Object(merged(target, &patch)), result);
        }
    }
}
