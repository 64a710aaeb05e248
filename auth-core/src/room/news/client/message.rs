//! What a webhook is sent.

use bytes::Bytes;
use http::{
    Request,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::secret::{SigningSecret, signatures};
use crate::{Error, store::Placed};

/// An event as a webhook has it: thin, so that it may arrive late, twice, and anywhere.
pub(super) fn body_of(placed: &Placed) -> Result<Vec<u8>, Error> {
    let Placed { seq, event } = placed;
    let mut data = Map::new();
    data.insert("id".to_owned(), json!(event.id));
    data.insert("seq".to_owned(), json!(seq));
    for (name, id) in
        [("user_id", event.user_id), ("session_id", event.session_id), ("actor_id", event.actor_id)]
    {
        data.insert(name.to_owned(), json!(id));
    }
    if let Some(reason) = &event.reason {
        data.insert("reason".to_owned(), json!(reason));
    }
    body(&event.code, event.at, &Value::Object(data))
}

/// `at` is unix milliseconds.
pub(super) fn body(kind: &str, at: i64, data: &Value) -> Result<Vec<u8>, Error> {
    let at =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).map_err(Error::internal)?;
    let timestamp = at.format(&Rfc3339).map_err(Error::internal)?;
    serde_json::to_vec(&json!({"type": kind, "timestamp": timestamp, "data": data})).map_err(Error::internal)
}

/// Signed for `now` (unix milliseconds): a receiver refuses what is old.
pub(super) fn signed(
    url: &str,
    secrets: &[SigningSecret],
    id: Uuid,
    now: i64,
    body: Vec<u8>,
) -> Result<Request<Bytes>, Error> {
    let (id, timestamp) = (id.to_string(), now.div_euclid(1000));
    Request::post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json")
        .header("webhook-signature", signatures(secrets, &id, timestamp, &body))
        .header("webhook-timestamp", timestamp)
        .header("webhook-id", id)
        .body(body.into())
        .map_err(Error::internal)
}
