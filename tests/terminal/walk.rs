//! Every lesson from its beginning to its end, and how wide its lines are.

use libtest_mimic::Trial;
use unicode_width::UnicodeWidthStr;

use crate::common::{Home, lessons, runs, trial};
use crate::screen::{CURSOR, ENTER, PROMPT, Screen, without_escapes};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![];
    for lesson in lessons().into_iter().filter(|lesson| runs(lesson, "the walk")) {
        trials.extend([80, 60].map(|columns| {
            trial(format!("{lesson} from end to end at {columns}"), move || walk(lesson, columns))
        }));
    }
    trials
}

fn walk(lesson: &'static str, columns: u16) {
    let home = Home::new();
    let mut screen = Screen::start(&home, columns, ["learn", lesson]);
    let end = format!("glassbox lab start {lesson}");
    let mut stops = 0;
    loop {
        match screen.wait_for_one_of(&[CURSOR, PROMPT, &end]) {
            PROMPT if stops % 2 == 0 => screen.press("?"),
            text if text == end => break,
            _ => screen.press(ENTER),
        }
        stops += 1;
    }
    screen.ends_with(0, &home);
    let raw = screen.raw();
    assert!(stops > 4 && !raw.contains('✘'), "{lesson}:\n{}", screen.text());
    let wide = too_wide(&without_escapes(&raw), usize::from(columns));
    assert_eq!(wide, Vec::<String>::new(), "lines of {lesson} wider than {columns} columns");
    if lesson == "memory" {
        bar_moves(&raw);
    }
}

/// Lines that a terminal would break, other than commands and addresses to be copied, which are never wrapped.
fn too_wide(text: &str, columns: usize) -> Vec<String> {
    let mut wide = vec![];
    let mut command = false;
    for line in text.split(['\n', '\r']).filter(|line| !line.is_empty()) {
        // A command stands below its label, under the label's text.
        command = line.starts_with(" try it") || (command && line.starts_with("            "));
        let may_be_wide =
            (command && !line.starts_with(" try it")) || line.trim_start().starts_with("https://");
        if line.width() > columns && !may_be_wide {
            wide.push(line.to_string());
        }
    }
    wide
}

/// The bar of the memory lesson is drawn again in its place, and grows.
pub(crate) fn bar_moves(raw: &str) {
    let bars: Vec<usize> = without_escapes(raw)
        .split(['\n', '\r'])
        .filter(|line| line.contains("the group") && line.contains(" MiB") && line.contains('░'))
        .map(|line| line.matches('█').count())
        .collect();
    assert!(bars.len() > 8 && bars.first() < bars.last(), "the bar moves: {bars:?}");
    let lines = raw.split('\n').filter(|line| line.contains('░')).count();
    assert!(lines < bars.len(), "the bar moves in its place: {lines} lines, {} bars", bars.len());
}
