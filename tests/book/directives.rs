//! What a chapter asks for and is not there is an error that names the chapter and the directive.

use std::fs::{create_dir_all, write};

/// The error of a book with this one chapter.
fn error(chapter: &str) -> String {
    let package = tempfile::tempdir().unwrap();
    let book = package.path().join("book");
    for directory in ["book/src/questions", "book/src/diagrams", "tests/snapshots"] {
        create_dir_all(package.path().join(directory)).unwrap();
    }
    write(book.join("book.toml"), "[build]\nuse-default-preprocessors = false\n").unwrap();
    write(book.join("src/SUMMARY.md"), "- [The chapter](chapter.md)\n").unwrap();
    write(book.join("src/chapter.md"), format!("# The chapter\n\n{chapter}\n")).unwrap();
    write(package.path().join("a.rs"), "// ANCHOR: open\nfn a() {}\n// ANCHOR: b\n// ANCHOR_END: b\n")
        .unwrap();
    write(
        book.join("src/diagrams/painted.svg"),
        "<svg role=\"img\" viewBox=\"\" fill=\"#fff\"><title/><desc/></svg>",
    )
    .unwrap();
    write(book.join("src/questions/one.toml"), "[[question]]\nask=\"?\"\nexplain=\".\"\nanswers=[\"!\"]\n")
        .unwrap();
    let two =
        "[[question]]\nask=\"?\"\nexplain=\".\"\nchoices=[{text=\"a\"},{text=\"b\",right=true}]\n".repeat(2);
    write(book.join("src/questions/unexplained.toml"), two).unwrap();
    let failed = r#"{"v":1,"lane":"host","pid":0,"event":"failed","error":"no","hint":""}"#;
    let step = r#"{"v":1,"lane":"host","pid":0,"event":"step","number":1,"title":"one"}"#;
    for (name, event) in [("bad@root-v2", failed), ("uneven@root-v2", step), ("uneven@root-v1", "")] {
        let file = format!("tests/snapshots/transcripts__{name}.jsonl.snap");
        write(package.path().join(file), format!("---\nsource: a\n---\n{event}\n")).unwrap();
    }
    let dest = package.path().join("out");
    match glassbox::book::build(&book, Some(&dest)) {
        Ok(_) => panic!("it builds: {chapter}"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn what_is_missing_is_named() {
    for (directive, reason) in [
        ("{{#transcripts pid}}", "no such directive"),
        ("{{#include a.rs}}", "no such directive"),
        ("{{#transcript}}", "no such directive"),
        ("{{#transcript nobody}}", "has no record"),
        ("{{#transcript nobody 1 excerpt}}", "has no record"),
        ("{{#transcript uneven 1}}", "differ in the number of their steps"),
        ("{{#minutes nobody}}", "has no record"),
        ("{{#pages nobody}}", "has no record"),
        ("{{#listing a.rs}}", "FILE:ANCHOR"),
        ("{{#listing b.rs:open}}", "cannot read b.rs"),
        ("{{#listing a.rs:missing}}", "no `ANCHOR: missing`"),
        ("{{#listing a.rs:open}}", "no `ANCHOR_END: open`"),
        ("{{#listing a.rs:b}}", "nothing is between"),
        ("{{#diagram nobody}}", "cannot read diagrams/nobody.svg"),
        ("{{#diagram painted}}", "a colour of its own"),
        ("{{#questions nobody}}", "cannot read questions/nobody.toml"),
        ("{{#questions one}}", "fewer than 2"),
        ("{{#questions unexplained}}", "why it is wrong"),
        ("text and {{#diagram pid}}", "on a line of its own"),
    ] {
        let error = error(directive);
        for part in ["\"The chapter\"", directive, reason] {
            assert!(error.contains(part), "{directive}: {error:?} does not contain {part:?}");
        }
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let error = error("{{#diagram nobody}}\n\n{{#questions nobody}}");
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn a_record_of_a_failure_is_refused() {
    let error = error("{{#transcript bad}}");
    assert!(error.contains("a run that failed"), "{error}");
}

#[test]
fn a_directory_with_other_things_in_it_is_not_emptied() {
    let directory = tempfile::tempdir().unwrap();
    let precious = directory.path().join("thesis.tex");
    write(&precious, "years").unwrap();
    let error = glassbox::book::build(&super::source(), Some(directory.path())).unwrap_err();
    assert!(format!("{error:#}").contains("would delete"), "{error:#}");
    assert!(precious.exists());
}
