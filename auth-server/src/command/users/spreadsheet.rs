//! Cells that a spreadsheet would take for formulas: `=1+1@example.com` is an address.

/// What a formula begins with, in some languages in full width (OWASP, "CSV injection").
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// With an apostrophe in front, which makes it text there.
pub(super) fn made_safe(cell: String) -> String {
    if is_formula(&cell) { format!("'{cell}") } else { cell }
}

/// As it was before [`made_safe`].
pub(super) fn restored(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

/// Also behind apostrophes, so that what was made safe is told from what began so.
fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_comes_back_as_it_was() {
        for cell in [
            "=1+1@x.io",
            "+a",
            "-a",
            "@a",
            "\ta",
            "\ra",
            "'=a",
            "''=a",
            "＝a",
            "a=b",
            "'a",
            "'",
            "",
            "o'hara",
        ] {
            let safe = made_safe(cell.to_owned());
            assert!(!safe.starts_with(FORMULA), "{safe:?}");
            assert_eq!(restored(&safe), cell);
        }
        assert_eq!(made_safe("o'hara@x.io".to_owned()), "o'hara@x.io");
    }
}
