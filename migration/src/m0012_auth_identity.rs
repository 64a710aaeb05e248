use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, blob_null, string_len, string_len_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_identity";

/// Accounts at identity providers with which users sign in.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0012_auth_identity", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid(backend, "user_id"))
        // What the provider was called when the identity was added; the key is the issuer.
        .col(string_len("provider", 32))
        .col(string_len("issuer", 255))
        // OpenID Connect Core section 2: at most 255 characters, and case matters.
        .col(string_len("subject", 255))
        // As the provider told it last, for the owner to recognise it by.
        .col(string_len_null("email", 254))
        .col(big_integer("created_at"))
        .col(big_integer_null("last_used_at"))
        // Encrypted; null unless the host asked to keep them.
        .col(blob_null("tokens"))
        .primary_key(&mut ddl::primary_key("auth_identity_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(TABLE, "auth_identity_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        // Decides between two sign-ins of one new identity.
        ddl::unique(TABLE, "auth_identity_issuer_subject_key", ["issuer", "subject"]),
        ddl::index(TABLE, "auth_identity_user_id_idx", ["user_id"]),
    ];
    ddl::create_table(backend, table, indexes)
}
