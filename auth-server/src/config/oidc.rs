//! Identity providers: `OAUTH_<NAME>_CLIENT_ID` and what goes with it, in the environment or `.env`. Any number of them, so
//! they are in no table and are no flags.

use std::{borrow::Cow, collections::BTreeSet};

use auth_core::{
    Finding,
    oidc::{Provider, TrustEmail},
};
use zeroize::Zeroizing;

use super::{Config, Reader, reader::read_secret, settings};
use crate::error::SettingError;

/// What every such setting begins with.
pub(crate) const PREFIX: &str = "OAUTH_";

/// What there is to say of a provider. The longer names first where one ends like another.
pub(super) const FIELDS: [&str; 13] = [
    "_CLIENT_SECRET_FILE",
    "_CLIENT_SECRET",
    "_CLIENT_ID",
    "_ISSUER",
    "_SCOPES",
    "_HOSTS",
    "_CA_FILE",
    "_BASE_URL",
    "_API_URL",
    "_AUDIENCES",
    "_TRUST_EMAIL",
    "_TRUST_AMR",
    "_DOMAINS",
];

/// Which providers there are, and where browsers go afterwards.
#[derive(Debug)]
pub(crate) struct OidcConfig {
    pub(crate) providers: Vec<Provider>,
    pub(crate) default_redirect: String,
    pub(crate) known_identities_only: bool,
}

impl Default for OidcConfig {
    fn default() -> Self {
        Self { providers: Vec::new(), default_redirect: "/".to_owned(), known_identities_only: false }
    }
}

pub(super) fn read_oidc(reader: &mut Reader, config: &mut Config) -> Result<(), SettingError> {
    let mut names = BTreeSet::new();
    for setting in reader.names_with(PREFIX) {
        if settings::setting(&setting).is_some() {
            continue;
        }
        let rest = setting.strip_prefix(PREFIX).unwrap_or_default();
        match FIELDS.iter().find_map(|field| rest.strip_suffix(field)) {
            Some(name) if !name.is_empty() => drop(names.insert(name.to_owned())),
            _ => config.warnings.push(Finding::warning(
                "setting_unknown",
                format!("{setting} is no setting"),
                format!("let it end with one of {}, as those of a provider do", FIELDS.join(", ")),
            )),
        }
    }
    for name in &names {
        config.oidc.providers.push(read_provider(reader, name)?);
    }
    Ok(())
}

fn read_provider(reader: &mut Reader, name: &str) -> Result<Provider, SettingError> {
    let named = |field: &str| format!("{PREFIX}{name}_{field}");
    let text = |reader: &mut Reader, field: &str| {
        let parse = |text: &str| Ok(Some(text.to_owned()));
        let show = |text: &Option<String>| text.clone().unwrap_or_default();
        if !reader.is_given(&named(field))? {
            return Ok(None);
        }
        reader.setting(Cow::Owned(named(field)), None, parse, show)
    };
    let missing =
        |field: &str, what: &str| SettingError::new(named(field), format!("is needed with it: {what}"));
    let id = text(reader, "CLIENT_ID")?;
    let id = id.ok_or_else(|| missing("CLIENT_ID", "what the provider calls this service"))?;
    let (secret, origin) = reader.secret(&named("CLIENT_SECRET"))?.ok_or_else(|| {
        missing("CLIENT_SECRET", "what the provider gave for that id; or _FILE with a file of it")
    })?;
    reader.show(Cow::Owned(named("CLIENT_SECRET")), "(hidden)", origin);
    let secret: &str = secret.trim();
    let mut provider = match (text(reader, "ISSUER")?, name) {
        (Some(issuer), _) => Provider::oidc(name.to_ascii_lowercase(), issuer, id, secret),
        (None, "GOOGLE") => Provider::google(id, secret),
        (None, "GITHUB") => {
            let github = Provider::github(id, secret);
            match (text(reader, "BASE_URL")?, text(reader, "API_URL")?) {
                (Some(base), Some(api)) => github.github_at(base, api),
                (None, None) => github,
                (Some(_), None) => return Err(missing("API_URL", "as https://github.example.com/api/v3")),
                (None, Some(_)) => return Err(missing("BASE_URL", "as https://github.example.com")),
            }
        }
        (None, _) => return Err(missing("ISSUER", "the issuer to the letter, as https://id.example.com")),
    };
    let separated = |text: Option<String>| {
        let items = text.unwrap_or_default();
        items.split([',', ' ']).filter(|item| !item.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    for scope in separated(text(reader, "SCOPES")?) {
        provider = provider.scope(scope);
    }
    for host in separated(text(reader, "HOSTS")?) {
        provider = provider.host(host);
    }
    for audience in separated(text(reader, "AUDIENCES")?) {
        provider = provider.audience(audience);
    }
    let domains = separated(text(reader, "DOMAINS")?);
    if let Some(trust) = text(reader, "TRUST_EMAIL")? {
        provider = provider.trust_email(match trust.as_str() {
            "verified" => TrustEmail::Verified,
            "always" if domains.is_empty() => {
                return Err(missing("DOMAINS", "the domains whose addresses you vouch for, as example.com"));
            }
            "always" => TrustEmail::Always,
            "never" => TrustEmail::Never,
            _ => {
                return Err(SettingError::new(named("TRUST_EMAIL"), "is none of verified, always, never"));
            }
        });
    }
    match text(reader, "TRUST_AMR")?.as_deref() {
        None | Some("false") => {}
        Some("true") => provider = provider.trust_amr(),
        Some(_) => return Err(SettingError::new(named("TRUST_AMR"), "is neither true nor false")),
    }
    for domain in domains {
        provider = provider.domain(domain);
    }
    if let Some(file) = text(reader, "CA_FILE")? {
        let pem: Zeroizing<String> =
            read_secret(&file).map_err(|problem| SettingError::new(named("CA_FILE"), problem))?;
        provider = provider.root_certificate(pem.as_bytes());
    }
    Ok(provider)
}
