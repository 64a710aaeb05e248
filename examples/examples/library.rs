//! Authentication without HTTP: a SQLite database, a few calls, and what comes out of them.
//!
//! ```text
//! cargo run --example library
//! ```

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;

use auth_core::{Auth, ClientInfo, Login, Register, SignIn};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In memory, so that the example leaves nothing behind; a service writes `sqlite://auth.db?mode=rwc`, or
    // brings the connection that it has already.
    let db = auth_core::connect("sqlite::memory:").await?;
    let applied = auth_migration::up(&db).await?;
    println!("migrated: {}", applied.join(", "));

    let auth = Auth::builder(db.clone(), auth_examples::keys_for_this_run()?).build()?;
    let ada = auth.register(Register::new("ada@example.com", "correct horse battery")).await?;
    println!("registered {} as {}", ada.email, ada.id);

    // `Challenge` is for a second factor, which nothing asks for yet.
    let SignIn::Granted(tokens) = auth.login(Login::new("Ada@Example.com", "correct horse battery")).await?
    else {
        return Err("a second factor is needed".into());
    };
    println!("signed in; the access token is good for {} s", tokens.access_expires_in.as_secs());

    // No database and no network: this half can live in another process that has the key.
    let caller = auth.verifier().verify(tokens.access.expose())?;
    println!("the token says: user {}, roles {}", caller.user_id(), caller.roles().join(", "));

    let tokens = auth.refresh(tokens.refresh, ClientInfo::default()).await?;
    println!("refreshed");

    let grace = register_with_a_profile(&auth, &db).await?;
    println!("registered {grace} together with a profile");

    let copy = tokens.refresh.clone();
    auth.logout(tokens.refresh, ClientInfo::default()).await?;
    match auth.refresh(copy, ClientInfo::default()).await {
        Err(error) => println!("signed out; another refresh is refused: {error}"),
        Ok(_) => return Err("the session has outlived the sign-out".into()),
    }
    Ok(())
}

/// Makes a user and a row of the host's own as one: both are there afterwards, or neither.
async fn register_with_a_profile(auth: &Auth, db: &DatabaseConnection) -> Result<String, Box<dyn Error>> {
    db.execute_unprepared("CREATE TABLE profile (user_id TEXT PRIMARY KEY, nickname TEXT NOT NULL)").await?;

    // The slow part, hashing, comes before the transaction: nobody waits for a lock meanwhile.
    let prepared =
        auth.prepare_register(Register::new("grace@example.com", "a ship in port is safe")).await?;

    // On SQLite a transaction that means to write has to say so at its beginning, or it may be refused later.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let txn = db.begin_with_options(options).await?;
    let user = prepared.insert_in(&txn).await?;
    let profile = [user.id.to_string().into(), "Amazing Grace".into()];
    let insert = "INSERT INTO profile (user_id, nickname) VALUES (?, ?)";
    txn.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, insert, profile)).await?;
    txn.commit().await?;
    Ok(user.email)
}
