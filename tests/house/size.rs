//! Files and functions stay short enough to be held in the head.

use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn, spanned::Spanned};

use crate::source::{Source, Violation};

const FILE_LINES: usize = 300;
const FUNCTION_LINES: usize = 50;

pub(crate) fn check(source: &Source) -> Vec<Violation> {
    let mut functions = Functions { path: &source.path, long: Vec::new() };
    functions.visit_file(&source.file);
    let mut violations = functions.long;
    if source.lines > FILE_LINES {
        let text =
            format!("{} lines without tests, more than {FILE_LINES}: give a part a file of its own", source.lines);
        violations.push(Violation::new(&source.path, 1, text));
    }
    violations
}

struct Functions<'a> {
    path: &'a str,
    long: Vec<Violation>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &Signature, body: &Block) {
        let first = signature.span().start().line;
        let lines = body.brace_token.span.close().end().line - first + 1;
        if lines > FUNCTION_LINES {
            let text = format!("`{}` has {lines} lines, more than {FUNCTION_LINES}", signature.ident);
            self.long.push(Violation::new(self.path, first, text));
        }
    }
}

impl Visit<'_> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
fn found(text: &str) -> Vec<String> {
    check(&Source::parse("a.rs", text).expect("it parses")).iter().map(ToString::to_string).collect()
}

#[test]
fn long_functions_are_found_wherever_they_are() {
    let body = |lines: usize| format!("fn long() {{\n{}}}", "let _ = 1;\n".repeat(lines - 2));
    assert!(found(&body(50)).is_empty());
    for (open, close) in [("", ""), ("impl A {", "}"), ("trait A {", "}"), ("fn short() {", "}"), ("mod a {", "}")] {
        let violations = found(&format!("{open}{}{close}", body(51)));
        assert!(violations.contains(&"a.rs:1: `long` has 51 lines, more than 50".to_owned()), "{open}: {violations:?}");
    }
}

#[test]
fn long_files_are_found_and_their_tests_not_counted() {
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn test() {}\n".repeat(400));
    assert!(found(&("const A: u8 = 1;\n".repeat(300) + &tests)).is_empty());
    let violations = found(&("const A: u8 = 1;\n".repeat(301) + &tests));
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].starts_with("a.rs:1: 301 lines"), "{violations:?}");
}
