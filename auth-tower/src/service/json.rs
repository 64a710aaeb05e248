//! JSON, read strictly: no member twice, at any depth, known or not (ASVS 1.5.3).

use std::{collections::BTreeMap, fmt};

use serde::{
    Serialize, Serializer,
    de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};

pub(crate) type Object = BTreeMap<String, Json>;

/// As much of a JSON value as the endpoints look at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Text(String),
    Bool(bool),
    List(Vec<Json>),
    Object(Object),
    /// A whole number that is not negative.
    Number(u64),
    /// Another number: no endpoint takes one for itself.
    OtherNumber(serde_json::Number),
    Null,
}

/// Reads a JSON text (RFC 8259): UTF-8 without a byte order mark. `None` if it is malformed, repeats a member,
/// holds a number beyond what a double can or nests deeper than 128 levels (the parser's own bound).
pub(super) fn parse(body: &[u8]) -> Option<Json> {
    // Ahead of the parser, which does not look at the bytes of what it skips.
    let text = str::from_utf8(body).ok()?;
    serde_json::from_str(text).ok()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// As it was read, for a rule that takes a text of JSON.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members),
            Self::OtherNumber(number) => number.serialize(serializer),
            Self::Null => serializer.serialize_unit(),
        }
    }
}

/// As it was read.
impl From<Json> for serde_json::Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Text(text) => text.into(),
            Json::Bool(value) => value.into(),
            Json::Number(number) => number.into(),
            Json::OtherNumber(number) => Self::Number(number),
            Json::List(items) => items.into_iter().map(Self::from).collect(),
            Json::Object(members) => {
                Self::Object(members.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
            Json::Null => Self::Null,
        }
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::OtherNumber(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    /// `1.0` is a whole number too, as JSON Schema has it, up to where a double has each.
    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || !(0.0..=EXACT).contains(&number) {
            // None that is read is infinite, or no number.
            return Ok(serde_json::Number::from_f64(number).map_or(Json::Null, Json::OtherNumber));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, and within these bounds"
        )]
        let whole = number as u64;
        Ok(Json::Number(whole))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Object::new();
        while let Some((name, value)) = members.next_entry()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is repeated"));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_repeated_member_is_refused_at_any_depth_and_however_it_is_written() {
        for body in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"":1,"":1}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"b":[{"a":1,"a":2}]}"#,
            r#"[[{"a":1,"a":2}]]"#,
        ] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
        assert!(parse(br#"{"a":{"a":1},"A":[{"a":1},{"a":2}]}"#).is_some());
    }

    #[test]
    fn what_is_not_utf_8_or_not_whole_or_more_than_whole_is_refused() {
        for body in
            [&b""[..], b" ", b"{}{}", b"{}x", b"\xef\xbb\xbf{}", b"{\"a\":[\"\xff\"]}", b"{\"a\":1", b"nul"]
        {
            assert_eq!(parse(body), None, "{body:?}");
        }
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written_and_nothing_else_is() {
        for (written, number) in [("1", 1), ("1.0", 1), ("1e2", 100), ("0.0", 0), ("-0.0", 0)] {
            assert!(
                matches!(parse(written.as_bytes()), Some(Json::Number(read)) if read == number),
                "{written}"
            );
        }
        for written in ["1.5", "-1", "-1.0", "1e300", "9007199254740994.0"] {
            assert!(matches!(parse(written.as_bytes()), Some(Json::OtherNumber(_))), "{written}");
        }
    }

    #[test]
    fn a_value_goes_on_as_it_was_read() {
        let text = r#"{"a":[1,-1,1.5,1e300,18446744073709551615,null,true,"x",{"b":{}}]}"#;
        let read = parse(text.as_bytes()).unwrap();
        let plain: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), plain);
        assert_eq!(serde_json::Value::from(read), plain);
    }

    #[test]
    fn a_number_is_the_same_however_often_it_is_read_and_written() {
        let mut text = "24222222444444444444444444".to_owned();
        for _ in 0..3 {
            let read: f64 = text.parse().unwrap();
            assert!(read.to_bits() == 24_222_222_444_444_444_444_444_444_f64.to_bits(), "{text}");
            text = serde_json::to_string(&parse(text.as_bytes()).unwrap()).unwrap();
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(100).as_bytes()).is_some());
        assert_eq!(parse(nested(129).as_bytes()), None);
        assert_eq!(parse("[".repeat(1_000_000).as_bytes()), None);
        assert_eq!(parse("{\"a\":".repeat(200_000).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body: Vec<u8>) {
            parse(&body);
        }

        #[test]
        fn any_text_of_json_signs_is_read_without_a_panic(body in "[\\[\\]{}\",:0-9eE.+\\\\untrfalse -]*") {
            parse(body.as_bytes());
        }
    }
}
