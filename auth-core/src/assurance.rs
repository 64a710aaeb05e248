//! How surely it is known who somebody is.

/// The level of a sign-in: claim `acr` of access tokens, after the authentication assurance levels of NIST SP 800-63B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Assurance {
    /// One factor: a password, or a sign-in at a provider.
    #[default]
    Aal1,
    /// Two factors.
    Aal2,
}

/// In `amr` (RFC 8176): there were several factors.
pub(crate) const MFA: &str = "mfa";

impl Assurance {
    /// As it stands in tokens and in RFC 9470's `acr_values`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
        }
    }

    /// The level of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Aal1, Self::Aal2].into_iter().find(|level| level.name() == name)
    }

    /// What a session has reached, by the `amr` values of its row.
    pub(crate) fn of_methods(methods: &str) -> Self {
        if methods.split(' ').any(|method| method == MFA) { Self::Aal2 } else { Self::Aal1 }
    }
}

/// A passkey with user verification, which is two factors: something held, and who holds it.
pub(crate) const PASSKEY: &str = "pop user";

/// The methods with more of them, each once and `mfa` at the end.
pub(crate) fn with_second(methods: &str, second: &str) -> String {
    let mut all: Vec<&str> = methods.split_whitespace().filter(|method| *method != MFA).collect();
    for method in second.split(' ') {
        if !all.contains(&method) {
            all.push(method);
        }
    }
    all.push(MFA);
    all.join(" ")
}

/// After a first factor was shown once more: what it alone proves.
pub(crate) fn with_first(methods: &str, first: &str) -> String {
    let lasting = |method: &&str| ![MFA, "otp", "rc", "pop", "user", first].contains(method);
    let mut all: Vec<&str> = methods.split_whitespace().filter(lasting).collect();
    all.push(first);
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_factor_raises_a_session_and_a_first_one_shown_again_does_not() {
        assert_eq!(with_second("pwd", "otp"), "pwd otp mfa");
        assert_eq!(with_second("pwd otp mfa", "rc"), "pwd otp rc mfa");
        assert_eq!(with_second("pwd otp mfa", "otp"), "pwd otp mfa");
        assert_eq!(with_second("pwd", PASSKEY), "pwd pop user mfa");
        assert_eq!(with_second("", PASSKEY), "pop user mfa");
        assert_eq!(with_first("fed otp mfa", "pwd"), "fed pwd");
        assert_eq!(with_first("pop user mfa", "pwd"), "pwd");
        assert_eq!(with_first("pwd", "pwd"), "pwd");
        assert_eq!(Assurance::of_methods("pwd otp mfa"), Assurance::Aal2);
        assert_eq!(Assurance::of_methods("pwd"), Assurance::Aal1);
        assert_eq!(Assurance::named("aal2"), Some(Assurance::Aal2));
        assert_eq!(Assurance::named("AAL2"), None);
    }
}
