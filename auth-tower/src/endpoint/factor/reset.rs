//! For who has lost everything: an administrator takes the factors away.

use crate::{
    endpoint::answer::no_content,
    openapi::Operation,
    route::{Answered, Caller, Route},
    service::{Call, Inner},
};

pub(super) const ROUTE: Route =
    Route::delete(|call| Box::pin(reset(call)), describe).open_to(Caller::Administrator).on_proof();

/// `DELETE /users/{id}/factors`: nobody does so to themselves.
async fn reset(call: Call) -> Answered {
    let user = call.id()?;
    call.service.auth.reset_factors(user, call.client).await?;
    Ok(no_content())
}

fn describe(_: &Inner) -> Operation {
    Operation::new("reset_factors", "Take all second factors of a user away")
        .describe("For who has lost them; all sessions end, and the owner is told by mail. Not one's own.")
        .answers(204, "They are gone.")
        .fails(&["not_found"])
}
