//! A line for each lab.

use super::{Marked, Report};

const COLUMNS: [&str; 10] =
    ["student", "lab", "title", "kind", "state", "score", "max_score", "checks", "hints", "claims_held"];

pub(super) fn write(report: &Report) -> String {
    let student = report.student.as_deref().unwrap_or_default();
    let head = COLUMNS.map(String::from).to_vec();
    let rows = report.labs.iter().map(|lab| row(student, lab));
    std::iter::once(head).chain(rows).map(|row| line(&row)).collect()
}

fn row(student: &str, lab: &Marked) -> Vec<String> {
    let held = lab.claims.iter().filter(|claim| claim.passed).count();
    vec![
        student.into(),
        lab.lab.clone(),
        lab.title.clone(),
        lab.kind.clone(),
        lab.state.name().into(),
        lab.score().to_string(),
        "1".into(),
        lab.checks.to_string(),
        lab.hints.to_string(),
        format!("{held} of {}", lab.claims.len()),
    ]
}

fn line(fields: &[String]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
    format!("{}\r\n", fields.join(","))
}

/// In quotation marks where it has to be. A spreadsheet takes some signs in front for a formula: text stays text. Other
/// control characters than the ends of lines have no place in the format.
fn quoted(field: &str) -> String {
    let unwritable = |sign: char| (sign.is_control() && sign != '\r' && sign != '\n') || sign == '\u{fffe}';
    let field = &*field.replace(unwritable, "\u{fffd}");
    let field = if field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field.into() };
    if field.contains([',', '"', '\r', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        assert_eq!(line(&["a".into(), "b c".into()]), "a,b c\r\n");
        assert_eq!(line(&["a,b".into(), "say \"x\"".into()]), "\"a,b\",\"say \"\"x\"\"\"\r\n");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
