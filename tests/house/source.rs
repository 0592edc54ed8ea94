//! One source file, parsed, without its tests.

use std::fmt;
use std::ops::RangeInclusive;

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Block, File, ImplItem, Item, ItemImpl, ItemMod, Meta, Stmt, Token};

/// A rule broken, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Violation {
    pub(crate) fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// A parsed file without what is compiled for tests only.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) file: File,
    /// Its lines without those of its tests.
    pub(crate) lines: usize,
    /// Modules declared here, in files of their own, that are compiled for tests only: paths without `.rs`.
    test_modules: Vec<String>,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, Violation> {
        let mut file = syn::parse_file(text)
            .map_err(|error| Violation::new(path, error.span().start().line, format!("does not parse: {error}")))?;
        let mut pruning = Pruning { folder: folder_of_modules(path), ..Pruning::default() };
        if is_test_only(&file.attrs) {
            file.items.clear();
            return Ok(Self { path: path.to_owned(), file, lines: 0, test_modules: Vec::new() });
        }
        pruning.visit_file_mut(&mut file);
        let lines = text.lines().count() - pruning.tests.iter().map(|lines| lines.clone().count()).sum::<usize>();
        Ok(Self { path: path.to_owned(), file, lines, test_modules: pruning.modules })
    }

    /// Whether this file declares the one at `path` as a test module, or as part of one.
    pub(crate) fn declares_as_test(&self, path: &str) -> bool {
        self.test_modules
            .iter()
            .any(|module| path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
    }
}

/// Where the files of modules declared in `path` lie.
fn folder_of_modules(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or((".", path));
    match file {
        "lib.rs" | "mod.rs" => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    }
}

/// Takes out what is compiled for tests only, and remembers its lines.
#[derive(Default)]
struct Pruning {
    folder: String,
    tests: Vec<RangeInclusive<usize>>,
    modules: Vec<String>,
}

impl Pruning {
    fn keeps(&mut self, attributes: &[Attribute], span: Span) -> bool {
        let pruned = is_test_only(attributes);
        if pruned {
            self.tests.push(span.start().line..=span.end().line);
        }
        !pruned
    }

    fn keeps_item(&mut self, item: &Item) -> bool {
        let kept = self.keeps(attributes(item), item.span());
        if let Item::Mod(ItemMod { ident, content: None, .. }) = item
            && !kept
        {
            self.modules.push(format!("{}/{ident}", self.folder));
        }
        kept
    }
}

impl VisitMut for Pruning {
    fn visit_file_mut(&mut self, file: &mut File) {
        file.items.retain(|item| self.keeps_item(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| self.keeps_item(item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut ItemImpl) {
        block.items.retain(|item| {
            let attributes = match item {
                ImplItem::Const(item) => &item.attrs,
                ImplItem::Fn(item) => &item.attrs,
                ImplItem::Type(item) => &item.attrs,
                ImplItem::Macro(item) => &item.attrs,
                _ => return true,
            };
            self.keeps(attributes, item.span())
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.retain(|statement| match statement {
            Stmt::Item(item) => self.keeps_item(item),
            Stmt::Local(local) => self.keeps(&local.attrs, local.span()),
            _ => true,
        });
        visit_mut::visit_block_mut(self, block);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<Meta>().is_ok_and(|condition| asks_test(&condition))
    })
}

/// Whether a `cfg` condition holds in test builds only.
fn asks_test(condition: &Meta) -> bool {
    let Meta::List(list) = condition else {
        return condition.path().is_ident("test");
    };
    let Ok(parts) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
        return false;
    };
    match list.path.get_ident().map(ToString::to_string).as_deref() {
        Some("all") => parts.iter().any(asks_test),
        Some("any") => !parts.is_empty() && parts.iter().all(asks_test),
        _ => false,
    }
}

#[test]
fn what_is_compiled_for_tests_only_is_left_out() {
    let text = "
        fn kept() { #[cfg(test)] let probe = 1; }
        #[cfg(test)]
        use a::{b, c};
        #[cfg(all(test, feature = \"x\"))]
        mod tests {
            fn gone() {}
        }
        #[cfg(any(test, feature = \"x\"))] fn also_kept() {}
        #[cfg(not(test))] fn kept_too() {}
        impl A {
            #[cfg(test)]
            fn gone_too() {}
        }";
    let source = Source::parse("a.rs", text).expect("it parses");
    let left = quote::ToTokens::to_token_stream(&source.file).to_string();
    assert!(left.contains("kept") && left.contains("also_kept") && left.contains("kept_too"), "{left}");
    assert!(!left.contains("gone") && !left.contains("probe") && !left.contains("use"), "{left}");
    assert_eq!(source.lines, text.lines().count() - 9);
}

#[test]
fn test_modules_in_files_of_their_own_are_known() {
    let source = Source::parse("src/cache/mod.rs", "#[cfg(test)] mod tests; mod read;").expect("it parses");
    assert!(source.declares_as_test("src/cache/tests.rs"));
    assert!(source.declares_as_test("src/cache/tests/more.rs"));
    assert!(!source.declares_as_test("src/cache/read.rs"));
    let source = Source::parse("src/time.rs", "#[cfg(test)] mod tests;").expect("it parses");
    assert!(source.declares_as_test("src/time/tests.rs"));
    assert!(!source.declares_as_test("src/tests.rs"));
}

#[test]
fn a_file_that_does_not_parse_is_a_violation() {
    let violation = Source::parse("a.rs", "\nfn {").err().expect("it does not parse");
    assert!(violation.to_string().starts_with("a.rs:2: does not parse"), "{violation}");
}
