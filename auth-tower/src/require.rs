//! The inner door: what the caller must be, once [`AuthLayer`](crate::AuthLayer) has found out who it is.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use auth_core::{Assurance, Caller, Clock, Principal, Verified, is_role_name};
use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    ConfigError,
    authenticate::Unasked,
    grpc::Refusal,
    guard::{GuardBody, GuardFuture},
    mounted,
    problem::Problem,
};

/// Refuses callers that do not meet a requirement. Belongs inside an [`AuthLayer`](crate::AuthLayer); without
/// one everybody gets 500, and an ERROR line tells of the [mistake](auth_core::manual::recipes#when-a-route-answers-500).
///
/// What it knows of the caller is what that layer found out: a role taken away is gone when the token expires, after
/// the next poll or at once, as the layer [checks](crate::AuthLayer). [`verified`](Self::verified) asks for as much.
///
/// ```
/// use std::time::Duration;
///
/// use auth_core::Auth;
/// use auth_tower::{AuthLayer, RequireLayer};
/// use axum::{Router, routing::{get, post}};
///
/// fn app(auth: &Auth) -> Result<Router, auth_tower::ConfigError> {
///     let recent = RequireLayer::recent_sign_in(Duration::from_mins(5), auth.clock());
///     Ok(Router::new()
///         .route("/drafts", get(async || "drafts").layer(RequireLayer::any_role(["editor", "admin"])?))
///         .route("/payout", post(async || "paid").layer(recent))
///         .layer(AuthLayer::required(auth.verifier()))) // outside: it finds out who is calling
/// }
/// ```
#[derive(Debug, Clone)]
pub struct RequireLayer {
    requirement: Requirement,
    least: Verified,
}

impl RequireLayer {
    /// Any signed-in user; 401 otherwise. For the routes inside an
    /// [`AuthLayer::optional`](crate::AuthLayer::optional) that are not optional.
    pub fn signed_in() -> Self {
        Self::new(Requirement::SignedIn)
    }

    /// A user with this role; 403 `forbidden` otherwise, 401 if nobody is signed in.
    ///
    /// # Errors
    /// [`ConfigError`] for a name that no role can have, as `Admin`: 1 to 64 of `[a-z0-9_-]`. Nobody would ever get in, and
    /// that is better found out at the start.
    pub fn role(role: impl Into<Arc<str>>) -> Result<Self, ConfigError> {
        Self::any_role([role])
    }

    /// A user with at least one of these roles; 403 `forbidden` otherwise, 401 if nobody is signed in.
    ///
    /// For what several roles may do see the manual's page on [roles](auth_core::manual::roles).
    ///
    /// # Errors
    /// [`ConfigError`] for a name that no role can have, and for none at all.
    pub fn any_role<R: Into<Arc<str>>>(roles: impl IntoIterator<Item = R>) -> Result<Self, ConfigError> {
        let roles: Arc<[Arc<str>]> = roles.into_iter().map(R::into).collect();
        if roles.is_empty() || !roles.iter().all(|role| is_role_name(role)) {
            let rule = "must name a role, each by 1 to 64 of a-z, 0-9, _ and -: nobody has any other";
            return Err(ConfigError::new("role", rule));
        }
        Ok(Self::new(Requirement::AnyRole(roles)))
    }

    /// A user who gave a password, or whatever proves them, at most `max_age` ago (ASVS 7.5.3): a refresh
    /// does not count. Otherwise 401 with `error="insufficient_user_authentication"` and `max_age`
    /// (RFC 9470), upon which a client asks for the password again.
    ///
    /// `clock` is best that of [`Auth::clock`](auth_core::Auth::clock).
    pub fn recent_sign_in(max_age: Duration, clock: Arc<dyn Clock>) -> Self {
        Self::new(Requirement::Proof(Proof { level: Assurance::Aal1, max_age: Some((max_age, clock)) }))
    }

    /// Whoever may do this: who is signed in, and a machine whose key is for it. Otherwise 403 `forbidden`. Inside an
    /// [`AuthLayer`](crate::AuthLayer) with [`api_keys`](crate::AuthLayer::api_keys) or
    /// [`any_caller`](crate::AuthLayer::any_caller); what the machine's owner may is for the handler to look at, by its
    /// [roles](Principal::roles).
    pub fn scope(scope: impl Into<Arc<str>>) -> Self {
        Self::new(Requirement::Machine(Asked::Scope(scope.into())))
    }

    /// A service account, by its key or the token that it got for one; 403 `forbidden` otherwise.
    pub fn service() -> Self {
        Self::new(Requirement::Machine(Asked::Service))
    }

    /// Anybody, signed in or a machine, whatever its key is for: the handler looks at [`Principal::caller`] and
    /// [`Principal::has_scope`].
    pub fn any_caller() -> Self {
        Self::new(Requirement::Machine(Asked::Any))
    }

    /// A user who has shown as much as this: [`Aal2`](Assurance::Aal2) is two factors. Otherwise 401 with
    /// `error="insufficient_user_authentication"` and `acr_values` (RFC 9470), upon which a client steps up at
    /// `POST /step-up`, or signs in again where the account has no second factor.
    pub fn assurance(level: Assurance) -> Self {
        Self::new(Requirement::Proof(Proof { level, max_age: None }))
    }

    /// And at most so long ago: after [`assurance`](Self::assurance), by the same rules as
    /// [`recent_sign_in`](Self::recent_sign_in). At `aal2` it is the second factor that has to be recent.
    pub fn max_age(self, max_age: Duration, clock: Arc<dyn Clock>) -> Self {
        let level = match self.requirement {
            Requirement::Proof(proof) => proof.level,
            // Anything else is asked for by a layer of its own.
            _ => return self,
        };
        Self {
            requirement: Requirement::Proof(Proof { level, max_age: Some((max_age, clock)) }),
            least: self.least,
        }
    }

    /// And asks that the token was verified so: [`Strict`](Verified::Strict), where nobody may go on with a role that was taken
    /// away a moment ago. What the [`AuthLayer`](crate::AuthLayer) next outside of this one does is not enough if that is a
    /// stateless one for the whole application, with the strict one further in; then everybody gets 500, and an ERROR line tells
    /// of the mistake.
    ///
    /// ```
    /// # use auth_core::Auth;
    /// use auth_core::Verified;
    /// use auth_tower::{AuthLayer, RequireLayer};
    /// # use axum::{Router, routing::get};
    ///
    /// # fn routes(auth: Auth) -> Result<Router, auth_tower::ConfigError> {
    /// let payouts = Router::new()
    ///     .route("/payouts", get(async || "for admins of this moment"))
    ///     .layer(RequireLayer::role("admin")?.verified(Verified::Strict))
    ///     .layer(AuthLayer::required(auth.verifier()).strict(auth)); // outside of it
    /// # Ok(payouts)
    /// # }
    /// ```
    pub fn verified(self, least: Verified) -> Self {
        Self { least, ..self }
    }

    fn new(requirement: Requirement) -> Self {
        Self { requirement, least: Verified::Stateless }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require { inner, layer: self.clone() }
    }
}

/// The service made by [`RequireLayer`](super::RequireLayer).
#[derive(Debug, Clone)]
pub struct Require<S> {
    inner: S,
    layer: RequireLayer,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Require<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<GuardBody<ResBody>>;
    type Error = S::Error;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match self.layer.is_met_by(request.extensions_mut()) {
            Ok(()) => GuardFuture::pass(self.inner.call(request)),
            // Without an AuthLayer nobody has said that this is gRPC, whatever the client claims.
            Err(problem) => {
                let refusal = Refusal::left_in(request.extensions()).unwrap_or(Refusal::Http);
                GuardFuture::refuse(problem, refusal)
            }
        }
    }
}

#[derive(Clone)]
enum Requirement {
    SignedIn,
    AnyRole(Arc<[Arc<str>]>),
    Proof(Proof),
    Machine(Asked),
}

/// Which machines are asked for.
#[derive(Debug, Clone)]
enum Asked {
    Scope(Arc<str>),
    Service,
    Any,
}

impl Asked {
    fn is_for(&self, caller: &Principal) -> bool {
        match self {
            Self::Scope(scope) => caller.has_scope(scope),
            Self::Service => caller.caller() == Caller::Service,
            Self::Any => true,
        }
    }
}

#[derive(Clone)]
struct Proof {
    level: Assurance,
    max_age: Option<(Duration, Arc<dyn Clock>)>,
}

impl Proof {
    fn check(&self, principal: &Principal) -> Result<(), Problem> {
        let max_age = self.max_age.as_ref().map(|(max_age, _)| *max_age);
        let is_recent = self.max_age.as_ref().is_none_or(|(max_age, clock)| {
            // A sign-in ahead of this clock was made by a server whose clock runs faster: it is recent.
            clock.now().duration_since(principal.authenticated_at()).unwrap_or_default() <= *max_age
        });
        if is_recent && principal.assurance() >= self.level {
            return Ok(());
        }
        let level = (self.level > Assurance::Aal1).then_some(self.level);
        Err(Problem::insufficient_authentication(level, max_age))
    }
}

impl RequireLayer {
    /// Closed unless the requirement is met; without a principal it never is.
    fn is_met_by(&self, extensions: &mut Extensions) -> Result<(), Problem> {
        if let Requirement::Machine(asked) = &self.requirement {
            // From here on a machine that is asked for is seen.
            let machine =
                extensions.get::<Unasked>().filter(|Unasked(machine)| asked.is_for(machine)).cloned();
            if let Some(Unasked(machine)) = machine {
                extensions.remove::<Unasked>();
                extensions.insert(machine);
            }
        }
        let principal = mounted::caller(extensions, "a RequireLayer", self.least)?;
        let principal = principal.ok_or_else(|| self.nobody(extensions))?;
        match &self.requirement {
            Requirement::Machine(asked) if asked.is_for(principal) => Ok(()),
            Requirement::Machine(_) => Err(Problem::forbidden()),
            // A guard outside has asked for machines, and this one asks for people.
            _ if principal.session_id().is_none() => Err(Problem::session_required()),
            Requirement::SignedIn => Ok(()),
            Requirement::AnyRole(roles) if roles.iter().any(|role| principal.has_role(role)) => Ok(()),
            Requirement::AnyRole(_) => Err(Problem::forbidden()),
            Requirement::Proof(proof) => proof.check(principal),
        }
    }

    /// Why nobody is seen: a machine that is not asked for, or no token.
    fn nobody(&self, extensions: &Extensions) -> Problem {
        match &self.requirement {
            Requirement::Machine(_) if extensions.get::<Unasked>().is_some() => Problem::forbidden(),
            _ => mounted::nobody(extensions),
        }
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedIn => f.write_str("SignedIn"),
            Self::AnyRole(roles) => f.debug_tuple("AnyRole").field(roles).finish(),
            Self::Machine(asked) => f.debug_tuple("Machine").field(asked).finish(),
            Self::Proof(Proof { level, max_age }) => {
                let max_age = max_age.as_ref().map(|(max_age, _)| max_age);
                f.debug_tuple("Proof").field(level).field(&max_age).finish()
            }
        }
    }
}
