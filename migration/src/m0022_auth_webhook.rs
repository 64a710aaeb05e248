use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, blob_null, string_len, string_len_null};
use crate::migrator::SqlMigration;

const WEBHOOK_TABLE: &str = "auth_webhook";
const DELIVERY_TABLE: &str = "auth_webhook_delivery";

/// Who is told of events, how far they have been told, and each try.
pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0022_auth_webhook",
    up: |backend| [webhook, delivery].iter().flat_map(|make| make(backend)).collect(),
    down: |backend| {
        [DELIVERY_TABLE, WEBHOOK_TABLE].iter().flat_map(|table| ddl::drop_table(backend, table)).collect()
    },
};

fn webhook(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(WEBHOOK_TABLE)
        .col(ddl::uuid(backend, "id"))
        // Of one that a setting names; null: an administrator has made it.
        .col(string_len_null("setting", 64))
        .col(string_len("url", 2048))
        // Codes of events with commas between them; empty: all.
        .col(string_len("types", 2048))
        // Encrypted; null where the setting has it.
        .col(blob_null("secret"))
        // Signs too until its time is over.
        .col(blob_null("secret_before"))
        .col(big_integer_null("secret_before_until"))
        // The last event of the feed that was handed over.
        .col(big_integer("after_seq"))
        .col(big_integer("tries"))
        .col(big_integer_null("failing_since"))
        .col(big_integer("next_try_at"))
        .col(big_integer_null("off_at"))
        .col(string_len_null("off_reason", 16))
        .col(big_integer("created_at"))
        .primary_key(&mut ddl::primary_key("auth_webhook_pkey", ["id"]))
        .to_owned();
    ddl::create_table(
        backend,
        table,
        vec![ddl::unique(WEBHOOK_TABLE, "auth_webhook_setting_key", ["setting"])],
    )
}

fn delivery(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(DELIVERY_TABLE)
        // In the order of time.
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid(backend, "webhook_id"))
        .col(ddl::uuid(backend, "event_id"))
        .col(string_len("code", 32))
        .col(big_integer("at"))
        // Null: there was no answer.
        .col(big_integer_null("status"))
        .col(big_integer("duration_ms"))
        .col(big_integer_null("next_try_at"))
        .primary_key(&mut ddl::primary_key("auth_webhook_delivery_pkey", ["id"]))
        .to_owned();
    let indexes = vec![
        ddl::index(DELIVERY_TABLE, "auth_webhook_delivery_webhook_id_id_idx", ["webhook_id", "id"]),
        ddl::index(DELIVERY_TABLE, "auth_webhook_delivery_at_idx", ["at"]),
    ];
    ddl::create_table(backend, table, indexes)
}
