//! A look at the installation that changes nothing: what is wrong, how bad that is, and what to do. Each room says what it
//! knows of itself; the manual's page on the [check](crate::manual::check) has a row for each code.

mod database;
mod settings;

use std::cmp::Reverse;

use crate::{Auth, Error, Finding, store::takes_writes};

/// The doctor.
impl Auth {
    /// Whether the database takes writes: a standby does not, nor does a node that became one, and nobody can sign in there. For a
    /// probe of readiness; an UPDATE that matches no row. SQLite is not asked: [`check`](Self::check) does.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn can_write(&self) -> Result<bool, Error> {
        Ok(takes_writes(self.kernel.store.db()).await?)
    }

    /// Examines settings, keys, database, outbox, mail server and identity providers, and changes nothing. The worst
    /// findings come first; none is the good case. Takes as long as what is asked needs to answer, within bounds.
    pub async fn check(&self) -> Vec<Finding> {
        let kernel = &self.kernel;
        let mut found = kernel.config.findings();
        found.extend(kernel.passwords.check());
        found.extend(kernel.check_database().await);
        found.extend(kernel.check_mailer().await);
        found.extend(kernel.check_hooks().await);
        found.extend(kernel.background.findings(kernel.revocations.is_used_blindly()));
        found.sort_by_key(|finding| Reverse(finding.severity));
        found
    }
}
