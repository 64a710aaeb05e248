//! What is asked for in a ceremony, and which hosts may have it.

use super::{Facts, sha256};
use crate::config::{host_of, is_within};

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

impl RelyingParty {
    pub(crate) fn new(id: &str, origins: &[String]) -> Self {
        Self { id: id.to_owned(), id_hash: sha256(id.as_bytes()), origins: origins.to_vec() }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Those that are no part of the site: a browser asks for their list at `/.well-known/webauthn`.
    pub(crate) fn related_origins(&self) -> impl Iterator<Item = &str> {
        let is_related = |origin: &&String| host_of(origin).is_some_and(|host| !is_within(host, &self.id));
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

#[cfg(test)]
mod tests {
    use super::*;

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
