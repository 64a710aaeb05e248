//! What stands between a first factor and tokens: asked for at the one gate, whatever the way in.

use super::{
    Method, SECOND_FACTOR_ENROLMENT_REQUIRED, device,
    passkey::{self, list_passkeys, to_sign},
    store::{
        ChallengeRow, count_codes, find_challenge, find_challenge_of, insert_challenge, remove_old_challenge,
    },
};
use crate::{
    Assurance, AuthSession, Challenge, ClientInfo, Error, SecondFactor, SessionId, UserId,
    clock::{duration_millis, from_millis},
    kernel::{Arrival, Attempt, Gate, Kernel, Objection, Passage},
    random,
    store::{Factors, Insert, SessionRow},
    task::BoxFuture,
    token::one_time::OneTimeParts,
};

/// How long somebody has to answer.
const VALID_FOR: std::time::Duration = std::time::Duration::from_mins(5);

pub(super) const GATE: Gate = Gate {
    standing: Some(super::store::standing),
    beside: Some(passkey::beside),
    at_sign_in,
    at_refresh: Some(at_refresh),
};

/// What a challenge is for. In its row, and in the mac of its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A sign-in goes on.
    SignIn,
    /// A factor is set up first, and then it goes on.
    Enrol,
    /// A session goes on that has shown one factor.
    Refresh,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::SignIn, Self::Enrol, Self::Refresh];

    fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Enrol => "enrol",
            Self::Refresh => "refresh",
        }
    }
}

fn at_sign_in<'a>(kernel: &'a Kernel, arrival: &'a Arrival) -> Objection<'a, Passage> {
    let policy = &kernel.config.factors.policy;
    let is_due = kernel.asks_second_factor(arrival.factors) || policy.requires(&arrival.user.roles);
    let factors = arrival.factors;
    if Assurance::of_methods(&arrival.methods) == Assurance::Aal2 {
        // Nothing is asked for; a device that is remembered stays so, by the token of this sign-in.
        let may_be_remembered = arrival.device.is_some() && kernel.has_second_factor(factors);
        return may_be_remembered.then(|| -> BoxFuture<'_, _> {
            Box::pin(async move { Ok(Passage::Open(device::remembered(kernel, arrival, false).await?)) })
        });
    }
    if !is_due {
        return None;
    }
    let purpose = if factors.is_none() { Purpose::Enrol } else { Purpose::SignIn };
    let about = About {
        user: arrival.user.id,
        epoch: arrival.user.epoch,
        methods: &arrival.methods,
        replaces: arrival.replaces.map(|replaced| replaced.session),
        session: None,
    };
    Some(Box::pin(async move {
        if purpose == Purpose::SignIn
            && let Some(device) = device::remembered(kernel, arrival, true).await?
        {
            count(purpose, "spared");
            return Ok(Passage::Open(Some(device)));
        }
        let row = insert(kernel, purpose, &about).await?.ok_or(Error::InvalidCredentials)?;
        count(purpose, "asked");
        Ok(Passage::Challenge(told(kernel, purpose, &row, factors).await?))
    }))
}

/// Under a policy that asks for a second factor, whatever was so when the session began; and of a session that was let in for a
/// device, whether it still would be. It sets none up: that begins with a first factor.
fn at_refresh<'a>(kernel: &'a Kernel, session: &'a SessionRow) -> Objection<'a, ()> {
    let policy = &kernel.config.factors.policy;
    let is_required = policy.requires(&session.user.roles);
    let was_spared = session.device.is_some() && *policy != SecondFactor::Off;
    if !(is_required || was_spared) || Assurance::of_methods(&session.methods) == Assurance::Aal2 {
        return None;
    }
    Some(Box::pin(async move {
        if device::still_spares(kernel, session).await? {
            return Ok(());
        }
        let (db, now) = (kernel.store.db(), kernel.now());
        let user = &session.user;
        let factors = kernel.factors_of(db, user.id).await?;
        if is_required && factors.is_none() {
            return Err(SECOND_FACTOR_ENROLMENT_REQUIRED.into());
        }
        if !is_required && !kernel.asks_second_factor(factors) {
            return Ok(());
        }
        remove_old_challenge(db, session.id, now).await?;
        let about = About {
            user: user.id,
            epoch: user.epoch,
            methods: &session.methods,
            replaces: None,
            session: Some(session.id),
        };
        let row = match find_challenge_of(db, session.id).await? {
            Some(row) => row,
            None => match insert(kernel, Purpose::Refresh, &about).await? {
                Some(row) => row,
                // Another tab has asked at the same moment.
                None => find_challenge_of(db, session.id).await?.ok_or(Error::SessionOver)?,
            },
        };
        count(Purpose::Refresh, "asked");
        Err(Error::SecondFactorRequired(Box::new(told(kernel, Purpose::Refresh, &row, factors).await?)))
    }))
}

struct About<'a> {
    user: UserId,
    epoch: i64,
    methods: &'a str,
    replaces: Option<SessionId>,
    session: Option<SessionId>,
}

/// `None`: the session has one already, or the user is gone.
async fn insert(kernel: &Kernel, purpose: Purpose, about: &About<'_>) -> Result<Option<ChallengeRow>, Error> {
    let row = ChallengeRow {
        id: random::uuid(kernel.random.as_ref())?,
        user_id: about.user,
        epoch: about.epoch,
        seed: random::bytes::<32>(kernel.random.as_ref())?.to_vec(),
        purpose: purpose.name().to_owned(),
        methods: about.methods.to_owned(),
        replaces: about.replaces,
        session: about.session,
        expires_at: kernel.now().saturating_add(duration_millis(VALID_FOR)),
    };
    let outcome = insert_challenge(kernel.store.db(), row.clone()).await?;
    Ok((outcome == Insert::Done).then_some(row))
}

/// What a challenge asks for, with options of this moment for a passkey.
pub(super) async fn told(
    kernel: &Kernel,
    purpose: Purpose,
    row: &ChallengeRow,
    factors: Factors,
) -> Result<Challenge, Error> {
    let (mut methods, mut passkey_options) = (Vec::new(), None);
    if purpose == Purpose::Enrol || factors.due > 0 {
        methods.push(Method::Totp.name());
    }
    if purpose == Purpose::Enrol && kernel.config.passkeys.site().is_some() {
        methods.push(Method::Passkey.name());
    }
    if factors.beside > 0 {
        methods.push(Method::Passkey.name());
        let has = list_passkeys(kernel.store.db(), row.user_id).await?;
        passkey_options = Some(to_sign(kernel, passkey::Purpose::SecondFactor, Some(row.user_id), &has)?);
    }
    if purpose != Purpose::Enrol && count_codes(kernel.store.db(), row.user_id).await? > 0 {
        methods.push(Method::RecoveryCode.name());
    }
    let token = kernel.keys.get().one_time.make(row.id, &row.seed, &mac_of(purpose));
    Ok(Challenge {
        auth_session: AuthSession::new(token.expose()),
        methods,
        enrol: purpose == Purpose::Enrol,
        passkey_options,
        expires_at: from_millis(row.expires_at),
    })
}

/// Apart from the purposes of links.
fn mac_of(purpose: Purpose) -> String {
    format!("challenge {}", purpose.name())
}

/// The live challenge of a token, and what it is for. One that is no good counts in its network, and is
/// [`Error::InvalidToken`].
pub(super) async fn find(
    kernel: &Kernel,
    token: &AuthSession,
    client: &ClientInfo,
) -> Result<(Purpose, ChallengeRow, Attempt), Error> {
    let attempt = kernel.attempt_in_network(client)?;
    let Some(parts) = OneTimeParts::parse(token.expose()) else {
        attempt.stays_counted();
        return Err(Error::InvalidToken);
    };
    let row = match find_challenge(kernel.store.db(), parts.id).await {
        Ok(row) => row,
        Err(error) => {
            attempt.right(kernel).await;
            return Err(error.into());
        }
    };
    let found = row.and_then(|row| {
        let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == row.purpose)?;
        let is_genuine = kernel.keys.get().one_time.is_genuine(&parts, &row.seed, &mac_of(purpose));
        (is_genuine && kernel.now() < row.expires_at).then_some((purpose, row))
    });
    let Some((purpose, row)) = found else {
        attempt.stays_counted();
        return Err(Error::InvalidToken);
    };
    Ok((purpose, row, attempt))
}

/// What became of it.
pub(super) fn count(purpose: Purpose, outcome: &'static str) {
    metrics::counter!("auth_challenges_total", "purpose" => purpose.name(), "outcome" => outcome)
        .increment(1);
}
