//! What an account tells beside its address: what may stand there, and how a change is put in.

mod locale;
mod merge;
mod username;

use std::fmt;

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use self::merge::merged;
pub(crate) use self::username::Username;
use crate::{FieldError, Profile, ProfileConfig};

/// Longer than any name, in characters.
const NAME_MAX: usize = 200;
/// Of an object in JSON.
const DATA_MAX_BYTES: usize = 8 * 1024;

/// An object of JSON.
pub(crate) type Object = Map<String, Value>;

impl Profile {
    /// As it is stored, if it can be: of a row that moves in.
    pub(crate) fn validate(self) -> Result<Self, FieldError> {
        let change = ProfileChange {
            name: Some(self.name),
            username: Some(self.username),
            locale: Some(self.locale),
            data: Some(Value::Object(self.data)),
            app_data: Some(Value::Object(self.app_data)),
        };
        let everything = ProfileConfig { enabled: true, usernames: true };
        let first = |errors: Vec<FieldError>| errors.into_iter().next();
        let sound = change.validate(everything).map_err(|errors| {
            first(errors).unwrap_or_else(|| FieldError::new("profile", "invalid", "the profile is none"))
        })?;
        sound.apply(Self::default())
    }
}

/// What is to be different about a profile, as a JSON merge patch (RFC 7396) has it: what is left out stays, `None` and null take
/// away.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileChange {
    /// [`Profile::name`].
    pub name: Option<Option<String>>,
    /// [`Profile::username`]; needs [`ProfileConfig::usernames`].
    pub username: Option<Option<String>>,
    /// [`Profile::locale`].
    pub locale: Option<Option<String>>,
    /// Is merged into [`Profile::data`]: an object, or null for none of it.
    pub data: Option<Value>,
    /// The same of [`Profile::app_data`]: not for the person to write.
    pub app_data: Option<Value>,
}

impl ProfileChange {
    /// Sets the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(Some(name.into()));
        self
    }

    /// Sets the user name.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(Some(username.into()));
        self
    }

    /// Sets the language.
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(Some(locale.into()));
        self
    }

    /// Merges into what the person keeps here.
    pub fn data(mut self, patch: impl Into<Value>) -> Self {
        self.data = Some(patch.into());
        self
    }

    /// Merges into what administrators and services keep here.
    pub fn app_data(mut self, patch: impl Into<Value>) -> Self {
        self.app_data = Some(patch.into());
        self
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// # Errors
    /// All fields that cannot be taken.
    pub(crate) fn validate(self, config: ProfileConfig) -> Result<SoundChange, Vec<FieldError>> {
        if !config.enabled && !self.is_empty() {
            return Err(vec![FieldError::new("profile", "switched_off", "there are no profiles here")]);
        }
        let mut errors = Vec::new();
        if self.username.is_some() && !config.usernames {
            errors.push(FieldError::new("username", "switched_off", "there are no user names here"));
        }
        let name = checked(self.name, |text| name(&text), &mut errors);
        let username = checked(self.username, |text| Username::parse(&text), &mut errors);
        let locale = checked(self.locale, |text| locale::parse(&text), &mut errors);
        for (field, patch) in [("data", &self.data), ("app_data", &self.app_data)] {
            if !matches!(patch, None | Some(Value::Null | Value::Object(_))) {
                errors.push(FieldError::new(
                    field,
                    "not_an_object",
                    format!("{field} must be a JSON object"),
                ));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(SoundChange { name, username, locale, data: self.data, app_data: self.app_data })
    }
}

/// Tells which members, and not what they say.
impl fmt::Debug for ProfileChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileChange")
            .field("name", &self.name.is_some())
            .field("username", &self.username.is_some())
            .field("locale", &self.locale.is_some())
            .field("data", &self.data.is_some())
            .field("app_data", &self.app_data.is_some())
            .finish()
    }
}

/// A change whose parts are sound by themselves.
#[expect(clippy::option_option, reason = "left out, taken away, set")]
#[derive(Clone, Default)]
pub(crate) struct SoundChange {
    name: Option<Option<String>>,
    username: Option<Option<Username>>,
    locale: Option<Option<String>>,
    data: Option<Value>,
    app_data: Option<Value>,
}

impl SoundChange {
    /// # Errors
    /// What would be larger than may be kept.
    pub(crate) fn apply(&self, mut profile: Profile) -> Result<Profile, FieldError> {
        if let Some(name) = &self.name {
            profile.name.clone_from(name);
        }
        if let Some(username) = &self.username {
            profile.username = username.as_ref().map(|name| name.typed().to_owned());
        }
        if let Some(locale) = &self.locale {
            profile.locale.clone_from(locale);
        }
        profile.data = merged_within("data", profile.data, self.data.as_ref())?;
        profile.app_data = merged_within("app_data", profile.app_data, self.app_data.as_ref())?;
        Ok(profile)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members().is_empty()
    }

    /// The user name that it sets.
    pub(crate) fn username(&self) -> Option<&Username> {
        self.username.as_ref()?.as_ref()
    }

    /// The names of the members, with spaces between them.
    pub(crate) fn members(&self) -> String {
        let all = [
            ("name", self.name.is_some()),
            ("username", self.username.is_some()),
            ("locale", self.locale.is_some()),
            ("data", self.data.is_some()),
            ("app_data", self.app_data.is_some()),
        ];
        let named: Vec<_> = all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect();
        named.join(" ")
    }
}

/// In lower case and one form, to look for how it begins.
pub(crate) fn folded(text: &str) -> String {
    // The final sigma is the same letter, as in an address.
    let lower: String =
        text.nfc().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect();
    lower.nfc().collect()
}

#[expect(clippy::option_option, reason = "left out, taken away, set")]
fn checked<T>(
    given: Option<Option<String>>,
    parse: impl FnOnce(String) -> Result<T, FieldError>,
    errors: &mut Vec<FieldError>,
) -> Option<Option<T>> {
    match given?.map(parse).transpose() {
        Ok(sound) => Some(sound),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

fn name(text: &str) -> Result<String, FieldError> {
    let name: String = text.trim().nfc().collect();
    let refused = |rule: &str| Err(FieldError::new("name", "invalid_name", format!("the name {rule}")));
    match name.chars().count() {
        0 => refused("is empty"),
        1..=NAME_MAX if !name.chars().any(turns_the_line) => Ok(name),
        1..=NAME_MAX => refused("has a control character"),
        _ => refused("is longer than 200 characters"),
    }
}

/// Controls, and marks by which what stands after the name is read in another direction.
fn turns_the_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn merged_within(field: &'static str, object: Object, patch: Option<&Value>) -> Result<Object, FieldError> {
    let object = match patch {
        None => return Ok(object),
        Some(Value::Object(patch)) => merged(object, patch),
        Some(_) => Object::new(),
    };
    let bytes = serde_json::to_vec(&object).map_or(usize::MAX, |json| json.len());
    if bytes > DATA_MAX_BYTES {
        return Err(FieldError::new(
            field,
            "too_long",
            format!("{field} would be longer than 8 KiB of JSON"),
        ));
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: ProfileConfig = ProfileConfig { enabled: true, usernames: true };

    fn codes(change: ProfileChange, config: ProfileConfig) -> Vec<(String, String)> {
        let errors = change.validate(config).err().unwrap_or_default();
        errors.into_iter().map(|error| (error.field.to_string(), error.code.to_string())).collect()
    }

    #[test]
    fn a_name_is_a_line_of_at_most_two_hundred_characters() {
        for (text, stored) in [("Ada", "Ada"), ("  Ada\u{a0}", "Ada"), ("Jose\u{301}", "José"), ("王", "王")]
        {
            let sound = ProfileChange::default().name(text).validate(ALL).ok().unwrap();
            assert_eq!(sound.apply(Profile::default()).unwrap().name.as_deref(), Some(stored));
        }
        let long = "é".repeat(200);
        assert!(codes(ProfileChange::default().name(&*long), ALL).is_empty());
        for text in ["", "  ", "a\nb", "a\0b", "a\u{202e}b", "a\u{2067}b", "a\u{2028}b", &"é".repeat(201)] {
            assert_eq!(
                codes(ProfileChange::default().name(text), ALL),
                [("name".into(), "invalid_name".into())]
            );
        }
    }

    #[test]
    fn each_field_that_is_wrong_is_named() {
        let all = ProfileChange::default().name("").username("a").locale("?").data(5).app_data(json!([]));
        let fields: Vec<_> = codes(all, ALL).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["name", "username", "locale", "data", "app_data"]);
    }

    #[test]
    fn what_is_switched_off_is_refused() {
        let off = ProfileConfig { enabled: false, usernames: false };
        assert_eq!(codes(ProfileChange::default().name("Ada"), off)[0].1, "switched_off");
        assert!(codes(ProfileChange::default(), off).is_empty());
        let named = ProfileConfig { enabled: true, usernames: false };
        assert_eq!(codes(ProfileChange::default().username("ada"), named)[0].1, "switched_off");
        let taken_away = ProfileChange { username: Some(None), ..ProfileChange::default() };
        assert_eq!(codes(taken_away, named)[0].1, "switched_off");
    }

    #[test]
    fn no_more_than_eight_kibibytes_are_kept_whatever_the_steps() {
        let half = |name: &str| {
            let patch = json!({ name: "x".repeat(4 * 1024) });
            ProfileChange::default().data(patch).validate(ALL).ok().unwrap()
        };
        let first = half("a").apply(Profile::default()).unwrap();
        let error = half("b").apply(first.clone()).unwrap_err();
        assert_eq!((error.field, error.code), ("data", "too_long"));
        assert!(half("a").apply(first).is_ok());
    }

    #[test]
    fn no_debug_tells_what_is_written() {
        let change = ProfileChange::default().name("canary").username("canary").data(json!({"canary": 1}));
        let profile = change.clone().validate(ALL).ok().unwrap().apply(Profile::default()).unwrap();
        assert!(!format!("{change:?} {profile:?}").contains("canary"));
    }
}
