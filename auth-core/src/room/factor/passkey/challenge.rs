//! What a passkey signs: random, good for five minutes, for one purpose and one account, and of our making, so that giving one
//! away costs no row. One that was answered has a row until its time is over.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    store::{PasskeyRow, list_passkeys},
    verify::ALGORITHMS,
};
use crate::{
    Error, PasskeyOptions, UserId,
    clock::duration_millis,
    kernel::Kernel,
    random,
    store::{ConnectionTrait, Insert, UserRow},
    token::one_time::OneTimeParts,
};

/// How long somebody has to answer.
const VALID_FOR: std::time::Duration = std::time::Duration::from_mins(5);

/// What an answer may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// By whoever has a passkey: of no account.
    SignIn,
    Register,
    SecondFactor,
    StepUp,
}

impl Purpose {
    /// In the mac, apart from the purposes of links.
    fn label(self) -> &'static str {
        match self {
            Self::SignIn => "passkey sign_in",
            Self::Register => "passkey register",
            Self::SecondFactor => "passkey second_factor",
            Self::StepUp => "passkey step_up",
        }
    }
}

/// A challenge of ours that was answered in time.
#[derive(Clone, Copy)]
pub(super) struct Answered {
    id: Uuid,
    expires_at: i64,
}

/// The moment is in its id, which is a UUID of version 7; that cannot be guessed for its mac.
fn make(kernel: &Kernel, purpose: Purpose, user: Option<UserId>) -> Result<String, Error> {
    let id = random::ordered_uuid(kernel.random.as_ref(), kernel.now())?;
    let token = kernel.keys.get().one_time.make(id, &bound_to(user), purpose.label());
    // What is base64url of the bytes for the browser.
    Ok(token.expose().to_owned())
}

/// As long as the seed of any token.
fn bound_to(user: Option<UserId>) -> [u8; 32] {
    let mut bound = [0; 32];
    if let Some(user) = user {
        for (to, from) in bound.iter_mut().zip(user.as_uuid().as_bytes()) {
            *to = *from;
        }
    }
    bound
}

/// `None`: it is none of ours, for something or somebody else, or its time is over.
pub(super) fn answered(
    kernel: &Kernel,
    challenge: &[u8],
    purpose: Purpose,
    user: Option<UserId>,
) -> Option<Answered> {
    let parts = OneTimeParts::parse(&URL_SAFE_NO_PAD.encode(challenge))?;
    if !kernel.keys.get().one_time.is_genuine(&parts, &bound_to(user), purpose.label()) {
        return None;
    }
    // Its first 48 bits (RFC 9562 section 5.7).
    let made_at = i64::try_from(parts.id.as_u128() >> 80).ok()?;
    let expires_at = made_at.saturating_add(duration_millis(VALID_FOR));
    (kernel.now() < expires_at).then_some(Answered { id: parts.id, expires_at })
}

impl Answered {
    /// `false`: somebody was faster. On PostgreSQL the transaction can then only be rolled back.
    pub(super) async fn spend(&self, txn: &impl ConnectionTrait) -> Result<bool, Error> {
        Ok(super::store::spend(txn, self.id, self.expires_at).await? == Insert::Done)
    }
}

/// To sign with whatever passkey there is, or with one of these.
pub(crate) fn to_sign(
    kernel: &Kernel,
    purpose: Purpose,
    user: Option<UserId>,
    of: &[PasskeyRow],
) -> Result<PasskeyOptions, Error> {
    let site = kernel.config.passkeys.site();
    Ok(PasskeyOptions(
        json!({
            "challenge": make(kernel, purpose, user)?,
            "timeout": duration_millis(VALID_FOR),
            "rpId": site,
            "allowCredentials": described(of.iter().filter(|row| Some(&*row.rp_id) == site)),
            "userVerification": "required",
        })
        .to_string(),
    ))
}

/// To make one that is found without a name being typed, and asks who is there.
pub(crate) async fn to_make(kernel: &Kernel, user: &UserRow) -> Result<PasskeyOptions, Error> {
    let site = kernel.config.passkeys.site();
    let has = list_passkeys(kernel.store.db(), user.id).await?;
    let algorithms = ALGORITHMS.map(|alg| json!({"type": "public-key", "alg": alg}));
    Ok(PasskeyOptions(
        json!({
            "rp": {"id": site, "name": kernel.config.mail.service_name},
            "user": {
                "id": URL_SAFE_NO_PAD.encode(user.id.as_uuid().as_bytes()),
                "name": user.email,
                "displayName": user.email,
            },
            "challenge": make(kernel, Purpose::Register, Some(user.id))?,
            "pubKeyCredParams": algorithms,
            "timeout": duration_millis(VALID_FOR),
            "excludeCredentials": described(has.iter().filter(|row| Some(&*row.rp_id) == site)),
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": "required",
            },
            "attestation": "none",
        })
        .to_string(),
    ))
}

fn described<'a>(rows: impl Iterator<Item = &'a PasskeyRow>) -> Vec<Value> {
    let describe = |row: &PasskeyRow| {
        json!({
            "type": "public-key",
            "id": URL_SAFE_NO_PAD.encode(&row.credential_id),
            "transports": row.transports.split_whitespace().collect::<Vec<_>>(),
        })
    };
    rows.map(describe).collect()
}
