//! All that is stored about one person, for that person (GDPR articles 15 and 20).

use crate::{AuditEvent, Error, Identity, Principal, Session, User, auth::Inner};

/// More events than anybody reads; the rest is older.
const MOST_EVENTS: usize = 10_000;
const PAGE: u64 = 100;

/// All that is stored about one person, secrets and hashes left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Export {
    /// The account.
    pub user: User,
    /// The live sessions.
    pub sessions: Vec<Session>,
    /// The accounts at identity providers.
    pub identities: Vec<Identity>,
    /// What happened to the account, the latest first: the last 10,000 events.
    pub events: Vec<AuditEvent>,
}

impl Inner {
    pub(crate) async fn export(&self, caller: &Principal) -> Result<Export, Error> {
        let user = self.current_user(caller).await?;
        let sessions = self.sessions(caller).await?;
        let identities = self.identities(user.id).await?;
        let mut events: Vec<AuditEvent> = Vec::new();
        while events.len() < MOST_EVENTS {
            let before = events.last().map(|event| event.id);
            let page = self.events(user.id, before, PAGE).await?;
            if page.is_empty() {
                break;
            }
            events.extend(page);
        }
        Ok(Export { user, sessions, identities, events })
    }
}
