//! Which secrets are good enough to sign with.

use auth_core::{Algorithm, SecretKey};

/// Keys that stand in tutorials and on token websites: everyone has them (ASVS 13.2.3).
const PUBLISHED: &[&str] = &[
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
];

/// What templates write where a key belongs; compared with letters and digits only, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "changeme",
    "changethis",
    "changeit",
    "pleasechange",
    "yoursecret",
    "yourkey",
    "replaceme",
    "replacethis",
    "placeholder",
    "djangoinsecure",
    "insertyour",
    "supersecretkey",
];

/// A distance from one repeated character; random keys of 32 characters have more than twice as many.
const LEAST_DIFFERENT: usize = 5;

/// How to make a key of any length that is asked for.
pub(crate) const RECIPE: &str = "make one with: openssl rand -base64 64 | tr -d '\\n'";

/// Takes a key from the settings.
///
/// # Errors
/// A problem in words when the key is short, repeated, or known from a template.
pub(crate) fn parse(text: &str, algorithm: Algorithm) -> Result<SecretKey, String> {
    let problem = |what: String| format!("{what}; {RECIPE}");
    let plain: String =
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if PUBLISHED.contains(&text)
        || plain.starts_with("change")
        || PLACEHOLDERS.iter().any(|word| plain.contains(word))
    {
        return Err(problem("is a placeholder that everyone knows".to_owned()));
    }
    let needed = algorithm.min_secret_bytes();
    if text.len() < needed {
        return Err(problem(format!("has {} bytes, {algorithm} needs at least {needed}", text.len())));
    }
    let mut different: Vec<char> = text.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < LEAST_DIFFERENT {
        return Err(problem("repeats the same few characters".to_owned()));
    }
    SecretKey::new(text).map_err(|error| problem(error.problem().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_short_and_repeated_keys_are_refused_without_repeating_them() {
        let cases = [
            ("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "placeholder"),
            ("a-string-secret-at-least-256-bits-long", "placeholder"),
            ("change-this-to-something-long-and-random", "placeholder"),
            ("<please CHANGE ME please, it is important>", "placeholder"),
            ("django-insecure-0123456789abcdefghijklmnop", "placeholder"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "repeats"),
            ("a2d8f0c9b7e6", "12 bytes"),
        ];
        for (key, reason) in cases {
            let problem = parse(key, Algorithm::Hs256).unwrap_err();
            assert!(problem.contains(reason), "{key}: {problem}");
            assert!(!problem.contains(key));
        }
    }

    #[test]
    fn the_length_depends_on_the_algorithm() {
        let key = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let needed = algorithm.min_secret_bytes();
            assert!(parse(&key[..needed], algorithm).is_ok());
            assert!(parse(&key[1..needed], algorithm).is_err());
        }
    }
}
