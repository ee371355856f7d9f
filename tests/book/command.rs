//! `glassbox book`, and its other side: the preprocessor that mdBook starts.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::source;

fn glassbox(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glassbox"));
    command.args(args);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_says_where_the_book_is() {
    let directory = tempfile::tempdir().unwrap();
    let dest = directory.path().join("my book");
    for _ in ["new", "again, over the first"] {
        let output = glassbox(&["book", "--dest"]).arg(&dest).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).trim(), dest.join("index.html").to_string_lossy());
    }
    assert!(dest.join("introduction.html").is_file());
}

#[test]
fn it_is_found_from_any_directory() {
    let directory = tempfile::tempdir().unwrap();
    let output = glassbox(&["book", "--dest", "here"]).current_dir(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(directory.path().join("here/index.html").is_file());
}

fn preprocessed(input: &str) -> Output {
    let mut child = glassbox(&["book", "preprocess"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn mdbook_builds_the_book_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = mdbook_driver::config::Config::from_disk(source().join("book.toml")).unwrap();
    let command: String = config.get("preprocessor.glassbox.command").unwrap().unwrap();
    let ours = command.strip_prefix("cargo run --quiet -- ").unwrap();
    let command = format!("'{}' {ours}", env!("CARGO_BIN_EXE_glassbox"));
    config.set("preprocessor.glassbox.command", command).unwrap();
    config.build.build_dir = directory.path().into();
    mdbook_driver::MDBook::load_with_config(source(), config).unwrap().build().unwrap();
    let page = std::fs::read_to_string(directory.path().join("pid.html")).unwrap();
    assert!(page.contains("gb-transcript") && page.contains("gb-question"), "{page}");
}

#[test]
fn mdbook_can_use_it_as_a_preprocessor() {
    let supports =
        |renderer| glassbox(&["book", "preprocess", "supports", renderer]).status().unwrap().success();
    assert!(supports("html"));
    assert!(!supports("epub"));

    let book = |content: &str| {
        let chapter = serde_json::json!({"Chapter": {
            "name": "A chapter", "content": content, "number": null, "sub_items": [],
            "path": "a.md", "source_path": "a.md", "parent_names": []
        }});
        let context = serde_json::json!({
            "root": source(), "config": {}, "renderer": "html", "mdbook_version": "0.5.4"
        });
        serde_json::json!([context, {"items": [chapter]}]).to_string()
    };
    let output = preprocessed(&book("{{#transcript pid 1}}"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("gb-transcript"), "{}", text(&output.stdout));

    let output = preprocessed(&book("{{#transcript nobody}}"));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("A chapter"), "{}", text(&output.stderr));
}
