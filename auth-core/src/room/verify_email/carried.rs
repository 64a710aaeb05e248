use crate::{
    Error, Principal, RefreshToken, UserId,
    clock::duration_millis,
    kernel::Kernel,
    store::{ConnectionTrait, find_session},
    token::refresh::RefreshParts,
};

/// What a request carries that shows who is signed in where it comes from, for
/// [`Auth::verify_email_carrying`](crate::Auth::verify_email_carrying). Nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Carried {
    refresh: Vec<RefreshToken>,
    caller: Option<Principal>,
}

impl Carried {
    /// The refresh token of its cookie; also several, where the cookie is there more than once.
    pub fn refresh(mut self, token: RefreshToken) -> Self {
        self.refresh.push(token);
        self
    }

    /// Whoever its access token is of.
    pub fn caller(mut self, caller: Principal) -> Self {
        self.caller = Some(caller);
        self
    }

    /// Whether one of the sessions is this user's, and lives.
    pub(super) async fn shows(
        &self,
        kernel: &Kernel,
        txn: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<bool, Error> {
        let idle = duration_millis(kernel.config.sessions.refresh_ttl);
        let refresh = self.refresh.iter().filter_map(|token| RefreshParts::parse(token.expose()));
        let refresh = refresh.map(|parts| (parts.session_id, Some(parts)));
        let access = self.caller.iter().filter_map(Principal::session_id).map(|session| (session, None));
        for (id, parts) in refresh.chain(access) {
            let Some(session) = find_session(txn, id).await? else { continue };
            let is_genuine =
                parts.is_none_or(|parts| kernel.keys.get().refresh.is_genuine(&parts, &session.seed));
            if is_genuine && session.user.id == user && session.is_alive(kernel.now(), idle) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
