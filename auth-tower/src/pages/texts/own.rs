//! Texts of a host's own: in the place of ours, or of another language.

use std::collections::{BTreeMap, BTreeSet};

use time::macros::format_description;

use super::{LANGUAGES, MASTER, Texts};
use crate::{
    ConfigError,
    pages::language::{Language, Languages},
};

/// Languages that are written from right to left.
const FROM_THE_RIGHT: &[&str] = &["ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

/// Texts of one language, in the place of those that the pages have, or beside them: each by its key.
///
/// [`of_pages`](Self::of_pages) has the keys, with their texts in English. What stands in braces is filled in, and has to be there as
/// it is there. A language that the pages do not speak needs `language_name`, by which the menu calls it; what it lacks is told in English.
///
/// ```
/// use auth_tower::PageTexts;
///
/// # fn texts() -> Result<(), auth_tower::ConfigError> {
/// let german = PageTexts::of("de")?.text("sign_in_title", "Willkommen im Teeladen")?;
/// assert!(PageTexts::of("de")?.text("throttled", "Bitte warten Sie.").is_err(), "the braces with seconds are missing");
/// # Ok(())
/// # }
/// # texts().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct PageTexts {
    language: String,
    texts: BTreeMap<&'static str, String>,
}

impl PageTexts {
    /// None yet, of a language by its first part in BCP 47: `de`.
    ///
    /// # Errors
    /// [`ConfigError`] of `texts`: it is no such tag.
    pub fn of(language: &str) -> Result<Self, ConfigError> {
        let is_tag =
            (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase());
        if !is_tag {
            return Err(ConfigError::new("texts", format!("{language:?} is no language like de")));
        }
        Ok(Self { language: language.to_owned(), texts: BTreeMap::new() })
    }

    /// With a text.
    ///
    /// # Errors
    /// [`ConfigError`] of `texts`: there is no such key, the text is empty, or it has not what the English one has in braces.
    pub fn text(mut self, key: &str, text: impl Into<String>) -> Result<Self, ConfigError> {
        self.set(key, text)?;
        Ok(self)
    }

    /// The same where there are many, of which some may not fit.
    ///
    /// # Errors
    /// As of [`text`](Self::text); then nothing has changed.
    pub fn set(&mut self, key: &str, text: impl Into<String>) -> Result<(), ConfigError> {
        let (language, text) = (&self.language, text.into());
        let refuse = |problem: String| ConfigError::new("texts", format!("{language}: {key} {problem}"));
        let ours = Self::of_pages().find(|(known, _)| *known == key);
        let (key, ours) = ours.ok_or_else(|| refuse("is the key of no text".to_owned()))?;
        if text.trim().is_empty() {
            return Err(refuse("is empty".to_owned()));
        }
        let (has, needs) = (placeholders(&text), placeholders(ours));
        if let Some(missing) = needs.difference(&has).next() {
            return Err(refuse(format!("has no {{{missing}}}")));
        }
        if let Some(surplus) = has.difference(&needs).next() {
            return Err(refuse(format!("has {{{surplus}}}, which is not filled in")));
        }
        self.texts.insert(key, text);
        Ok(())
    }

    /// Every key, with its text in English.
    pub fn of_pages() -> impl Iterator<Item = (&'static str, &'static str)> {
        MASTER.texts.all().into_iter()
    }

    /// The keys that are told in English, where the pages do not speak the language themselves.
    pub fn missing(&self) -> Vec<&'static str> {
        if LANGUAGES.iter().any(|language| language.tag == self.language) {
            return Vec::new();
        }
        Self::of_pages().map(|(key, _)| key).filter(|key| !self.texts.contains_key(key)).collect()
    }
}

/// What stands in braces.
pub(super) fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}

/// Our languages with a host's own texts.
pub(in crate::pages) fn with_own(own: &[PageTexts]) -> Result<Languages, ConfigError> {
    if own.is_empty() {
        return Ok(Languages::OURS);
    }
    let mut all = LANGUAGES.to_vec();
    for own in own {
        let at = all.iter().position(|language| language.tag == own.language);
        let known = at.map_or(MASTER, |at| all.get(at).unwrap_or(MASTER)).clone();
        if at.is_none() && !own.texts.contains_key("language_name") {
            let problem = format!("{}: language_name is missing, by which the menu calls it", own.language);
            return Err(ConfigError::new("texts", problem));
        }
        let mut texts = known.texts.clone();
        for (key, text) in &own.texts {
            texts.set(key, kept(text));
        }
        let texts: &Texts = Box::leak(Box::new(texts));
        let language = match at {
            Some(_) => Language { name: texts.language_name, texts, ..known },
            None => Language {
                tag: kept(&own.language),
                name: texts.language_name,
                direction: if FROM_THE_RIGHT.contains(&&*own.language) { "rtl" } else { "ltr" },
                time: format_description!("[year]-[month]-[day], [hour]:[minute] UTC"),
                texts,
            },
        };
        match at.and_then(|at| all.get_mut(at)) {
            Some(place) => *place = language,
            None => all.push(language),
        }
    }
    Ok(Languages(all.leak()))
}

/// For as long as the program runs, as ours are: pages are put together once.
fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, text: &str) -> String {
        PageTexts::of("de").unwrap().text(key, text).unwrap_err().problem().to_owned()
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused_with_its_key() {
        assert_eq!(refused("signin", "x"), "de: signin is the key of no text");
        assert_eq!(refused("sign_in", " "), "de: sign_in is empty");
        assert_eq!(refused("throttled", "Warten Sie."), "de: throttled has no {seconds}");
        assert_eq!(refused("sign_in", "In {days}"), "de: sign_in has {days}, which is not filled in");
        for tag in ["", "d", "DE", "de-AT", "../de", "deutsch"] {
            assert!(PageTexts::of(tag).unwrap_err().problem().ends_with("is no language like de"), "{tag}");
        }
    }

    #[test]
    fn texts_of_a_host_go_before_ours_and_the_others_stay() {
        let german = PageTexts::of("de").unwrap().text("sign_in_title", "Hereinspaziert").unwrap();
        assert!(german.missing().is_empty());
        let languages = with_own(&[german]).unwrap();
        let german = languages.of("de-AT").unwrap();
        assert_eq!((german.texts.sign_in_title, german.texts.sign_up), ("Hereinspaziert", "Konto anlegen"));
        assert_eq!(languages.of("en").unwrap().texts.sign_in_title, "Sign in");
        assert_eq!(Languages::OURS.of("de").unwrap().texts.sign_in_title, "Anmelden");
    }

    #[test]
    fn another_language_has_its_name_and_direction_and_the_rest_in_english() {
        let arabic = PageTexts::of("ar").unwrap();
        let error = with_own(std::slice::from_ref(&arabic)).unwrap_err();
        assert_eq!(error.problem(), "ar: language_name is missing, by which the menu calls it");
        let arabic = arabic.text("language_name", "العربية").unwrap();
        assert!(arabic.missing().contains(&"sign_in") && !arabic.missing().contains(&"language_name"));
        let languages = with_own(&[arabic]).unwrap();
        let arabic = languages.of("ar").unwrap();
        assert_eq!((arabic.name, arabic.direction, arabic.texts.sign_in), ("العربية", "rtl", "Sign in"));
        assert_eq!(languages.0.len(), LANGUAGES.len() + 1);
    }
}
