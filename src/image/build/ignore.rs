//! `.dockerignore`: which files of the context are left out of it.
//! <https://docs.docker.com/build/concepts/context/#dockerignore-files>

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The patterns of a `.dockerignore`.
#[derive(Debug, Clone, Default)]
pub(super) struct Ignore(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    /// The parts of the pattern, between slashes.
    parts: Vec<Vec<u8>>,
    /// Whether it takes files in that an earlier one leaves out.
    takes_in: bool,
}

impl Ignore {
    /// From the file's text.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rule = |line: &str| {
            let (takes_in, pattern) = match line.strip_prefix('!') {
                Some(pattern) => (true, pattern.trim_start()),
                None => (false, line),
            };
            Rule { parts: parts(&clean(Path::new(pattern))), takes_in }
        };
        Self(lines.map(rule).filter(|rule| !rule.parts.is_empty()).collect())
    }

    /// Whether a path is left out. The last pattern that matches it, or a directory above it, decides.
    pub(super) fn leaves_out(&self, path: &Path) -> bool {
        let path = parts(path);
        let matches = |rule: &&Rule| (1..=path.len()).any(|length| covers(&rule.parts, &path[..length]));
        self.0.iter().rev().find(matches).is_some_and(|rule| !rule.takes_in)
    }

    /// Whether something may be taken in below a directory that is left out.
    pub(super) fn takes_in_somewhere(&self) -> bool {
        self.0.iter().any(|rule| rule.takes_in)
    }
}

/// A path from the root, without `.` and `..`.
pub(super) fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    clean
}

fn parts(path: &Path) -> Vec<Vec<u8>> {
    path.iter().map(|part| part.as_bytes().to_vec()).collect()
}

/// Whether a pattern is one of a path; `**` stands for any number of directories.
fn covers(pattern: &[Vec<u8>], path: &[Vec<u8>]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == b"**" => {
            (0..=path.len()).any(|skipped| covers(rest, &path[skipped..]))
        }
        Some((first, rest)) => match path.split_first() {
            Some((name, path)) => is_match(first, name) && covers(rest, path),
            None => false,
        },
    }
}

/// Whether a text has signs that stand for others.
pub(super) fn is_pattern(text: &OsStr) -> bool {
    text.as_bytes().iter().any(|sign| b"*?[\\".contains(sign))
}

/// Whether a name matches a pattern: `*` any signs, `?` one, `[a-z]` and `[^a-z]` one of several, `\` the next itself.
pub(super) fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|taken| is_match(rest, &name[taken..])),
        [b'?', rest @ ..] => {
            // One sign, which can be several bytes.
            let taken = (1..name.len()).find(|at| name[*at] & 0xc0 != 0x80).unwrap_or(name.len());
            !name.is_empty() && is_match(rest, &name[taken..])
        }
        [b'[', rest @ ..] => match (class(rest, name.first()), name) {
            (Some((true, rest)), [_, name @ ..]) => is_match(rest, name),
            _ => false,
        },
        [b'\\', sign, rest @ ..] | [sign, rest @ ..] => {
            name.split_first().is_some_and(|(first, name)| first == sign && is_match(rest, name))
        }
    }
}

/// Whether a byte is in a class, and what comes behind it; nothing if it has no end.
fn class<'a>(pattern: &'a [u8], byte: Option<&u8>) -> Option<(bool, &'a [u8])> {
    let end = 1 + pattern.iter().skip(1).position(|sign| *sign == b']')?;
    let (mut signs, rest) = (&pattern[..end], &pattern[end + 1..]);
    let is_negated = signs.first() == Some(&b'^');
    if is_negated {
        signs = &signs[1..];
    }
    let (byte, mut found) = (*byte?, false);
    while let Some((first, behind)) = signs.split_first() {
        let (last, behind) = match behind {
            [b'-', last, behind @ ..] => (last, behind),
            _ => (first, behind),
        };
        found |= (*first..=*last).contains(&byte);
        signs = behind;
    }
    Some((found != is_negated, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_docker_has_it() {
        let cases = [
            ("*.md", "a.md", true),
            ("*.md", "a.mdx", false),
            ("a?c", "aäc", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*a*b*", "xaybz", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(is_match(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_last_pattern_decides() {
        let ignore = Ignore::parse("# all\n*.md\n!README*.md\nREADME-secret.md\n/tmp/../logs/\n**/cache\n");
        let cases = [
            ("a.md", true),
            ("sub/a.md", false),
            ("README.md", false),
            ("README-secret.md", true),
            ("logs/x/y", true),
            ("cache", true),
            ("a/b/cache/c", true),
            ("src", false),
        ];
        for (path, expected) in cases {
            assert_eq!(ignore.leaves_out(Path::new(path)), expected, "{path}");
        }
        assert!(Ignore::parse("*\n!kept").leaves_out(Path::new("other")));
        assert!(!Ignore::parse("*\n!kept").leaves_out(Path::new("kept/below")));
    }
}
