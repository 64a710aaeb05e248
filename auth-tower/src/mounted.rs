//! What is told about a wrong mount: a door that finds no [`AuthLayer`](crate::AuthLayer) outside of itself, or one that checks
//! less than it needs. It is no fault of the client, whose token may be good: so never 401 or 403.

use auth_core::{Principal, Verified};
use http::Extensions;

use crate::{authenticate::Unasked, grpc::Refusal, problem::Problem};

/// Where the layers belong, in the words of each host.
const ORDER: &str = "in axum add the AuthLayer after it and after the routes, as a later `.layer` is further out; with \
     tower::ServiceBuilder and tonic's Server add it before";

/// Who calls, for `door`, by whose name a mistake is told. `Ok(None)`: nobody is signed in.
pub(crate) fn caller<'a>(
    extensions: &'a Extensions,
    door: &str,
    least: Verified,
) -> Result<Option<&'a Principal>, Problem> {
    if Refusal::left_in(extensions).is_none() {
        tracing::error!("{door} found no AuthLayer outside of itself, so that nobody can get in: {ORDER}");
        return Err(Problem::internal());
    }
    let Some(caller) = extensions.get::<Principal>() else { return Ok(None) };
    if caller.verified() < least {
        tracing::error!(
            "{door} asks for a token that was verified {least:?}, and the AuthLayer next outside of it verifies {:?}: add \
             `.strict(auth)` to that layer, or put this door inside of the one that has it ({ORDER})",
            caller.verified()
        );
        return Err(Problem::internal());
    }
    Ok(Some(caller))
}

/// Why nobody is seen: no token, or a machine that no guard has asked for.
pub(crate) fn nobody(extensions: &Extensions) -> Problem {
    if extensions.get::<Unasked>().is_some() {
        Problem::session_required()
    } else {
        Problem::unauthenticated()
    }
}
