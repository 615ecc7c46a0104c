//! Errors: the condition of each code, its place, and what its message says.

use crate::check;

#[test]
fn parse_errors_say_what_was_expected() {
    check(
        r#"
RETURN nope( => error 1501
"#,
    );
}
