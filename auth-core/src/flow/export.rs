//! All that is stored about one person, for that person (GDPR articles 15 and 20).

use crate::{
    AuditEvent, ClientInfo, Error, ExportedRow, Principal, Session, User, event::EventKind, kernel::Kernel,
    store::export_rows,
};

/// More events than anybody reads; the rest is older.
const MOST_EVENTS: usize = 10_000;
const PAGE: u64 = 100;

/// All that is stored about one person, secrets and hashes left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Export {
    /// The account, with what it tells beside its address.
    pub user: User,
    /// The live sessions.
    pub sessions: Vec<Session>,
    /// What each room has about the person, by the name of its member, as `identities`: rows of named values.
    pub rooms: Vec<(&'static str, Vec<ExportedRow>)>,
    /// What happened to the account, the latest first: the last 10,000 events.
    pub events: Vec<AuditEvent>,
}

impl Kernel {
    pub(crate) async fn export(&self, caller: &Principal, client: &ClientInfo) -> Result<Export, Error> {
        let user = self.recent_proof(caller).await?;
        let user = self.with_profile(self.store.db(), user).await?;
        let sessions = self.sessions(caller).await?;
        self.note(&client.clone().actor(user.id), EventKind::Exported { user: user.id }).await;
        let mut rooms = Vec::new();
        for exported in self.rooms.iter().flat_map(|room| room.export) {
            rooms.push((exported.member, export_rows(self.store.db(), exported, user.id).await?));
        }
        let mut events: Vec<AuditEvent> = Vec::new();
        while events.len() < MOST_EVENTS {
            let before = events.last().map(|event| event.id);
            let page = self.own_events(caller, before, PAGE).await?;
            if page.is_empty() {
                break;
            }
            events.extend(page);
        }
        Ok(Export { user, sessions, rooms, events })
    }
}
