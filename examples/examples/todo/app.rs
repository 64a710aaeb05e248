//! What there is at which address, and who may go there.

use std::net::SocketAddr;

use auth_core::{ADMIN_ROLE, Auth, DbErr, UserId, Verified};
use auth_tower::{
    AuthLayer, AuthService, ClientAddr, CrossOriginLayer, Endpoint, Problem, RequireLayer,
    axum::{CurrentUser, User},
};
use axum::{
    Json, Router,
    extract::{ConnectInfo, FromRef, Path, Request, State},
    middleware::map_request,
    response::Response,
    routing::{get, post},
};
use http::StatusCode;
use sea_orm::DatabaseConnection;
use serde::{Deserialize, Serialize};

use crate::{
    sign_up::sign_up,
    store::{self, Todo},
};

/// What handlers work with. `FromRef` lets each take the part that it needs, and so the extractor [`User`].
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) auth: Auth,
    pub(crate) db: DatabaseConnection,
    pub(crate) endpoints: AuthService,
}

impl FromRef<App> for Auth {
    fn from_ref(app: &App) -> Self {
        app.auth.clone()
    }
}

impl FromRef<App> for DatabaseConnection {
    fn from_ref(app: &App) -> Self {
        app.db.clone()
    }
}

pub(crate) fn app(
    auth: &Auth,
    db: DatabaseConnection,
    public_url: &str,
) -> Result<Router, auth_tower::ConfigError> {
    let endpoints = AuthService::builder(auth.clone())
        .public_url(public_url)
        .mounted_at("/auth")
        // People sign up with a name, below.
        .without(Endpoint::REGISTER)
        .build()?;
    // Administrators of this moment: the strict layer is outside of the guard, which asks for no less.
    let admin = Router::new()
        .route("/admin/people", get(people))
        .layer(RequireLayer::role(ADMIN_ROLE)?.verified(Verified::Strict))
        .layer(AuthLayer::required(auth.verifier()).strict(auth.clone()));
    let own = Router::new()
        .route("/me", get(me))
        .route("/todos", get(list).post(add))
        .route("/todos/{id}/done", post(done))
        .layer(AuthLayer::required(auth.verifier()));
    // Its answer sets cookies: pages of other origins may not call it.
    let sign_up = Router::new()
        .route("/sign-up", post(sign_up))
        .layer(CrossOriginLayer::new(endpoints.origin_policy()));
    let app = App { auth: auth.clone(), db, endpoints: endpoints.clone() };
    Ok(own
        .merge(admin)
        .merge(sign_up)
        .with_state(app)
        .nest_service("/auth", endpoints)
        .layer(map_request(client_address)))
}

/// Who calls, for throttling and the list of sessions; behind a proxy it is what that proxy says.
async fn client_address(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(ClientAddr(peer.ip()));
    request
}

#[derive(Serialize)]
struct Me {
    id: UserId,
    email: String,
    name: Option<String>,
}

/// The account is read, so that whoever was signed out gets 401 at once.
async fn me(State(db): State<DatabaseConnection>, User(user): User) -> Result<Json<Me>, Problem> {
    let name = store::name(&db, user.id).await?;
    Ok(Json(Me { id: user.id, email: user.email, name }))
}

async fn list(
    State(db): State<DatabaseConnection>,
    CurrentUser(caller): CurrentUser,
) -> Result<Json<Vec<Todo>>, Problem> {
    Ok(Json(store::todos(&db, caller.user_id()).await?))
}

#[derive(Deserialize)]
struct NewTodo {
    text: String,
}

async fn add(
    State(db): State<DatabaseConnection>,
    CurrentUser(caller): CurrentUser,
    Json(new): Json<NewTodo>,
) -> Result<StatusCode, Problem> {
    let added = store::add(&db, caller.user_id(), &new.text).await;
    added.map(|()| StatusCode::CREATED).map_err(gone)
}

/// The token outlives the account by some minutes, and then there is nobody for the row to belong to.
fn gone(error: DbErr) -> Problem {
    match error.sql_err() {
        Some(sea_orm::SqlErr::ForeignKeyConstraintViolation(_)) => Problem::unauthenticated(),
        _ => error.into(),
    }
}

async fn done(
    State(db): State<DatabaseConnection>,
    CurrentUser(caller): CurrentUser,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    let is_theirs = store::done(&db, caller.user_id(), id).await?;
    is_theirs.then_some(StatusCode::NO_CONTENT).ok_or_else(Problem::not_found)
}

async fn people(State(db): State<DatabaseConnection>) -> Result<Json<Vec<(String, i64)>>, Problem> {
    Ok(Json(store::people(&db).await?))
}

/// What a handler answers that may set cookies.
pub(crate) type Answer = Response<axum::body::Body>;
