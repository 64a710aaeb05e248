use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, blob, string_len};
use crate::migrator::SqlMigration;

const CHALLENGE_TABLE: &str = "auth_challenge";
const TOTP_TABLE: &str = "auth_totp";
const RECOVERY_CODE_TABLE: &str = "auth_recovery_code";
const FAILURE_TABLE: &str = "auth_factor_failure";

/// Second factors: what stands, what is asked for at this moment, and what was guessed.
pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0016_auth_factor",
    up: |backend| [challenge, totp, recovery_code, failure].iter().flat_map(|make| make(backend)).collect(),
    down: |backend| {
        let tables = [FAILURE_TABLE, RECOVERY_CODE_TABLE, TOTP_TABLE, CHALLENGE_TABLE];
        tables.iter().flat_map(|table| ddl::drop_table(backend, table)).collect()
    },
};

/// A first factor was right, and the second is awaited.
fn challenge(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(CHALLENGE_TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid(backend, "user_id"))
        // The user's when the first factor was right: whatever ends the sessions ends this.
        .col(big_integer("epoch"))
        // The row's share in what the client is given; that is not stored.
        .col(ddl::seed(backend))
        .col(string_len("purpose", 16))
        // How the first factor was shown.
        .col(string_len("methods", 64))
        // The session that a sign-in takes the place of.
        .col(ddl::uuid_null(backend, "replaces"))
        // The session that goes on once the factor is shown.
        .col(ddl::uuid_null(backend, "session_id"))
        .col(big_integer("expires_at"))
        .primary_key(&mut ddl::primary_key("auth_challenge_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(CHALLENGE_TABLE, "auth_challenge_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        // One for each session, however often it asks.
        ddl::unique(CHALLENGE_TABLE, "auth_challenge_session_id_key", ["session_id"]),
        ddl::index(CHALLENGE_TABLE, "auth_challenge_user_id_idx", ["user_id"]),
        ddl::index(CHALLENGE_TABLE, "auth_challenge_expires_at_idx", ["expires_at"]),
    ];
    ddl::create_table(backend, table, indexes)
}

/// The secret that a user's authenticator app has.
fn totp(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TOTP_TABLE)
        .col(ddl::uuid(backend, "user_id"))
        // Encrypted.
        .col(blob("secret"))
        // The last step of which a code was taken: none is taken twice.
        .col(big_integer("last_step"))
        .col(big_integer("created_at"))
        // Until then it has to be confirmed; null: it is, and stands.
        .col(big_integer_null("pending_until"))
        .primary_key(&mut ddl::primary_key("auth_totp_pkey", ["user_id"]))
        .foreign_key(&mut ddl::belongs_to_user(TOTP_TABLE, "auth_totp_user_id_fkey"))
        .to_owned();
    let indexes = vec![ddl::index(TOTP_TABLE, "auth_totp_pending_until_idx", ["pending_until"])];
    ddl::create_table(backend, table, indexes)
}

/// Codes for who has lost everything else; a row goes when its code is used.
fn recovery_code(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(RECOVERY_CODE_TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid(backend, "user_id"))
        // One for all codes of a set, so that one hash finds any of them.
        .col(blob("salt"))
        .col(string_len("hash", 512))
        .col(big_integer("created_at"))
        .primary_key(&mut ddl::primary_key("auth_recovery_code_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(RECOVERY_CODE_TABLE, "auth_recovery_code_user_id_fkey"))
        .to_owned();
    let indexes = vec![ddl::index(RECOVERY_CODE_TABLE, "auth_recovery_code_user_id_idx", ["user_id"])];
    ddl::create_table(backend, table, indexes)
}

/// Codes that were tried: a row for each, until one from the same network is right; and one of the end of time where they are locked.
fn failure(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(FAILURE_TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid(backend, "user_id"))
        // An IPv4 address, an IPv6 network of 64 bits, or nothing.
        .col(string_len("network", 45))
        .col(big_integer("at"))
        .primary_key(&mut ddl::primary_key("auth_factor_failure_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(FAILURE_TABLE, "auth_factor_failure_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        ddl::index(FAILURE_TABLE, "auth_factor_failure_user_id_idx", ["user_id", "at"]),
        ddl::index(FAILURE_TABLE, "auth_factor_failure_at_idx", ["at"]),
    ];
    ddl::create_table(backend, table, indexes)
}
