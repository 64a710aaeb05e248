//! What a mail has in its link, behind the `#`, and as a text: the script puts it into a field, and whoever runs none does so by hand.

use auth_core::OneTimeToken;

use super::{
    ask::{Ask, Refused},
    view::{Frame, Input},
};

const NAME: &str = "token";

impl Ask {
    /// The token that was sent; the whole link will do.
    pub(super) fn token(&self) -> Result<OneTimeToken, Refused> {
        let typed = self.field(NAME);
        let token = typed.rsplit("token=").next().unwrap_or_default().trim();
        if token.is_empty() {
            Err(Self::wrong(NAME, self.texts().link_missing))
        } else {
            Ok(OneTimeToken::new(token))
        }
    }

    /// Its field.
    pub(super) fn token_field(&self, frame: &Frame) -> Input {
        let texts = self.texts();
        let field = Input::text(NAME, texts.link_code, "off").hint(texts.link_code_hint.to_owned());
        field.value(self.field(NAME)).of_link().first(frame).of(frame)
    }
}

impl Refused {
    /// What a page calls another name than the rule does.
    pub(super) fn called(mut self, by_rule: &str, here: &'static str) -> Self {
        for wrong in self.errors.iter_mut().filter(|wrong| wrong.field == Some(by_rule)) {
            wrong.field = Some(here);
        }
        self
    }

    /// Of a page that has these fields: what is wrong with another is said of none.
    pub(super) fn of_fields(mut self, fields: &[&str]) -> Self {
        for wrong in &mut self.errors {
            wrong.field = wrong.field.filter(|field| fields.contains(field));
        }
        self
    }
}
