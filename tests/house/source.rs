//! The source, read as text, without its comments: what a comment says is nobody's dependency.

use std::path::{Path, PathBuf};

/// A source file: where, and what is in it.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Without comments and the text in quotation marks.
    pub(crate) code: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Rust files below these directories.
pub(crate) fn sources(dirs: &[&str]) -> Vec<Source> {
    fn walk(dir: PathBuf, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = vec![];
    dirs.iter().for_each(|dir| walk(root().join(dir), &mut found));
    assert!(found.len() > dirs.len(), "no source below {dirs:?}");
    let source = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(root()).unwrap().display().to_string();
        Source { path, code: code(&text), text }
    };
    found.into_iter().map(source).collect()
}

/// Rust without comments, and with nothing in its strings.
fn code(text: &str) -> String {
    let mut rest = text;
    let mut code = String::new();
    while let Some(at) = rest.find(['/', '"', '\'']) {
        code.push_str(&rest[..at]);
        rest = &rest[at..];
        let raw = code.ends_with("r#");
        let length = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.find('\n').unwrap_or(rest.len()),
            [b'"', ..] if raw => rest[1..].find("\"#").map_or(rest.len(), |end| end + 3),
            [b'"', ..] => end_of_string(rest),
            [b'\'', b'\\', ..] => rest[2..].find('\'').map_or(2, |end| end + 3),
            [b'\'', b'"' | b'/', b'\'', ..] => 3,
            _ => {
                code.push_str(&rest[..1]);
                rest = &rest[1..];
                continue;
            }
        };
        rest = &rest[length..];
    }
    code + rest
}

/// Where the string ends that begins here.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, sign) in text.bytes().enumerate().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The words of source code.
pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|sign: char| !sign.is_alphanumeric() && sign != '_')
}

/// All that is wrong, a line each, with what to do about it.
pub(crate) fn none(wrong: impl IntoIterator<Item = String>, what_to_do: &str) {
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "{what_to_do}:\n  {}", wrong.join("\n  "));
}
