//! What pages are put together from: the frame around each, and the fields of their forms.

use std::{fmt, sync::Arc};

use askama::{Template, filters::HtmlSafe};

use super::{
    files::{File, Files},
    language::{Language, Languages},
    redirect::Target,
    texts::Texts,
};

/// Around every page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) language: &'static Language,
    pub(super) languages: Languages,
    pub(super) files: Arc<Files>,
    /// What the service is called.
    pub(super) service: Arc<str>,
    /// Where the pages are mounted, without a slash at the end.
    pub(super) base: Arc<str>,
    pub(super) title: &'static str,
    /// The address of this page, for the menu of languages to come back to.
    pub(super) here: String,
    pub(super) signed_in: bool,
    /// Whether the pages for administrators are shown the way to.
    pub(super) administers: bool,
    /// What has been done, if something has.
    pub(super) told: Option<&'static str>,
    pub(super) errors: Vec<Wrong>,
}

/// Something to correct.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    /// The name of its field, where it is about one.
    pub(super) field: Option<&'static str>,
    pub(super) text: String,
}

impl Frame {
    pub(super) fn texts(&self) -> &'static Texts {
        self.language.texts
    }

    pub(super) fn languages(&self) -> &'static [Language] {
        self.languages.0
    }

    pub(super) fn home(&self) -> &str {
        home(&self.base)
    }

    pub(super) fn style(&self) -> String {
        self.file(&self.files.style)
    }

    pub(super) fn script(&self) -> String {
        self.file(&self.files.script)
    }

    pub(super) fn picture(&self) -> String {
        self.file(&self.files.picture)
    }

    fn file(&self, file: &File) -> String {
        format!("{}{}", self.base, file.address())
    }

    /// What is wrong with a field.
    pub(super) fn wrong(&self, field: &str) -> Option<&str> {
        let mut errors = self.errors.iter();
        Some(&errors.find(|error| error.field == Some(field))?.text)
    }
}

/// The address of the account.
pub(super) fn home(base: &str) -> &str {
    if base.is_empty() { "/" } else { base }
}

/// A field with its label, its hint and what is wrong with it.
#[derive(Debug, Template)]
#[template(path = "field.html", config = "src/pages/templates.toml")]
pub(super) struct Input {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    value: String,
    hint: Option<String>,
    error: Option<String>,
    inputmode: Option<&'static str>,
    /// What is said of a field that may be left empty.
    optional: Option<&'static str>,
    takes_focus: bool,
    /// Whether the script puts in what is behind the `#` of the address.
    is_of_link: bool,
    /// What the button of the script says that shows what was typed, and what it says then.
    shows: Option<(&'static str, &'static str)>,
}

/// It escapes what it is made of.
impl HtmlSafe for Input {}

impl Input {
    /// A text, of the kind that browsers and password managers know by this token (HTML, autofill).
    pub(super) fn text(name: &'static str, label: &'static str, autocomplete: &'static str) -> Self {
        Self {
            name,
            label,
            kind: "text",
            autocomplete,
            value: String::new(),
            hint: None,
            error: None,
            inputmode: None,
            optional: None,
            takes_focus: false,
            is_of_link: false,
            shows: None,
        }
    }

    pub(super) fn email(label: &'static str, autocomplete: &'static str) -> Self {
        // Not of the type `email`: browsers refuse addresses that there are.
        Self { inputmode: Some("email"), ..Self::text("email", label, autocomplete) }
    }

    /// A password, which no page ever has as a value.
    pub(super) fn password(texts: &Texts, autocomplete: &'static str) -> Self {
        Self::secret("password", texts.password, texts, autocomplete)
    }

    /// The same by another name.
    pub(super) fn secret(
        name: &'static str,
        label: &'static str,
        texts: &Texts,
        autocomplete: &'static str,
    ) -> Self {
        let shows = Some((texts.show_password, texts.hide_password));
        Self { kind: "password", shows, ..Self::text(name, label, autocomplete) }
    }

    pub(super) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    pub(super) fn hint(self, hint: String) -> Self {
        Self { hint: Some(hint), ..self }
    }

    pub(super) fn inputmode(self, inputmode: &'static str) -> Self {
        Self { inputmode: Some(inputmode), ..self }
    }

    pub(super) fn optional(self, texts: &Texts) -> Self {
        Self { optional: Some(texts.optional), ..self }
    }

    /// For the token of a link in a mail.
    pub(super) fn of_link(self) -> Self {
        Self { is_of_link: true, ..self }
    }

    /// The first field of a page, unless something is wrong: then the list of that takes the focus.
    pub(super) fn first(self, frame: &Frame) -> Self {
        Self { takes_focus: frame.errors.is_empty(), ..self }
    }

    /// With what the frame knows to be wrong with it.
    pub(super) fn of(self, frame: &Frame) -> Self {
        let error = frame.wrong(self.name).map(str::to_owned);
        Self { error, ..self }
    }

    fn described_by(&self) -> String {
        let parts = [(self.hint.is_some(), "hint"), (self.error.is_some(), "error")];
        let ids: Vec<_> = parts
            .iter()
            .filter(|(is_there, _)| *is_there)
            .map(|(_, part)| format!("{}-{part}", self.name))
            .collect();
        ids.join(" ")
    }
}

/// A hidden field that keeps where somebody is sent who is done.
#[derive(Debug, Template)]
#[template(path = "target.html", config = "src/pages/templates.toml")]
pub(super) struct Kept {
    place: Option<String>,
}

impl HtmlSafe for Kept {}

impl Kept {
    pub(super) fn of(target: &Target) -> Self {
        Self { place: target.field().map(str::to_owned) }
    }
}

/// Sends itself once more from this site: with the cookie that a browser keeps back from who comes from another.
#[derive(Template)]
#[template(path = "detour.html", config = "src/pages/templates.toml")]
pub(super) struct Detour {
    pub(super) frame: Frame,
    pub(super) again: String,
}

/// Something that cannot be corrected in a form.
#[derive(Template)]
#[template(path = "problem.html", config = "src/pages/templates.toml")]
pub(super) struct Failed {
    pub(super) frame: Frame,
    pub(super) text: String,
}

/// Not what people type.
impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed").finish_non_exhaustive()
    }
}
