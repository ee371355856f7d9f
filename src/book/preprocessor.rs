//! From directives to what they stand for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use mdbook_preprocessor::book::{Book, BookItem};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

use super::transcript::Transcript;
use super::{course, diagram, listing, questions};

const OPEN: &str = "{{#";
const CLOSE: &str = "}}";

/// The preprocessor; `glassbox` in `book.toml`.
#[derive(Debug, Clone, Copy)]
pub struct Directives;

impl Preprocessor for Directives {
    fn name(&self) -> &str {
        "glassbox"
    }

    /// Follow the directives of every chapter. All that is wrong is reported at once.
    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let shelf = Shelf::of_book(&context.root)?;
        let mut wrong = vec![];
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item {
                match chapter_text(&shelf, &chapter.content) {
                    Ok(text) => chapter.content = text,
                    Err(errors) => wrong
                        .extend(errors.iter().map(|error| format!("chapter {:?}: {error:#}", chapter.name))),
                }
            }
        });
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(book)
    }

    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        Ok(super::supports(renderer))
    }
}

/// Where the things are that directives name.
#[derive(Debug)]
pub(super) struct Shelf {
    /// The package: sources, snapshots.
    package: PathBuf,
    /// `src` of the book: diagrams, questions.
    book: PathBuf,
}

impl Shelf {
    fn of_book(root: &Path) -> Result<Self> {
        let package = root.parent().context("the book's directory has none above it")?;
        Ok(Self { package: package.into(), book: root.join("src") })
    }

    /// A file of the package, by its path in it.
    pub(super) fn source(&self, path: &str) -> Result<String> {
        read(&self.package.join(path), path)
    }

    /// A file beside the chapters.
    pub(super) fn beside_chapters(&self, path: &str) -> Result<String> {
        read(&self.book.join(path), path)
    }

    /// Whether the package has such a file.
    pub(super) fn has(&self, path: &str) -> bool {
        self.package.join(path).is_file()
    }
}

fn read(file: &Path, name: &str) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))
}

fn chapter_text(shelf: &Shelf, text: &str) -> Result<String, Vec<anyhow::Error>> {
    let mut out = String::new();
    let mut errors = vec![];
    for line in text.lines() {
        match followed(shelf, line) {
            Ok(Some(html)) => out += &html,
            Ok(None) => out += line,
            Err(error) => errors.push(error.context(line.trim().to_string())),
        }
        out.push('\n');
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

/// What the directive on this line stands for; `None` when there is no directive on it.
fn followed(shelf: &Shelf, line: &str) -> Result<Option<String>> {
    if !line.contains(OPEN) {
        return Ok(None);
    }
    let inside = line.trim().strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE));
    let words: Vec<&str> = inside.unwrap_or_default().split_whitespace().collect();
    Ok(Some(match words.as_slice() {
        ["transcript", lesson] => Transcript::of(shelf, lesson)?.html()?,
        ["transcript", lesson, step] => Transcript::of(shelf, lesson)?.step_html(number(step)?)?,
        ["transcript", lesson, step, "excerpt"] => {
            Transcript::of(shelf, lesson)?.excerpt_html(number(step)?)?
        }
        ["course"] => course::html(),
        ["minutes", lesson] => Transcript::of(shelf, lesson)?.minutes_html()?,
        ["pages", lesson] => Transcript::of(shelf, lesson)?.pages_markdown()?,
        ["listing", place] => listing::markdown(shelf, place, false)?,
        ["listing", place, "folded"] => listing::markdown(shelf, place, true)?,
        ["diagram", name] => diagram::html(shelf, name)?,
        ["questions", lesson] => questions::html(shelf, lesson)?,
        [] => bail!("a directive stands on a line of its own"),
        _ => bail!(
            "there is no such directive: the book knows course, transcript, minutes, pages, listing, diagram, questions"
        ),
    }))
}

fn number(step: &str) -> Result<usize> {
    step.parse().with_context(|| format!("{step} is not the number of a step"))
}
