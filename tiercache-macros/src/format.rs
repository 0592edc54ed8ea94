//! Which arguments a format string names.

/// The names of a format string's arguments, those of widths and precisions too (`{id:>width$}`); an empty one or a number where it names
/// none. What is no format string is rustc's to tell.
pub(crate) fn arguments(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        if let Some(escaped) = after.strip_prefix('{') {
            rest = escaped;
            continue;
        }
        let (inside, next) = after.split_once('}').unwrap_or((after, ""));
        let (name, spec) = inside.split_once(':').unwrap_or((inside, ""));
        names.push(name.trim());
        names.extend(of_spec(spec));
        rest = next;
    }
    names
}

/// `width$` and `.precision$`; `.*` takes an argument without a name.
fn of_spec(spec: &str) -> impl Iterator<Item = &str> {
    let named = spec.split('$').rev().skip(1).map(|before| {
        let start = before.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
        start
            .and_then(|at| before.get(at..))
            .map_or(before, |name| name.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_'))
    });
    named.chain(spec.contains(".*").then_some(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_wherever_a_format_string_has_them() {
        for (text, names) in [
            ("users", &[][..]),
            ("user:{id}", &["id"]),
            ("{tenant}:{id:?}:{ name }", &["tenant", "id", "name"]),
            ("{{id}} {{{id}}}", &["id"]),
            ("{}:{0}:{0:?}", &["", "0", "0"]),
            ("{id:>width$.digits$}", &["id", "digits", "width"]),
            ("{id:*^8}{rate:.*}", &["id", "rate", ""]),
            ("{id", &["id"]),
        ] {
            assert_eq!(arguments(text), names, "{text}");
        }
    }
}
