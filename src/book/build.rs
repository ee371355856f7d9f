//! Building the book, from a command of ours or from mdBook's.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use mdbook_driver::MDBook;
use mdbook_preprocessor::{Preprocessor, parse_input};

use super::Directives;

/// A file that says: this directory holds a book that was built, and may be emptied to build it anew.
const MARK: &str = ".glassbox-book";

/// Where the book's source is: a directory with `book.toml`, in `book/` below `from` or one of the
/// directories above it, else beside the source that this program was compiled from.
///
/// # Errors
/// When neither has it.
pub fn source(from: &Path) -> Result<PathBuf> {
    let compiled_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    from.ancestors()
        .chain([compiled_from])
        .map(|directory| directory.join("book"))
        .find(|book| book.join("book.toml").is_file() && book.join("src/SUMMARY.md").is_file())
        .context("the source of the book is not here: no book/book.toml in this directory or above it")
}

/// Build the book whose source is in `root` into `dest`, by default where its `book.toml` says. Returns the
/// first page.
///
/// # Errors
/// When a chapter asks for something that is not there, when `dest` holds something else than a book, or when
/// it cannot be written.
pub fn build(root: &Path, dest: Option<&Path>) -> Result<PathBuf> {
    let root = root
        .canonicalize()
        .with_context(|| format!("the book's directory {} is not there", root.display()))?;
    let mut book = MDBook::load(root)?;
    if let Some(dest) = dest {
        book.config.build.build_dir = std::path::absolute(dest)?;
    }
    let dest = book.build_dir_for("html");
    may_be_emptied(&dest)?;
    // In the place of the command of the same name in book.toml, which is there for `mdbook build`.
    book.with_preprocessor(Directives);
    book.build()?;
    std::fs::write(dest.join(MARK), "").with_context(|| format!("cannot write to {}", dest.display()))?;
    Ok(dest.join("index.html"))
}

/// mdBook empties the directory that it writes to, whatever is in there.
fn may_be_emptied(dest: &Path) -> Result<()> {
    let Ok(mut entries) = std::fs::read_dir(dest) else { return Ok(()) };
    let of_a_book = [MARK, "toc.html", "book.toml"].map(|name| dest.join(name).exists());
    let ours = of_a_book[0] || (of_a_book[1] && !of_a_book[2]);
    ensure!(
        ours || entries.next().is_none(),
        "{} is not empty and holds no book: building would delete what is in there",
        dest.display()
    );
    Ok(())
}

/// mdBook's side of a preprocessor: a book as JSON comes in, and goes out with the directives followed.
///
/// # Errors
/// When a chapter asks for something that is not there, or the input is not mdBook's.
pub fn preprocess(input: impl Read, mut output: impl Write) -> Result<()> {
    let (context, book) = parse_input(input)?;
    let book = Directives.run(&context, book)?;
    serde_json::to_writer(&mut output, &book)?;
    Ok(output.flush()?)
}

/// mdBook's question before it: are we any use to this renderer?
pub fn supports(renderer: &str) -> bool {
    renderer == "html"
}
