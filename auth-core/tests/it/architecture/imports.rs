//! Who uses whom inside auth-core: read off every path in the source, whether it stands in a `use` tree or in the code.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    ItemMod, UseTree,
    visit::{self, Visit},
};

/// A file, and the paths inside the crate that it names, from the crate's root: `room::oidc::Failure`.
pub(super) struct Source {
    pub(super) file: String,
    pub(super) names: BTreeSet<String>,
}

impl Source {
    pub(super) fn read(file: &str, text: &str) -> Self {
        let module = module_of(file);
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut names = Names { module, found: BTreeSet::new() };
        names.visit_file(&parsed);
        Self { file: file.to_owned(), names: names.found }
    }

    /// The storey or room that it is in: `flow`, or `room::oidc`. `None`: the crate's own root.
    pub(super) fn place(&self) -> Option<String> {
        place_of(&module_of(&self.file))
    }
}

/// `flow` of `flow::login`, `room::oidc` of `room::oidc::client::start`.
pub(super) fn place_of(path: &[String]) -> Option<String> {
    match path {
        [] => None,
        [room, name, ..] if room == "room" => Some(format!("room::{name}")),
        [first, ..] => Some(first.clone()),
    }
}

/// `["flow", "login"]` of `flow/login.rs` and of `flow/login/mod.rs`.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

struct Names {
    /// Where the code stands.
    module: Vec<String>,
    found: BTreeSet<String>,
}

impl Names {
    /// From the crate's root, for what begins with `crate`, `self` or `super`; other paths lead out of the crate, or name what a
    /// `use` has named before.
    fn note(&mut self, path: &[String]) {
        let mut from = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            // In the crate's own root every name leads from there: `pub use room::oidc`.
            Some(_) if self.module.is_empty() => Vec::new(),
            _ => return,
        };
        for part in path {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => {
                    from.pop();
                }
                name => from.push(name.to_owned()),
            }
        }
        self.found.insert(from.join("::"));
    }

    fn note_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.note_tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) => self.note(&with(name.ident.to_string())),
            UseTree::Rename(renamed) => self.note(&with(renamed.ident.to_string())),
            UseTree::Glob(_) => self.note(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(&parts);
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let is_test = item.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
        });
        if !is_test {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        // What a macro is given is no syntax tree; a path from the root is still one to the eye.
        let text = item.tokens.to_string().replace(" :: ", "::");
        for path in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            if path.starts_with("crate::") {
                self.note(&path.split("::").map(str::to_owned).collect::<Vec<_>>());
            }
        }
    }
}

/// The names that `lib.rs` gives away, and where each comes from: `crate::Identity` is `room::oidc::Identity`.
pub(super) fn given_away(lib: &Source) -> BTreeMap<String, String> {
    let is_deep = |name: &&String| name.contains("::");
    let last = |name: &String| (name.rsplit("::").next().unwrap_or_default().to_owned(), name.clone());
    lib.names.iter().filter(is_deep).map(last).collect()
}
