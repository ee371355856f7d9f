//! A page in a real browser: what is seen, and the questions answered.

use std::path::Path;
use std::process::Command;

use glassbox::stage::Lesson;
use serde_json::Value;

use super::{built, layouts, tools};

/// What a page says about itself after `look.js` has looked at it.
fn looked_at(browser: &Path, page: &str) -> Value {
    let scratch = tempfile::tempdir().unwrap();
    let html = std::fs::read_to_string(built().join(page)).unwrap();
    let script = include_str!("look.js");
    // Not `.html`, so that no other test takes it for a page of the book.
    let copy = built().join(page).with_extension("htm");
    std::fs::write(&copy, html.replace("</body>", &format!("<script>{script}</script></body>"))).unwrap();
    let output = Command::new("timeout")
        .arg("120")
        .arg(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args([
            "--disable-dev-shm-usage",
            "--window-size=1200,900",
            "--virtual-time-budget=5000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", scratch.path().display()))
        .arg(format!("file://{}", copy.display()))
        .env("HOME", scratch.path())
        .output()
        .unwrap();
    std::fs::remove_file(copy).unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let report = dom
        .split_once("id=\"looked-at\">")
        .and_then(|(_, rest)| rest.split_once("</script>"))
        .unwrap_or_else(|| panic!("{page}: no report; {}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(report.0).unwrap()
}

#[test]
fn a_page_is_seen_and_its_questions_answer() {
    let Some(browser) = tools::tool("book in a browser", &["chromium", "chromium-browser", "google-chrome"])
    else {
        return;
    };
    for lesson in glassbox::lessons::all() {
        let page = format!("{}.html", lesson.id);
        let seen = looked_at(&browser, &page);

        transcripts_are_shown(lesson, &seen["transcripts"], "v2");
        for turned in seen["turned"].as_array().unwrap() {
            transcripts_are_shown(lesson, &turned["transcripts"], turned["layout"].as_str().unwrap());
            assert_eq!(turned["focused"], true, "{page}: {turned}");
            assert_eq!(turned["page_turned"], false, "{page}: {turned}");
            assert!(turned["moved"].as_f64().unwrap() <= 1.0, "{page}: the switch jumps: {turned}");
        }
        let differs = layouts::switches(lesson).iter().any(|labels| labels.len() > 1);
        assert_eq!(seen["turned"].as_array().unwrap().len(), if differs { 3 } else { 0 }, "{page}");
        transcripts_are_shown(lesson, &seen["remembered"], "v1");

        let questions = seen["questions"].as_array().unwrap();
        assert!(questions.len() >= 2, "{page}: {questions:?}");
        for question in questions {
            let (right, wrong) = (question["right"].as_str().unwrap(), &question["wrong"]);
            assert!(right.starts_with("✔ Right.") && right.len() > 20, "{page}: {question}");
            for wrong in wrong.as_array().unwrap().iter().map(|text| text.as_str().unwrap()) {
                assert!(wrong.starts_with("✘ Not so.") && wrong.len() > 20, "{page}: {question}");
                assert_ne!(wrong, right);
            }
            assert!(question["empty"].as_str().unwrap().ends_with("first."), "{page}: {question}");
            assert_eq!(question["arrow_turns_the_page"], false, "{page}: {question}");
        }

        // WCAG asks for 4.5 to 1 for text.
        let contrasts = seen["contrasts"].as_array().unwrap().iter();
        let faint = contrasts.filter(|contrast| contrast["ratio"].as_f64().unwrap() < 4.5);
        assert_eq!(faint.collect::<Vec<_>>(), Vec::<&Value>::new(), "{page} has text that is hard to read");
        assert_eq!(seen["overflowing"], serde_json::json!([]), "{page} is wider than its window");
        let narrow = serde_json::json!({ "width": 360, "overflowing": [] });
        assert_eq!(seen["narrow"], narrow, "{page} is wider than a narrow window");
        for address in seen["loaded"].as_array().unwrap() {
            assert!(address.as_str().unwrap().starts_with("file:"), "{page} loads {address}");
        }
    }
}

/// Every step is there once, as it is on this layout, with a switch where layouts differ.
fn transcripts_are_shown(lesson: &Lesson, seen: &Value, layout: &str) {
    // Lines are broken where the page wants it.
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let seen = seen.as_array().unwrap();
    assert_eq!(seen.len(), lesson.steps, "{}: {seen:?}", lesson.id);
    for (step, (transcript, labels)) in seen.iter().zip(layouts::switches(lesson)).enumerate() {
        let what = format!("{}, step {}, layout {layout}: {transcript}", lesson.id, step + 1);
        let text = dense(transcript["text"].as_str().unwrap());
        assert_eq!(transcript["shown"], 1, "{what}");
        assert!(text.contains(&dense(lesson.title)), "of another version of the lesson: {what}");
        for source in layouts::sources(lesson, layout, step) {
            assert!(text.contains(&dense(&source)), "no {source}: {what}");
        }
        let chosen = labels.iter().find(|label| label.split(", ").any(|name| name == layout));
        let switch = if labels.len() > 1 { labels.as_slice() } else { &[] };
        assert_eq!(transcript["options"], serde_json::json!(switch), "{what}");
        assert_eq!(
            transcript["chosen"].as_str(),
            chosen.filter(|_| labels.len() > 1).map(String::as_str),
            "{what}"
        );
    }
}
