//! An operation that stands still between two of its statements, so that a race has one outcome.

use std::sync::{Arc, Mutex, mpsc};

use auth_core::{Auth, AuthBuilder};
use auth_migration::test_util::TestDatabase;
use tokio::{sync::oneshot, time::timeout};

use super::{SECOND, TestAuth, keys};

/// An instance beside another one, on the same database and clock.
pub(crate) struct Halting {
    pub(crate) auth: Auth,
    halt: Arc<Mutex<Option<Halt>>>,
}

struct Halt {
    verb: &'static str,
    table: &'static str,
    reached: oneshot::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

impl Halting {
    pub(crate) async fn beside(test: &TestAuth, db: &TestDatabase) -> Self {
        Self::with(test, db, |builder| builder).await
    }

    pub(crate) async fn with(
        test: &TestAuth,
        db: &TestDatabase,
        settings: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> Self {
        let mut db = db.connect().await;
        let halt = Arc::<Mutex<Option<Halt>>>::default();
        let due = Arc::clone(&halt);
        db.set_metric_callback(move |info| {
            let sql = &info.statement.sql;
            let is_it = |halt: &mut Halt| sql.starts_with(halt.verb) && sql.contains(halt.table);
            let due = due.lock().unwrap().take_if(is_it);
            if let Some(Halt { reached, go_on, .. }) = due {
                let _ = reached.send(());
                tokio::task::block_in_place(|| go_on.recv().unwrap_or_default());
            }
        });
        let builder = Auth::builder(db, keys())
            .clock(Arc::new(test.clock.clone()))
            .hasher(Arc::new(test.hasher.clone()))
            .events(Arc::new(test.events.clone()))
            .configure(|config| config.mail.pages_at("http://127.0.0.1:8000"))
            .mailer(Arc::new(test.outbox.clone()));
        Self { auth: settings(builder).build().unwrap(), halt }
    }

    /// Runs `flow` up to its first statement of this kind, then `meanwhile` to its end, then the rest of `flow`.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        (verb, table): (&'static str, &'static str),
        flow: impl Future<Output = T> + Send + 'static,
        meanwhile: impl Future<Output = ()>,
    ) -> impl Future<Output = T> {
        let ((reached, is_reached), (go, go_on)) = (oneshot::channel(), mpsc::channel());
        *self.halt.lock().unwrap() = Some(Halt { verb, table, reached, go_on });
        let (flow, meanwhile) = (tokio::spawn(flow), Box::pin(meanwhile));
        async move {
            timeout(60 * SECOND, is_reached).await.unwrap_or_else(|_| panic!("it never gets there")).unwrap();
            meanwhile.await;
            drop(go);
            timeout(60 * SECOND, flow).await.unwrap_or_else(|_| panic!("it does not go on")).unwrap()
        }
    }
}
