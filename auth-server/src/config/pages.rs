//! The pages for people: whether there are any, and what an operator makes of them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use auth_core::Finding;
use auth_tower::{Accent, AccountPagesBuilder, Logo, PageTexts};

use super::Config;

/// A style that comes after ours.
const STYLE: &str = "style.css";
/// The most bytes of a file of texts: several times what all of them take.
const MOST: u64 = 512 * 1024;

/// The pages for people.
#[derive(Debug)]
pub(crate) struct PagesConfig {
    pub(crate) shown: PagesShown,
    /// What they call the service, if not as mails do.
    pub(crate) name: Option<String>,
    /// With how it was written.
    pub(super) accent: Option<(Accent, String)>,
    /// With the path of its file.
    pub(super) logo: Option<(Logo, String)>,
    pub(super) directory: Option<Directory>,
}

/// Which of them there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PagesShown {
    All,
    WithoutAdmin,
    None,
}

/// What a folder has: a style and texts.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: String,
    style: Option<String>,
    texts: Vec<PageTexts>,
    /// What does not fit, and is passed over: after an upgrade there may be other texts, and that is no reason not to start.
    findings: Vec<Finding>,
}

impl PagesConfig {
    pub(super) const DEFAULT: Self =
        Self { shown: PagesShown::All, name: None, accent: None, logo: None, directory: None };

    /// Makes pages look, and speak, as they are to here.
    pub(crate) fn dress(&self, mut pages: AccountPagesBuilder) -> AccountPagesBuilder {
        if self.shown == PagesShown::WithoutAdmin {
            pages = pages.without_admin();
        }
        if let Some((accent, _)) = self.accent {
            pages = pages.accent(accent);
        }
        if let Some((logo, _)) = &self.logo {
            pages = pages.logo(logo.clone());
        }
        let Some(Directory { style, texts, .. }) = &self.directory else { return pages };
        if let Some(style) = style {
            pages = pages.style(style);
        }
        texts.iter().cloned().fold(pages, AccountPagesBuilder::texts)
    }
}

pub(super) fn agree(config: &mut Config) {
    if let Some(directory) = &mut config.http.pages.directory {
        config.warnings.append(&mut directory.findings);
    }
}

pub(super) fn accent(text: &str) -> Result<(Accent, String), String> {
    let accent = text.parse().map_err(|error: auth_tower::ConfigError| error.problem().to_owned())?;
    Ok((accent, text.to_owned()))
}

pub(super) fn logo(path: &str) -> Result<(Logo, String), String> {
    let logo = Logo::new(read(Path::new(path), "")?).map_err(|error| error.problem().to_owned())?;
    Ok((logo, path.to_owned()))
}

/// Reads the folder: `style.css`, and `de.toml` and the like.
pub(super) fn directory(path: &str) -> Result<Directory, String> {
    let mut found = Directory { path: path.to_owned(), style: None, texts: Vec::new(), findings: Vec::new() };
    let entries =
        fs::read_dir(path).map_err(|error| format!("names a folder that cannot be read: {error}"))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("names a folder that cannot be read: {error}"))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    for name in names {
        let file = Path::new(path).join(&name);
        if name == STYLE {
            let style = text(&file, &name)?;
            if style.len() > AccountPagesBuilder::FILE_MAX {
                return Err(format!(
                    "has {name} that is larger than {} bytes",
                    AccountPagesBuilder::FILE_MAX
                ));
            }
            found.style = Some(style);
        } else if let Some(language) = name.strip_suffix(".toml") {
            found.read_texts(language, &name, &text(&file, &name)?)?;
        }
    }
    Ok(found)
}

impl Directory {
    fn read_texts(&mut self, language: &str, name: &str, file: &str) -> Result<(), String> {
        let pairs: BTreeMap<String, String> = basic_toml::from_str(file)
            .map_err(|error| format!("has {name}, which is no list of key = \"text\": {error}"))?;
        let has = |error: &auth_tower::ConfigError| format!("has {name}: {}", error.problem());
        let mut texts = PageTexts::of(language).map_err(|error| has(&error))?;
        for (key, text) in pairs {
            if let Err(error) = texts.set(&key, text) {
                self.findings.push(Finding::warning(
                    "page_text",
                    format!("PAGES_DIR {}, and is passed over", has(&error)),
                    "correct it, or take it away",
                ));
            }
        }
        let missing = texts.missing();
        if missing.contains(&"language_name") {
            return Err(format!("has {name} without language_name, by which the menu calls the language"));
        }
        if let [first, ..] = &*missing {
            self.findings.push(Finding::note(
                "page_texts_missing",
                format!(
                    "PAGES_DIR has {name}, in which texts are missing: {first} and others ({})",
                    missing.len()
                ),
                "add them; they are shown in English",
            ));
        }
        self.texts.push(texts);
        Ok(())
    }
}

fn text(file: &Path, name: &str) -> Result<String, String> {
    String::from_utf8(read(file, name)?).map_err(|_| format!("has {name}, which is no UTF-8"))
}

/// `name`: within the folder of the setting, where it is one.
fn read(file: &Path, name: &str) -> Result<Vec<u8>, String> {
    let which = if name.is_empty() { "names a file".to_owned() } else { format!("has {name}") };
    let unreadable = |error: io::Error| format!("{which} that cannot be read: {error}");
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST) {
        return Err(format!("{which} that is larger than {MOST} bytes"));
    }
    Ok(bytes)
}
