use crate::{
    endpoint::document::{events, page_of_events},
    openapi::{Operation, page_parameters},
    route::{Answered, Caller, Route},
    service::{Call, Inner},
};

pub(super) const ROUTE: Route =
    Route::get(|call| Box::pin(own_events(call)), describe).open_to(Caller::Bearer);

/// `GET /users/me/events?limit=&cursor=`: what happened to the caller's account, the latest first.
async fn own_events(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let (limit, before) = page_of_events(&call.query()?)?;
    Ok(events(&call.service.auth.own_events(&caller, before, limit).await?, limit))
}

fn describe(_: &Inner) -> Operation {
    page_parameters()
        .into_iter()
        .fold(Operation::new("events", "What happened to my account"), Operation::parameter)
        .answers_with(200, "A page, the latest first.", "EventPage")
        .fails(&["validation_failed"])
}
