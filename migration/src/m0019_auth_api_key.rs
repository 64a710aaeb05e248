use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string_len};
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl;
use crate::migrator::SqlMigration;

const SERVICE_TABLE: &str = "auth_service_account";
const KEY_TABLE: &str = "auth_api_key";
const ENDED_TABLE: &str = "auth_ended_token";

/// How machines are known: accounts of services, keys of people and of services, and tokens of services that were ended.
///
/// Services are no users: a program that does not know the table neither signs one in nor lists, exports or sweeps it.
pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0019_auth_api_key",
    up: |backend| [service, key, ended].iter().flat_map(|make| make(backend)).collect(),
    down: |backend| {
        let tables = [ENDED_TABLE, KEY_TABLE, SERVICE_TABLE];
        tables.iter().flat_map(|table| ddl::drop_table(backend, table)).collect()
    },
};

/// Accounts with neither address nor password.
fn service(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(SERVICE_TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(string_len("name", 64))
        // Thirty-two names of at most 64 characters, with spaces between them.
        .col(string_len("roles", 2080))
        // Raised with each change, and in every token of the account: one with a lower number is over.
        .col(big_integer("version").default(0))
        .col(big_integer_null("changed_at"))
        .col(big_integer_null("disabled_at"))
        .col(big_integer("created_at"))
        .primary_key(&mut ddl::primary_key("auth_service_account_pkey", ["id"]))
        .to_owned();
    let indexes = vec![ddl::index(SERVICE_TABLE, "auth_service_account_changed_at_idx", ["changed_at"])];
    ddl::create_table(backend, table, indexes)
}

/// Keys: each of a user or of a service account, and gone with them.
fn key(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(KEY_TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid_null(backend, "user_id"))
        .col(ddl::uuid_null(backend, "service_id"))
        .col(string_len("name", 64))
        // SHA-256 of the key, which has too many bits to be guessed.
        .col(ddl::digest(backend, "hash"))
        // How it begins, for its owner to know it by.
        .col(string_len("hint", 8))
        // Twenty names of at most 64 characters, with spaces between them.
        .col(string_len("scopes", 1300))
        .col(big_integer("created_at"))
        // Null: never.
        .col(big_integer_null("expires_at"))
        .col(big_integer_null("revoked_at"))
        // Another one has taken its place, or will when its time is over.
        .col(big_integer_null("rotated_at"))
        .col(big_integer_null("last_used_at"))
        .primary_key(&mut ddl::primary_key("auth_api_key_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(KEY_TABLE, "auth_api_key_user_id_fkey"))
        .foreign_key(
            ForeignKey::create()
                .name("auth_api_key_service_id_fkey")
                .from(KEY_TABLE, "service_id")
                .to(SERVICE_TABLE, "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    let indexes = vec![
        ddl::unique(KEY_TABLE, "auth_api_key_hash_key", ["hash"]),
        ddl::index(KEY_TABLE, "auth_api_key_user_id_idx", ["user_id"]),
        ddl::index(KEY_TABLE, "auth_api_key_service_id_idx", ["service_id"]),
        ddl::index(KEY_TABLE, "auth_api_key_expires_at_idx", ["expires_at"]),
        ddl::index(KEY_TABLE, "auth_api_key_revoked_at_idx", ["revoked_at"]),
    ];
    ddl::create_table(backend, table, indexes)
}

/// Access tokens of services that were ended before their time.
fn ended(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(ENDED_TABLE)
        // The claim `jti`.
        .col(ddl::uuid(backend, "id"))
        .col(big_integer("ended_at"))
        .primary_key(&mut ddl::primary_key("auth_ended_token_pkey", ["id"]))
        .to_owned();
    let indexes = vec![ddl::index(ENDED_TABLE, "auth_ended_token_ended_at_idx", ["ended_at"])];
    ddl::create_table(backend, table, indexes)
}
