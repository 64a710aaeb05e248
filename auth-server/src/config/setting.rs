//! What a row of the table of settings is made of. A row leads to one field of [`Config`], which holds the default until a text
//! is taken, so that nothing has to be said twice: what is parsed, shown and told as the default is that field.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{Config, Reader};
use crate::error::SettingError;

/// One setting.
pub(crate) struct Setting {
    /// The name in the environment and in `.env`; the flag is the same in lower case with hyphens.
    pub(crate) name: &'static str,
    /// Where it says `[default]`, the default is shown.
    pub(super) help: &'static str,
    /// Whether the value is never shown, must not be empty, and may be given by file as `<NAME>_FILE`.
    pub(crate) secret: bool,
    /// What the libraries call it where they refuse a value.
    libraries: &'static [&'static str],
    /// Whether a running server takes a change over.
    pub(crate) reloads: bool,
    /// Whether others have to be known first that come after it in the table.
    pub(super) late: bool,
    prepare: fn(&mut Config),
    default_origin: fn(&Config) -> &'static str,
    value: Value,
}

/// Where a setting is kept.
type Field<T> = fn(&mut Config) -> &mut T;

type Take = Box<dyn Fn(&mut Config, &str) -> Result<(), String> + Send + Sync>;
type Show = Box<dyn Fn(&mut Config) -> String + Send + Sync>;

/// How a setting is taken from text, and shown. An error says what would be right, as in "is no number".
pub(super) struct Value {
    take: Take,
    show: Show,
}

impl Setting {
    pub(super) fn new(name: &'static str, help: &'static str, value: Value) -> Self {
        Self {
            name,
            help,
            secret: false,
            libraries: &[],
            reloads: false,
            late: false,
            prepare: |_| {},
            default_origin: |_| "default",
            value,
        }
    }

    pub(super) fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Errors of the libraries about these are told as errors of this setting.
    pub(super) fn renames(mut self, libraries: &'static [&'static str]) -> Self {
        self.libraries = libraries;
        self
    }

    pub(super) fn reloads(mut self) -> Self {
        self.reloads = true;
        self
    }

    pub(super) fn late(mut self) -> Self {
        self.late = true;
        self
    }

    /// Fills in a default that hangs on other settings, which were read before.
    pub(super) fn default_from(mut self, prepare: fn(&mut Config)) -> Self {
        self.prepare = prepare;
        self
    }

    pub(super) fn default_origin(mut self, origin: fn(&Config) -> &'static str) -> Self {
        self.default_origin = origin;
        self
    }

    /// What `--help` says.
    pub(crate) fn help(&self) -> String {
        self.help.replace("[default]", &format!("[default: {}]", self.show(&mut Config::default())))
    }

    pub(super) fn show(&self, config: &mut Config) -> String {
        (self.value.show)(config)
    }

    /// Takes the value into its field, or leaves the default there; tells where it came from, if it was given.
    pub(super) fn read(
        &self,
        reader: &mut Reader,
        config: &mut Config,
    ) -> Result<Option<String>, SettingError> {
        (self.prepare)(config);
        let given = if self.secret { reader.secret(self.name)? } else { reader.plain(self.name)? };
        let Some((text, origin)) = given else { return Ok(None) };
        let taken = (self.value.take)(config, &text);
        taken.map_err(|problem| SettingError::new(self.name, problem).from(&origin))?;
        Ok(Some(origin))
    }

    pub(super) fn origin(&self, given: Option<String>, config: &Config) -> String {
        given.unwrap_or_else(|| (self.default_origin)(config).to_owned())
    }

    pub(super) fn is_called(&self, library: &str) -> bool {
        self.libraries.contains(&library)
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Setting").field(&self.name).finish()
    }
}

impl Value {
    /// Shows it in another way than the field alone would be.
    pub(super) fn shown(mut self, show: fn(&Config) -> String) -> Self {
        self.show = Box::new(move |config| show(config));
        self
    }
}

/// Whatever text can be parsed to.
pub(super) fn parsed<T: 'static>(
    field: Field<T>,
    parse: fn(&str) -> Result<T, String>,
    show: fn(&T) -> String,
) -> Value {
    with_others(field, move |_, text| parse(text), show)
}

/// The same, where what is right hangs on other settings.
pub(super) fn with_others<T: 'static>(
    field: Field<T>,
    parse: impl Fn(&Config, &str) -> Result<T, String> + Send + Sync + 'static,
    show: fn(&T) -> String,
) -> Value {
    Value {
        take: Box::new(move |config, text| {
            *field(config) = parse(config, text)?;
            Ok(())
        }),
        show: Box::new(move |config| show(field(config))),
    }
}

/// As [`parsed`], and shown as nothing where nothing was given.
pub(super) fn optional<T: 'static>(
    field: Field<Option<T>>,
    parse: fn(&str) -> Result<T, String>,
    show: fn(&T) -> String,
) -> Value {
    Value {
        take: Box::new(move |config, text| {
            *field(config) = Some(parse(text)?);
            Ok(())
        }),
        show: Box::new(move |config| field(config).as_ref().map_or_else(String::new, show)),
    }
}

/// Text as it is.
pub(super) fn text(field: Field<String>) -> Value {
    parsed(field, |text| Ok(text.to_owned()), String::clone)
}

/// One of a few words, in upper or lower case. A value that has several is shown by its first.
pub(super) fn choice<T: Copy + PartialEq + Send + Sync + 'static>(
    field: Field<T>,
    words: &'static [(&'static str, T)],
    problem: &'static str,
) -> Value {
    Value {
        take: Box::new(move |config, text| {
            let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
            *field(config) = found.ok_or(problem)?.1;
            Ok(())
        }),
        show: Box::new(move |config| {
            let value = *field(config);
            words
                .iter()
                .find(|(_, other)| *other == value)
                .map_or_else(String::new, |(word, _)| (*word).to_owned())
        }),
    }
}

/// A whole number.
pub(super) fn number<T>(field: Field<T>, range: RangeInclusive<T>) -> Value
where
    T: Copy + PartialOrd + ToString + FromStr + Send + Sync + 'static,
{
    number_within(field, move |_| range.clone())
}

/// A whole number between what other settings allow.
pub(super) fn number_within<T>(
    field: Field<T>,
    range: impl Fn(&Config) -> RangeInclusive<T> + Send + Sync + 'static,
) -> Value
where
    T: Copy + PartialOrd + ToString + FromStr + 'static,
{
    Value {
        take: Box::new(move |config, text| {
            let range = range(config);
            *field(config) = whole(text, &range, &*field(config))?;
            Ok(())
        }),
        show: Box::new(move |config| field(config).to_string()),
    }
}

/// A whole number of some unit of time.
pub(super) fn time(field: Field<Duration>, unit: Duration, range: RangeInclusive<u32>) -> Value {
    Value {
        take: Box::new(move |config, text| {
            let default = in_units(*field(config), unit);
            *field(config) = unit.saturating_mul(whole(text, &range, &default)?);
            Ok(())
        }),
        show: Box::new(move |config| in_units(*field(config), unit).to_string()),
    }
}

/// The same, of which 0 is as good as none.
pub(super) fn time_or_none(field: Field<Option<Duration>>, unit: Duration, most: u32) -> Value {
    let count = move |time: Option<Duration>| in_units(time.unwrap_or_default(), unit);
    Value {
        take: Box::new(move |config, text| {
            let time = unit.saturating_mul(whole(text, &(0..=most), &count(*field(config)))?);
            *field(config) = Some(time).filter(|time| !time.is_zero());
            Ok(())
        }),
        show: Box::new(move |config| count(*field(config)).to_string()),
    }
}

fn in_units(time: Duration, unit: Duration) -> u32 {
    u32::try_from(time.as_millis() / unit.as_millis().max(1)).unwrap_or(u32::MAX)
}

fn whole<T>(text: &str, range: &RangeInclusive<T>, default: &T) -> Result<T, String>
where
    T: PartialOrd + ToString + FromStr,
{
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        format!(
            "is not a whole number from {} to {}; the default is {}",
            range.start().to_string(),
            range.end().to_string(),
            default.to_string()
        )
    })
}
