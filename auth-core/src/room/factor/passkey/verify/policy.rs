//! What is asked for in a ceremony, and which hosts may have it.

use std::net::IpAddr;

use super::{Facts, sha256};

/// Who asks: the site that a passkey is for, and where its pages may be.
#[derive(Debug)]
pub(crate) struct RelyingParty {
    id: String,
    id_hash: [u8; 32],
    origins: Vec<String>,
}

/// What is done with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ceremony {
    Create,
    Get,
}

/// Why a name cannot be an RP id. Browsers refuse both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    IpAddress,
    /// Others have sites below it too, so it is nobody's.
    PublicSuffix,
}

impl Unfit {
    pub(crate) fn of(rp_id: &str) -> Option<Self> {
        let bare = rp_id.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<IpAddr>().is_ok() {
            return Some(Self::IpAddress);
        }
        let is_local = rp_id == "localhost" || rp_id.ends_with(".localhost");
        (!is_local && psl::domain_str(rp_id).is_none()).then_some(Self::PublicSuffix)
    }
}

impl RelyingParty {
    pub(crate) fn new(id: &str, origins: &[String]) -> Self {
        Self { id: id.to_owned(), id_hash: sha256(id.as_bytes()), origins: origins.to_vec() }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Those that are no part of the site: a browser asks for their list at `/.well-known/webauthn`.
    pub(crate) fn related_origins(&self) -> impl Iterator<Item = &str> {
        let is_related = |origin: &&String| host(origin).is_some_and(|host| !is_within(host, &self.id));
        self.origins.iter().filter(is_related).map(String::as_str)
    }

    /// Whether this is what was asked for: by us, on a page of ours, of somebody who was there and has shown who they are.
    pub(crate) fn wants(&self, ceremony: Ceremony, facts: &Facts) -> bool {
        let kind = match ceremony {
            Ceremony::Create => "webauthn.create",
            Ceremony::Get => "webauthn.get",
        };
        facts.kind == kind
            && self.origins.contains(&facts.origin)
            && !facts.in_a_frame_of_others
            && facts.rp_id_hash == self.id_hash
            && facts.user_present
            && facts.user_verified
            // What may not be copied cannot have been (section 6.1.3).
            && (facts.backup_eligible || !facts.backed_up)
    }
}

/// Of an origin of the web; one of an app has none.
pub(crate) fn host(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    Some(
        rest.rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(rest, |(host, _)| host),
    )
}

pub(crate) fn is_within(host: &str, rp_id: &str) -> bool {
    host.strip_suffix(rp_id).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_and_no_public_suffix_can_be_an_rp_id() {
        for (name, unfit) in [
            ("example.org", None),
            ("login.example.co.uk", None),
            ("localhost", None),
            ("app.localhost", None),
            ("127.0.0.1", Some(Unfit::IpAddress)),
            ("[::1]", Some(Unfit::IpAddress)),
            ("org", Some(Unfit::PublicSuffix)),
            ("co.uk", Some(Unfit::PublicSuffix)),
            ("github.io", Some(Unfit::PublicSuffix)),
            ("intranet", Some(Unfit::PublicSuffix)),
        ] {
            assert_eq!(Unfit::of(name), unfit, "{name}");
        }
    }

    #[test]
    fn origins_that_are_no_part_of_the_site_are_related_ones() {
        let origins = [
            "https://example.org",
            "https://app.example.org:8443",
            "https://badexample.org",
            "https://example.com",
            "android:apk-key-hash:AAAA",
        ];
        let party = RelyingParty::new("example.org", &origins.map(str::to_owned));
        let related: Vec<_> = party.related_origins().collect();
        assert_eq!(related, ["https://badexample.org", "https://example.com"]);
    }
}
