use sea_orm::DbBackend;
use sea_orm::sea_query::{ColumnDef, Index, Table};

use crate::ddl::{self, big_integer};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_event";
const FEED_TABLE: &str = "auth_feed";
const INDEX: &str = "auth_event_seq_id_idx";

/// The place of each event in the feed, and which was given last.
pub(crate) const MIGRATION: SqlMigration = SqlMigration { name: "m0021_auth_event_seq", up, down };

fn up(backend: DbBackend) -> Vec<String> {
    let feed = Table::create()
        .table(FEED_TABLE)
        .col(big_integer("id"))
        .col(big_integer("last_seq"))
        .primary_key(&mut ddl::primary_key("auth_feed_pkey", ["id"]))
        .to_owned();
    let mut statements = ddl::create_table(backend, feed, Vec::new());
    // Null: not in the feed yet, which is also what a program writes that does not know the column. What happened before there was
    // a feed has 0 and is not in it; a default that goes again says so without touching a row.
    let mut seq = ColumnDef::new("seq").big_integer().null().to_owned();
    if backend != DbBackend::Sqlite {
        seq.default(0);
    }
    statements.push(ddl::add_column(backend, TABLE, seq));
    statements.push(match backend {
        DbBackend::Postgres => format!("ALTER TABLE {TABLE} ALTER COLUMN seq DROP DEFAULT"),
        DbBackend::MySql => format!("ALTER TABLE {TABLE} ALTER COLUMN seq SET DEFAULT NULL"),
        // Has no way to change a default.
        _ => format!("UPDATE {TABLE} SET seq = 0"),
    });
    statements.push(ddl::add_index(backend, ddl::index(TABLE, INDEX, ["seq", "id"])));
    statements
}

fn down(backend: DbBackend) -> Vec<String> {
    let mut index = Index::drop().name(INDEX).table(TABLE).to_owned();
    if backend != DbBackend::MySql {
        index.if_exists();
    }
    let column = Table::alter().table(TABLE).drop_column("seq").to_owned();
    let mut statements = vec![ddl::sql(backend, &index), ddl::sql(backend, &column)];
    statements.extend(ddl::drop_table(backend, FEED_TABLE));
    statements
}
