use std::{fmt, str::FromStr};

use serde_json::Value;

use crate::{Claims, ConfigError, Profile, RESERVED_CLAIMS};

const SETTING: &str = "tokens.claims";
/// Of a claim, in bytes.
const NAME_MAX: usize = 64;
/// The claim that holds whatever people write about themselves, so that nobody takes it for the service's word.
const OWN: &str = "profile";
const FORM: &str =
    "is to be one of profile.name, profile.username, profile.locale, profile.data.member and app.member";

/// What access tokens tell of a profile, without a hook: `profile.name,app.plan:tier`.
///
/// | source | what it is | claim |
/// | --- | --- | --- |
/// | `profile.name`, `profile.username`, `profile.locale`, `profile.data.member` | what people write about themselves | in the claim `profile`, an object |
/// | `app.member` | what administrators and services write ([`Profile::app_data`]) | a claim of its own |
///
/// A claim has the name of the last part, or the one after a colon: 1 to 64 of `[A-Za-z0-9_.:/-]`. Members of members are reached by more
/// dots. What a profile does not have is left out.
///
/// ```
/// use auth_core::TokenClaims;
///
/// let claims: TokenClaims = "profile.name, app.billing.plan:tier".parse()?;
/// assert_eq!(claims.to_string(), "profile.name,app.billing.plan:tier");
/// assert!("app.plan:roles".parse::<TokenClaims>().is_err(), "a claim that means something else");
/// # Ok::<_, auth_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenClaims(Vec<Told>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    source: Source,
    /// The rest of the way, where a source is an object.
    path: Vec<String>,
    claim: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Name,
    Username,
    Locale,
    Data,
    App,
}

impl TokenClaims {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn of(&self, profile: &Profile) -> Claims {
        let (mut claims, mut own) = (Claims::new(), Claims::new());
        for told in &self.0 {
            let Some(value) = told.value(profile) else { continue };
            let among = if told.source == Source::App { &mut claims } else { &mut own };
            among.insert(told.claim.clone(), value);
        }
        if !own.is_empty() {
            claims.insert(OWN.to_owned(), own.into());
        }
        claims
    }
}

/// As it is written for a setting: parts separated by commas.
impl FromStr for TokenClaims {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let all = parts.map(Told::read).collect::<Result<Vec<_>, _>>()?;
        for (at, told) in all.iter().enumerate() {
            let is_same = |other: &Told| {
                other.claim == told.claim && (other.source == Source::App) == (told.source == Source::App)
            };
            if all.iter().take(at).any(is_same) {
                return Err(ConfigError::new(SETTING, format!("has the claim {} twice", told.claim)));
            }
        }
        Ok(Self(all))
    }
}

/// As it is read.
impl fmt::Display for TokenClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, told) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "," })?;
            told.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Name => "profile.name",
            Source::Username => "profile.username",
            Source::Locale => "profile.locale",
            Source::Data => "profile.data",
            Source::App => "app",
        };
        f.write_str(source)?;
        self.path.iter().try_for_each(|part| write!(f, ".{part}"))?;
        let last =
            self.path.last().map_or_else(|| source.rsplit('.').next().unwrap_or_default(), String::as_str);
        if last == self.claim { Ok(()) } else { write!(f, ":{}", self.claim) }
    }
}

impl Told {
    fn read(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: String| Err(ConfigError::new(SETTING, problem));
        let (way, name) = text.split_once(':').map_or((text, None), |(way, name)| (way, Some(name)));
        let parts: Vec<&str> = way.split('.').collect();
        let (source, path) = match parts.as_slice() {
            ["profile", "name"] => (Source::Name, &[][..]),
            ["profile", "username"] => (Source::Username, &[][..]),
            ["profile", "locale"] => (Source::Locale, &[][..]),
            ["profile", "data", path @ ..] if !path.is_empty() => (Source::Data, path),
            ["app", path @ ..] if !path.is_empty() => (Source::App, path),
            _ => return wrong(format!("names {way:?}, which {FORM}")),
        };
        let claim = name.or(parts.last().copied()).unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
        if !(1..=NAME_MAX).contains(&claim.len()) || !claim.chars().all(is_name) {
            let rule = format!("which is not 1 to {NAME_MAX} of A-Z, a-z, 0-9, _, ., :, / and -");
            return wrong(format!("has a claim {claim:?}, {rule}"));
        }
        if source == Source::App && RESERVED_CLAIMS.contains(&claim) {
            return wrong(format!(
                "has the claim {claim}, which means something else; say another after a colon"
            ));
        }
        if path.iter().any(|part| part.is_empty()) {
            return wrong(format!("names {way:?}, where something is missing between two dots"));
        }
        let path = path.iter().map(|&part| part.to_owned()).collect();
        Ok(Self { source, path, claim: claim.to_owned() })
    }

    fn value(&self, profile: &Profile) -> Option<Value> {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let (first, rest) = match self.source {
            Source::Name => return text(&profile.name),
            Source::Username => return text(&profile.username),
            Source::Locale => return text(&profile.locale),
            Source::Data => (&profile.data, self.path.split_first()?),
            Source::App => (&profile.app_data, self.path.split_first()?),
        };
        let (member, rest) = rest;
        rest.iter().try_fold(first.get(member)?, |value, part| value.get(part)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(text: &str) -> String {
        let error = text.parse::<TokenClaims>().unwrap_err();
        assert_eq!(error.setting(), "tokens.claims");
        error.problem().to_owned()
    }

    fn told(claims: &str, profile: &Profile) -> Value {
        claims.parse::<TokenClaims>().unwrap().of(profile).into()
    }

    fn object(value: &Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_people_write_stays_below_profile_and_what_the_house_writes_is_a_claim() {
        let profile = Profile {
            name: Some("Ada".to_owned()),
            data: object(&json!({"tier": "gold", "size": {"shoe": 39}})),
            app_data: object(&json!({"plan": "free", "billing": {"vat": ["DE"]}})),
            ..Profile::default()
        };
        let all = "profile.name,profile.locale,profile.data.tier,profile.data.size.shoe:shoes,app.plan:tier,app.billing.vat,app.none";
        let expected = json!({
            "profile": {"name": "Ada", "tier": "gold", "shoes": 39},
            "tier": "free",
            "vat": ["DE"],
        });
        assert_eq!(told(all, &profile), expected);
        assert_eq!(told(all, &Profile::default()), json!({}));
        assert_eq!(told("app.plan.name", &profile), json!({}), "no object");
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for text in ["", "profile.name", "app.plan:tier,profile.data.a.b", "app.x:https://example.com/x"] {
            assert_eq!(text.parse::<TokenClaims>().unwrap().to_string(), text);
        }
        assert_eq!(" app.a , ,app.b:b".parse::<TokenClaims>().unwrap().to_string(), "app.a,app.b");
    }

    #[test]
    fn a_claim_that_means_something_else_or_is_no_part_of_a_profile_is_refused_and_named() {
        for name in RESERVED_CLAIMS {
            assert!(refused(&format!("app.{name}")).contains(name));
            assert!(refused(&format!("app.plan:{name}")).contains(name));
        }
        for text in
            ["email", "profile", "profile.data", "app", "profile.app_data", "data.x", "profile.name.first"]
        {
            assert!(refused(&format!("app.plan,{text}")).contains(text));
        }
        for text in ["app.", "app.plan:", "app.pl an", "app.a..b", "app.plan:\u{e9}"] {
            refused(text);
        }
        assert!(refused(&format!("app.{}", "a".repeat(65))).contains("64"));
        assert!(refused("app.tier,app.plan:tier").contains("twice"));
        // Not the same: one is the person's word.
        assert!("profile.data.tier,app.tier".parse::<TokenClaims>().is_ok());
    }
}
