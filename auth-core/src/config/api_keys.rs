use crate::ConfigError;

/// Keys for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKeyConfig {
    /// Whether there are any. Default `true`: people may make keys, and administrators service accounts. `false`: no key is taken,
    /// and what services have got for theirs is refused as well.
    pub enabled: bool,
    /// How a new key begins, so that scanners for secrets know it: 1 to 16 of `[a-z0-9_]`, a letter first and no `_` at the end.
    /// Keys that began otherwise stay good. Default `ak`.
    pub prefix: String,
    /// The longest life of a key, in days. Default 365. 0: no limit, and keys may be made that never expire.
    pub max_days: u32,
}

impl Default for ApiKeyConfig {
    fn default() -> Self {
        Self { enabled: true, prefix: "ak".to_owned(), max_days: 365 }
    }
}

/// Longer is as good as for ever; and no sum with it overflows.
const DAYS_MAX: u32 = 10 * 366;

impl ApiKeyConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !is_prefix(&self.prefix) {
            let problem = "is not 1 to 16 of `[a-z0-9_]` with a letter first and no `_` at the end";
            return Err(ConfigError::new("api_keys.prefix", problem));
        }
        if self.max_days > DAYS_MAX {
            return Err(ConfigError::new("api_keys.max_days", "is longer than ten years; 0 is no limit"));
        }
        Ok(())
    }
}

/// Whether a key can begin so.
pub(crate) fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=16).contains(&text.len())
        && text.bytes().all(allowed)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('_')
}
