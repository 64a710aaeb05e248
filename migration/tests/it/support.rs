use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, InsertStatement, Query};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, Statement};

/// The names of all migrations, in order.
pub(crate) const ALL: [&str; 23] = [
    "m0001_auth_user",
    "m0002_auth_password",
    "m0003_auth_user_role",
    "m0004_auth_session",
    "m0005_auth_one_time_token",
    "m0006_auth_lease",
    "m0007_auth_key",
    "m0008_auth_throttle",
    "m0009_auth_mail",
    "m0010_auth_event",
    "m0011_auth_deleted_user",
    "m0012_auth_identity",
    "m0013_auth_user_signed_in",
    "m0014_auth_session_auth_time",
    "m0016_auth_factor",
    "m0017_auth_device",
    "m0018_auth_passkey",
    "m0019_auth_api_key",
    "m0021_auth_event_seq",
    "m0022_auth_webhook",
    "m0023_auth_session_idle_until",
    "m0024_auth_profile",
    "m0025_auth_email_code",
];

pub(crate) async fn execute(db: &DatabaseConnection, sql: &str) {
    db.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// One column of a result.
pub(crate) async fn strings(db: &DatabaseConnection, column: usize, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(column).unwrap()).collect()
}

pub(crate) async fn count(db: &DatabaseConnection, table: &'static str) -> i64 {
    let query = Query::select().expr(Expr::cust("COUNT(*)")).from(table).take();
    db.query_one(&query).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Which migrations the database has, by its own account.
pub(crate) async fn applied(db: &DatabaseConnection) -> Vec<String> {
    let status = auth_migration::status(db).await.unwrap();
    status.into_iter().filter(|migration| migration.applied).map(|migration| migration.name).collect()
}

/// Everything that the database says about its tables, in its own words: columns, indexes, constraints.
pub(crate) async fn schema(db: &DatabaseConnection) -> Vec<String> {
    match db.get_database_backend() {
        DbBackend::Postgres => strings(db, 0, POSTGRES_SCHEMA).await,
        DbBackend::MySql => {
            let mut tables = Vec::new();
            for table in strings(db, 0, MYSQL_TABLES).await {
                tables.extend(strings(db, 1, &format!("SHOW CREATE TABLE `{table}`")).await);
            }
            tables
        }
        _ => {
            let sql = "SELECT type || ' ' || name || ': ' || COALESCE(sql, '') FROM sqlite_master ORDER BY 1";
            strings(db, 0, sql).await
        }
    }
}

const MYSQL_TABLES: &str = "SELECT CAST(table_name AS CHAR) FROM information_schema.tables
    WHERE table_schema = DATABASE() ORDER BY 1";

// The number of a column that was dropped is given to none that is added.
const POSTGRES_SCHEMA: &str = "
    SELECT CONCAT_WS(' ', table_name, ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY ordinal_position), column_name, data_type, character_maximum_length,
                     is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA()
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = CURRENT_SCHEMA()
    UNION ALL SELECT CONCAT_WS(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = CURRENT_SCHEMA()::regnamespace
    ORDER BY 1";

pub(crate) async fn insert_user(db: &DatabaseConnection, id: Uuid, email: &str) -> Result<(), DbErr> {
    let mut insert = Query::insert();
    insert
        .into_table("auth_user")
        .columns(["id", "email", "email_normalized", "created_at", "updated_at"])
        .values_panic([id.into(), email.into(), email.into(), 1.into(), 1.into()]);
    run(db, &insert).await
}

pub(crate) async fn run(db: &DatabaseConnection, insert: &InsertStatement) -> Result<(), DbErr> {
    db.execute(insert).await.map(drop)
}

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}
