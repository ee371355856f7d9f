//! The text of a Dockerfile in lines as they are meant: without comments, and joined where they go on.
//! <https://docs.docker.com/reference/dockerfile/#format>

use super::fault;
use crate::image::error::Result;

/// One instruction with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins, counted from 1.
    pub(super) number: usize,
    pub(super) text: String,
}

/// The sign that joins lines and takes the meaning from the next sign, unless a directive names another one.
const ESCAPE: char = '\\';

/// The lines of a Dockerfile, and its escape sign.
pub(super) fn lines(text: &str) -> Result<(Vec<Line>, char)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = escape(text)?;
    let mut lines = vec![];
    let mut open: Option<Line> = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let trimmed = line.trim();
        // Comments and empty lines do not end what goes on.
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let rest = line.trim_end();
        let goes_on = rest.strip_suffix(escape);
        let part = goes_on.unwrap_or(line);
        let text = match open.take() {
            None => Line { number: at + 1, text: part.trim_start().into() },
            Some(begun) => Line { text: begun.text + part, ..begun },
        };
        if goes_on.is_some() {
            open = Some(text);
        } else {
            lines.push(text);
        }
    }
    lines.extend(open);
    lines.iter_mut().for_each(|line| line.text.truncate(line.text.trim_end().len()));
    lines.retain(|line| !line.text.is_empty());
    Ok((lines, escape))
}

/// The escape sign, which a directive before everything else can change.
fn escape(text: &str) -> Result<char> {
    for line in text.lines() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|line| line.split_once('=')) else {
            break;
        };
        let (name, value) = (name.trim().to_lowercase(), value.trim());
        match (name.as_str(), value) {
            ("escape", "\\" | "`") => return Ok(value.chars().next().unwrap_or(ESCAPE)),
            ("escape", _) => {
                return Err(fault(
                    format!("the escape sign cannot be {value:?}"),
                    "it is \\ or `: # escape=`",
                ));
            }
            ("syntax" | "check", _) => {}
            _ => break,
        }
    }
    Ok(ESCAPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<(usize, String)>> {
        Ok(lines(text)?.0.into_iter().map(|line| (line.number, line.text)).collect())
    }

    #[test]
    fn lines_go_on_over_comments() -> Result<()> {
        let text = "# a comment\n\nFROM a\n  RUN one \\\n  # not this\n\n  two \\  \n three\nCMD x\\";
        let expected = [(3, "FROM a"), (4, "RUN one   two  three"), (9, "CMD x")];
        assert_eq!(texts(text)?, expected.map(|(number, text)| (number, text.to_string())));
        Ok(())
    }

    #[test]
    fn a_directive_is_one_only_at_the_beginning() -> Result<()> {
        assert_eq!(lines("# syntax=x\n# escape = `\nRUN a `\nb\\\n")?.0.len(), 1);
        assert_eq!(lines("# hello\n# escape=`\nRUN a `\nRUN b")?.0.len(), 2);
        assert!(lines("# escape=x\n").is_err());
        Ok(())
    }
}
