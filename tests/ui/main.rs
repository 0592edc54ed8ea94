//! What does not compile, and what it says; each beside a twin that compiles.

#[test]
fn refusals_name_the_cure_and_their_twins_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/fail/*.rs");
    cases.pass("ui/pass/*.rs");
}
