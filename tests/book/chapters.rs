//! Each lesson has a chapter, and each chapter has all that belongs to one.

use std::fs::read_to_string;

use super::source;

fn chapter(id: &str) -> String {
    read_to_string(source().join(format!("src/{id}.md"))).unwrap_or_else(|_| panic!("{id} has no chapter"))
}

#[test]
fn every_lesson_has_a_chapter() {
    let summary = read_to_string(source().join("src/SUMMARY.md")).unwrap();
    for lesson in glassbox::lessons::all() {
        assert!(summary.contains(&format!("({}.md)", lesson.id)), "{} is not in the summary", lesson.id);
        let chapter = chapter(lesson.id);
        for directive in ["minutes", "diagram", "questions", "pages"] {
            let line = format!("{{{{#{directive} {}}}}}", lesson.id);
            assert!(chapter.lines().any(|have| have == line), "chapter {}: no {line}", lesson.id);
        }
        let words = chapter.split_whitespace().count();
        assert!((500..=1_600).contains(&words), "chapter {}: {words} words", lesson.id);
    }
}

#[test]
fn the_parts_of_the_book_are_those_of_the_lessons() {
    let summary = read_to_string(source().join("src/SUMMARY.md")).unwrap();
    let mut rest = summary.as_str();
    for part in glassbox::lessons::PARTS {
        let lines = [format!("\n# {}\n", part.title)];
        let chapters = part.lessons.iter().map(|lesson| format!("({}.md)", lesson.id));
        for line in lines.into_iter().chain(chapters) {
            rest =
                rest.split_once(&line).unwrap_or_else(|| panic!("{line:?} is not there, or not in order")).1;
        }
    }
}

#[test]
fn every_step_of_a_lesson_is_shown() {
    for lesson in glassbox::lessons::all() {
        let chapter = chapter(lesson.id);
        let whole = chapter.contains(&format!("{{{{#transcript {}}}}}", lesson.id));
        for step in 1..=lesson.steps {
            let one = format!("{{{{#transcript {} {step}}}}}", lesson.id);
            assert!(whole || chapter.contains(&one), "chapter {}: no {one}", lesson.id);
        }
    }
}

#[test]
fn every_anchor_of_a_lesson_is_shown() {
    for lesson in glassbox::lessons::all() {
        let path = format!("lessons/{}/mod.rs", lesson.id);
        let text = read_to_string(source().with_file_name("").join(&path)).unwrap();
        let chapter = chapter(lesson.id);
        for anchor in text.lines().filter_map(|line| line.trim().strip_prefix("// ANCHOR: ")) {
            let shown = format!("{{{{#listing {path}:{anchor}");
            assert!(chapter.contains(&shown), "chapter {}: no {shown}", lesson.id);
        }
    }
}

#[test]
fn every_text_for_the_page_has_a_place_in_it() {
    let summary = read_to_string(source().join("src/SUMMARY.md")).unwrap();
    for entry in std::fs::read_dir(source().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(summary.contains(&format!("({name})")), "{name} is not in the summary");
        }
    }
    let chapters: String = std::fs::read_dir(source().join("src"))
        .unwrap()
        .filter_map(|entry| read_to_string(entry.unwrap().path()).ok())
        .collect();
    for (directory, directive) in [("diagrams", "diagram"), ("questions", "questions")] {
        for entry in std::fs::read_dir(source().join("src").join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(chapters.contains(&format!("{{{{#{directive} {name}}}}}")), "{path:?} is shown nowhere");
        }
    }
}

/// What docker leaves out, one by one and none besides.
#[test]
fn every_dropped_capability_is_explained() {
    use glassbox::kernel::capability::{DOCKER_DEFAULT, Set};
    let chapter = chapter("capabilities");
    let rows = chapter.lines().skip_while(|line| !line.starts_with("| without |")).skip(2);
    let rows = rows.map_while(|line| line.strip_prefix("| `")?.split_once('`'));
    let told: Vec<&str> = rows.map(|(name, _)| name).collect();
    let dropped: Vec<&str> =
        Set::all().difference(DOCKER_DEFAULT).iter_names().map(|(name, _)| name).collect();
    assert_eq!(told, dropped);
}
