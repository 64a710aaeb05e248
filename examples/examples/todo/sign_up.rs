//! A sign-up of the application's own: account and name are made as one, and the browser is signed in.

use auth_core::{Auth, ClientInfo, Error, FieldError, Register, User, refusal};
use auth_tower::{Problem, axum::Client};
use axum::{Json, extract::State, response::IntoResponse as _};
use http::StatusCode;
use sea_orm::{DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait as _};
use serde::Deserialize;

use crate::{
    app::{Answer, App},
    store,
};

#[derive(Deserialize)]
pub(crate) struct SignUp {
    email: String,
    password: String,
    name: String,
}

pub(crate) async fn sign_up(
    State(app): State<App>,
    Client(client): Client,
    Json(new): Json<SignUp>,
) -> Result<Answer, Problem> {
    let user = register(&app.auth, app.db, new, client.clone()).await?;
    // As `/auth/login` answers: the access token in the body, the refresh token in its cookie.
    let signed_in = app.auth.sign_in(user.id, "pwd", client).await?;
    Ok(app.endpoints.answer(signed_in).map(axum::body::Body::new).into_response())
}

/// Both are there afterwards, or neither.
async fn register(
    auth: &Auth,
    db: DatabaseConnection,
    new: SignUp,
    client: ClientInfo,
) -> Result<User, Problem> {
    let name = new.name.trim().to_owned();
    if name.is_empty() {
        let rule = FieldError::new("name", "required", "a name is needed");
        return Err(Error::Validation(vec![rule]).into());
    }
    // The slow part, hashing, comes before the transaction: nobody waits for a lock meanwhile.
    let prepared = auth.prepare_register(Register::new(new.email, new.password).client(client)).await?;
    // In a task of its own, which goes on when the client leaves: a transaction is never dropped half-way.
    let written = tokio::spawn(async move {
        // On SQLite a transaction that means to write says so at its beginning.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let txn = db.begin_with_options(options).await?;
        let registered = prepared.insert_in(&txn).await;
        match &registered {
            Ok(user) => store::add_person(&txn, user.id, &name).await?,
            // Committed too: with the mail that tells the owner of the address, where there is a mailer.
            Err(Error::Refused(refusal::EMAIL_TAKEN)) => {}
            Err(_) => return registered,
        }
        txn.commit().await?;
        registered
    });
    let gone = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong.");
    Ok(written.await.map_err(gone)??)
}
