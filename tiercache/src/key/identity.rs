//! The identity of a function: the path that rustc gives to an item inside its body, without its tail.

/// The path of the function `name` from the `type_name` of a closure in its body, or in that of its companion.
///
/// Cut off are the closures, the function's own generic arguments (the macro adds those that matter), and the last
/// segment, which is replaced by `name`. What stays is the module, the type and the trait. Any string gives a string:
/// another rustc may spell paths in another way.
pub(crate) fn trim_identity(closure_type_name: &str, name: &str) -> String {
    let mut path = closure_type_name;
    while let Some(shorter) = path.strip_suffix("::{{closure}}") {
        path = shorter;
    }
    let path = without_arguments(path);
    match path.rfind("::") {
        Some(end) => format!("{}::{name}", &path[..end]),
        None => name.to_owned(),
    }
}

/// `path` without the `<…>` (or `::<…>`) at its end.
fn without_arguments(path: &str) -> &str {
    if !path.ends_with('>') {
        return path;
    }
    let bytes = path.as_bytes();
    let mut depth = 0_usize;
    for (index, byte) in bytes.iter().enumerate().rev() {
        match byte {
            b'>' if !is_arrow(bytes, index) && !is_quoted(bytes, index) => depth += 1,
            b'<' if !is_quoted(bytes, index) => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            let path = &path[..index];
            return path.strip_suffix("::").unwrap_or(path);
        }
    }
    path
}

/// The `>` of a `->`.
fn is_arrow(bytes: &[u8], index: usize) -> bool {
    index > 0 && bytes[index - 1] == b'-'
}

/// A bracket that is itself an argument, as in `f<'<'>`.
fn is_quoted(bytes: &[u8], index: usize) -> bool {
    index > 0 && bytes[index - 1] == b'\'' && bytes.get(index + 1) == Some(&b'\'')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::any::type_name_of_val;

    #[test]
    fn module_type_and_trait_stay() {
        let cases = [
            ("shop::users::Repo<u8>::get_user::{{closure}}", "shop::users::Repo<u8>::get_user"),
            (
                "<shop::Repo<u8> as shop::Find>::find<u16>::{{closure}}::{{closure}}",
                "<shop::Repo<u8> as shop::Find>::find",
            ),
            (
                "shop::gen1<alloc::boxed::Box<dyn core::ops::function::Fn(u8) -> u8 + core::marker::Send>, \
                 true>::{{closure}}",
                "shop::gen1",
            ),
            ("shop::outer::{{closure}}::nested::{{closure}}", "shop::outer::{{closure}}::nested"),
            (
                "shop::outer<fn() -> u8>::{{closure}}::nested::{{closure}}",
                "shop::outer<fn() -> u8>::{{closure}}::nested",
            ),
            ("shop::get_user::<u8>::{{closure}}", "shop::get_user"),
            ("shop::chars<shop::User, '>'>::{{closure}}", "shop::chars"),
            ("shop::chars<shop::User, '<'>::{{closure}}", "shop::chars"),
            ("get_user::{{closure}}", "get_user"),
            ("get_user", "get_user"),
        ];
        for (type_name, identity) in cases {
            let name = identity.rsplit("::").next().unwrap();
            assert_eq!(trim_identity(type_name, name), identity);
        }
    }

    #[test]
    fn a_companion_has_the_identity_of_its_function() {
        assert_eq!(
            trim_identity("shop::Repo::get_user_entry<u8>::{{closure}}", "get_user"),
            trim_identity("shop::Repo::get_user<u8>::{{closure}}::{{closure}}", "get_user"),
        );
    }

    trait Find {
        fn find<T, const C: char>(&self, _: T) -> String;
    }

    struct Repo<T>(T);

    impl Find for Repo<fn(u8) -> u16> {
        fn find<T, const C: char>(&self, _: T) -> String {
            trim_identity(type_name_of_val(&|| ()), "find")
        }
    }

    impl<T> Repo<T> {
        async fn get(&self) -> String {
            std::future::ready(()).await;
            trim_identity(type_name_of_val(&|| ()), "get")
        }
    }

    #[test]
    fn this_rustc_is_understood() {
        let here = module_path!();
        let repo = Repo((|x| u16::from(x)) as fn(u8) -> u16);
        assert_eq!(
            repo.find::<Box<dyn Fn(u8) -> u8>, '<'>(Box::new(|x| x)),
            format!("<{here}::Repo<fn(u8) -> u16> as {here}::Find>::find")
        );
        let mut future = std::pin::pin!(Repo(1_u8).get());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(identity) = future.as_mut().poll(&mut context) else { panic!("it awaits nothing") };
        assert_eq!(identity, format!("{here}::Repo<u8>::get"));
    }

    proptest! {
        #[test]
        fn any_string_gives_a_string(text in "[a:<>'{} é-]{0,24}(::\\{\\{closure\\}\\})?", name in "[a-z]{1,4}") {
            prop_assert!(trim_identity(&text, &name).ends_with(&name));
        }
    }
}
