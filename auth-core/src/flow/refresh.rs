//! Refresh: one read and at most one write with a current token.

use crate::{
    Claims, ClientInfo, EndReason, Error, RefreshToken, Tokens,
    clock::duration_millis,
    event::EventKind,
    kernel::Kernel,
    key_ring::Grant,
    store::{Rotated, SessionRow, find_session, revoke_session, rotate_session},
    task::until_won,
    token::{refresh::RefreshParts, rotation::Decision},
};

/// Each lost race means that another request of the same session moved on, and after one such step the rest
/// fall into the grace. More rounds than this mean a storm on one session; the client may try again.
const MAX_ROUNDS: usize = 8;

/// What a token is shown for.
#[derive(Clone, Copy)]
enum Wanted {
    /// New tokens.
    Refresh,
    /// A look at who is signed in, for a page: a young token is not replaced.
    Look,
}

impl Kernel {
    pub(crate) async fn refresh(&self, token: &RefreshToken, client: ClientInfo) -> Result<Tokens, Error> {
        self.show(token, Wanted::Refresh, client).await
    }

    pub(crate) async fn look(&self, token: &RefreshToken, client: ClientInfo) -> Result<Tokens, Error> {
        self.show(token, Wanted::Look, client).await
    }

    async fn show(&self, token: &RefreshToken, wanted: Wanted, client: ClientInfo) -> Result<Tokens, Error> {
        let network = self.may_refresh(&client).inspect_err(|error| count(error.code()))?;
        let outcome = self.rotate(token, wanted, client).await;
        if let (Some(network), Err(Error::InvalidToken | Error::SessionOver | Error::SessionLeft)) =
            (network, &outcome)
        {
            self.refresh_was_refused(network);
        }
        if let Err(error) = &outcome {
            count(match error {
                Error::SessionOver => "session_over",
                Error::SessionLeft => "session_left",
                other => other.code(),
            });
        }
        outcome
    }

    async fn rotate(
        &self,
        token: &RefreshToken,
        wanted: Wanted,
        client: ClientInfo,
    ) -> Result<Tokens, Error> {
        let parts = RefreshParts::parse(token.expose()).ok_or(Error::InvalidToken)?;
        for _ in 0..MAX_ROUNDS {
            let session = find_session(self.store.db(), parts.session_id).await?.ok_or(Error::SessionOver)?;
            if !self.keys.get().refresh.is_genuine(&parts, &session.seed) {
                return Err(Error::InvalidToken);
            }
            if session.was_left() {
                return Err(Error::SessionLeft);
            }
            let (now, idle) = (self.now(), duration_millis(self.config.sessions.refresh_ttl));
            if !session.is_alive(now, idle) {
                return Err(Error::SessionOver);
            }
            let grace = duration_millis(self.config.sessions.refresh_grace);
            let decision = match wanted {
                Wanted::Refresh => session.rotation.decide(parts.generation, now, grace),
                Wanted::Look => {
                    let kept = duration_millis(self.config.tokens.access_ttl);
                    session.rotation.decide_on_a_look(parts.generation, now, grace, session.created_at, kept)
                }
            };
            if matches!(decision, Decision::Repeat(_) | Decision::Rotate(_) | Decision::CatchUp(_)) {
                self.ask_gate_again(&session).await?;
            }
            let claims = match decision {
                // Before the row is written: if the host does not answer, the token stays as it is.
                Decision::Repeat(_) | Decision::Rotate(_) | Decision::CatchUp(_) => {
                    self.claims_of(&session, &session.methods, session.authenticated_at()).await?
                }
                Decision::Reuse | Decision::Unknown => Claims::new(),
            };
            match decision {
                Decision::Unknown => return Err(Error::InvalidToken),
                Decision::Repeat(newest) => {
                    let tokens = self.successor(&session, &claims, newest, now)?;
                    count("repeated");
                    return Ok(tokens);
                }
                Decision::Reuse => {
                    // Where somebody else was faster, the next round tells how the session ended.
                    let kind = EventKind::RefreshReused { user: session.user.id, session: session.id };
                    let ended = until_won(|| async {
                        let txn = self.store.begin().await?;
                        let ended = revoke_session(&txn, session.id, EndReason::Reused, now).await?;
                        if ended {
                            self.record(&txn, &client, &kind).await?;
                        }
                        txn.commit().await?;
                        Ok(ended)
                    });
                    if ended.await? {
                        self.revocations.session_ended(session.id);
                        self.emit(&client, kind);
                        return Err(Error::SessionOver);
                    }
                }
                Decision::Rotate(next) | Decision::CatchUp(next) => {
                    // Outside a transaction: a loser has to see the winner's row when it reads again.
                    let (db, id) = (self.store.db(), session.id);
                    if rotate_session(db, id, &session.rotation, &next, now, idle).await? == Rotated::Yes {
                        let tokens = self.successor(&session, &claims, next.newest, now)?;
                        count("rotated");
                        let user = session.user.id;
                        if matches!(decision, Decision::CatchUp(_)) {
                            self.note(&client, EventKind::RowWasOlder { user, session: id }).await;
                        }
                        self.emit(&client, EventKind::Refreshed { user, session: id });
                        return Ok(tokens);
                    }
                }
            }
        }
        Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(1) })
    }

    fn successor(
        &self,
        session: &SessionRow,
        claims: &Claims,
        generation: i64,
        now: i64,
    ) -> Result<Tokens, Error> {
        let grant = Grant {
            user_id: session.user.id,
            session_id: session.id,
            roles: &session.user.roles,
            roles_version: session.user.roles_version,
            methods: &session.methods,
            authenticated_at: session.authenticated_at(),
            session_expires_at: session.expires_at,
            claims,
        };
        self.tokens(&grant, &session.seed, generation, now)
    }
}

/// What became of a refresh: where it is refused, the code of the error, and more exactly how the session stands.
fn count(outcome: &'static str) {
    metrics::counter!("auth_refreshes_total", "outcome" => outcome).increment(1);
}
