//! Finds the one key in a PEM file, and says in plain words what is wrong with one that cannot be used.

use zeroize::Zeroizing;

use crate::ConfigError;

/// The form of a private key in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `PRIVATE KEY`: any kind of key (RFC 5958).
    Pkcs8,
    /// `RSA PRIVATE KEY` (RFC 8017 appendix A.1.2).
    Pkcs1,
    /// `EC PRIVATE KEY` (RFC 5915).
    Sec1,
    /// `PUBLIC KEY` (RFC 5280 section 4.1).
    Public,
}

/// What a file holds: its DER bytes are wiped when dropped.
pub(crate) struct Block {
    pub(crate) form: Form,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// Reads the only key of a file.
pub(crate) fn read(text: &str, setting: &'static str) -> Result<Block, ConfigError> {
    let mut blocks = read_all(text, setting)?;
    match (blocks.pop(), blocks.is_empty()) {
        (Some(block), true) => Ok(block),
        _ => Err(ConfigError::new(setting, "holds more than one key")),
    }
}

/// Reads the keys of a file, of which there is at least one. Blocks that are no key (`EC PARAMETERS`, which OpenSSL
/// writes along) and text between blocks are passed over.
pub(crate) fn read_all(text: &str, setting: &'static str) -> Result<Vec<Block>, ConfigError> {
    let refuse = |problem: &str| ConfigError::new(setting, problem);
    // An environment variable often has its line breaks as `\n`; no key has a backslash.
    let text = Zeroizing::new(text.replace("\\r", "").replace("\\n", "\n"));
    let blocks =
        pem::parse_many(text.as_str()).map_err(|_| refuse("is damaged: it cannot be read as PEM"))?;
    let mut found = Vec::new();
    for block in blocks {
        let encrypted = block.headers().iter().any(|(name, _)| name == "Proc-Type" || name == "DEK-Info");
        let form = match block.tag() {
            _ if encrypted => return Err(refuse(ENCRYPTED)),
            "ENCRYPTED PRIVATE KEY" => return Err(refuse(ENCRYPTED)),
            "OPENSSH PRIVATE KEY" => return Err(refuse("is an SSH key; make one with `openssl genpkey`")),
            "CERTIFICATE" | "CERTIFICATE REQUEST" => return Err(refuse("is a certificate, not a key")),
            "PRIVATE KEY" => Form::Pkcs8,
            "RSA PRIVATE KEY" => Form::Pkcs1,
            "EC PRIVATE KEY" => Form::Sec1,
            "PUBLIC KEY" => Form::Public,
            _ => continue,
        };
        let der = Zeroizing::new(block.into_contents());
        found.push(Block { form, der });
    }
    if found.is_empty() {
        return Err(refuse("holds no key in PEM form (a block that begins `-----BEGIN PRIVATE KEY-----`)"));
    }
    Ok(found)
}

const ENCRYPTED: &str = "is encrypted; decrypt it with `openssl pkey` and protect the file instead";

/// The text of a PKCS#8 key.
pub(crate) fn write_pkcs8(der: &[u8]) -> Zeroizing<String> {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    Zeroizing::new(pem::encode_config(&pem::Pem::new("PRIVATE KEY", der), config))
}
