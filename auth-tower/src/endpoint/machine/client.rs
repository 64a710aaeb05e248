//! How a client of OAuth 2 says who it is (RFC 6749 section 2.3.1): an account and its key, or the key alone as a bearer token.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;

use crate::{
    authenticate::bearer,
    headers::single,
    problem::Problem,
    service::{Json, Payload},
};

pub(super) type Form = BTreeMap<String, String>;

/// What a client has sent of itself.
#[derive(Debug)]
pub(super) enum Client {
    Nobody,
    /// `Authorization: Bearer`.
    Bearer(String),
    /// An id and a secret.
    Credentials {
        id: String,
        secret: String,
        basic: bool,
    },
}

impl Client {
    /// One way and no second (RFC 6749 section 2.3).
    pub(super) fn of(headers: &HeaderMap, form: &mut Form) -> Result<Self, Problem> {
        let in_form = (form.remove("client_id"), form.remove("client_secret"));
        let in_header = match basic(headers)? {
            Some((id, secret)) => Some(Self::Credentials { id, secret, basic: true }),
            None => bearer(headers)?.map(|token| Self::Bearer(token.to_owned())),
        };
        match (in_header, in_form) {
            (Some(client), (_, None)) => Ok(client),
            (None, (Some(id), Some(secret))) => Ok(Self::Credentials { id, secret, basic: false }),
            (None, (None, None)) => Ok(Self::Nobody),
            (None, _) => Err(Problem::invalid_client(false)),
            (Some(_), (_, Some(_))) => {
                Err(Problem::malformed("Credentials came in two ways; one is enough."))
            }
        }
    }
}

/// `None`: there are none, or they are of another scheme.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Problem> {
    let wrong = || Problem::invalid_client(true);
    let Some(value) = single(headers, &AUTHORIZATION).map_err(|_| wrong())? else { return Ok(None) };
    let Some((scheme, encoded)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).map_err(|_| wrong())?;
    let decoded = String::from_utf8(decoded).map_err(|_| wrong())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(wrong)?;
    // Each was encoded as in a form before.
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().map(String::from);
    Ok(Some((decode(id).map_err(|_| wrong())?, decode(secret).map_err(|_| wrong())?)))
}

/// The fields of a form, or the members of an object, each of them a text too: one of another type that were left out would ask
/// for something else, as a `scope` in a list for all that the key may. One without a value is none (RFC 6749 section 3.2).
pub(super) fn form(payload: Payload) -> Result<Form, Problem> {
    match payload {
        Payload::Form(form) => Ok(form),
        Payload::Json(Json::Object(object)) => {
            let mut form = Form::new();
            for (name, value) in object {
                let Json::Text(text) = value else {
                    return Err(Problem::malformed("Each member has to be a text."));
                };
                if !text.is_empty() {
                    form.insert(name, text);
                }
            }
            Ok(form)
        }
        Payload::Nothing => Ok(Form::new()),
        Payload::Json(_) => Err(Problem::malformed("A form is needed.")),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn id_and_secret_are_decoded_as_in_a_form() {
        let encoded = STANDARD.encode("a%3Ab:c+d%2B");
        let Ok(Some((id, secret))) = basic(&headers(&format!("Basic {encoded}"))) else { panic!("refused") };
        assert_eq!((id.as_str(), secret.as_str()), ("a:b", "c d+"));
    }

    #[test]
    fn what_is_no_basic_header_is_none_and_a_broken_one_is_refused() {
        for other in ["Bearer abc", "Basic", "abc"] {
            assert!(basic(&headers(other)).unwrap().is_none(), "{other}");
        }
        for broken in ["Basic !", "Basic YQ==", "Basic /////w=="] {
            assert!(basic(&headers(broken)).is_err(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(value: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let _ = Client::of(&HeaderMap::from_iter([(AUTHORIZATION, value)]), &mut Form::new());
            }
        }
    }
}
