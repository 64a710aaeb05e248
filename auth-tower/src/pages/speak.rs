//! `POST /language`: the menu in the footer.

use auth_core::ProfileChange;

use super::{
    ask::{Answered, Ask},
    visitor::Who,
};

/// Remembered in this browser and, of who is signed in, with the account: in the language of which the pages are then.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let target = ask.target();
    let Some(language) = ask.pages.languages.of(&ask.field("language")) else {
        return Ask::go(target.place(&ask.at("")));
    };
    language.remember(&mut ask.jar, ask.pages.service.cookies);
    if ask.auth().config().profile.enabled
        && let Who::Somebody(caller) = ask.who().await?
    {
        let change = ProfileChange::default().locale(language.tag);
        ask.auth().change_profile(&caller, change, ask.client.clone()).await?;
    }
    Ask::go(target.place(&ask.at("")))
}
