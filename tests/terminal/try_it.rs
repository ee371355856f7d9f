//! What a lesson offers for a second terminal works there, at the very moment at which it is offered.

use libtest_mimic::Trial;

use crate::common::{Home, finish, has_tool, lessons, runs, trial};
use crate::screen::{CURSOR, ENTER, PROMPT, Screen, without_escapes};

pub(crate) fn trials() -> Vec<Trial> {
    let here = lessons().into_iter().filter(|lesson| runs(lesson, "what there is to try"));
    here.map(|lesson| trial(format!("{lesson}: what there is to try"), move || try_all(lesson))).collect()
}

fn try_all(lesson: &'static str) {
    let home = Home::new();
    let mut screen = Screen::start(&home, 80, ["learn", lesson]);
    let end = format!("glassbox lab start {lesson}");
    let (mut seen, mut tried) = (0, 0);
    loop {
        let found = screen.wait_for_one_of(&[CURSOR, PROMPT, &end]);
        if found == end {
            break;
        }
        if found == PROMPT {
            let text = screen.raw();
            for command in commands(&without_escapes(&text[seen..])) {
                try_it(lesson, &command, &home);
                tried += 1;
            }
            seen = text.len();
        }
        screen.press(ENTER);
    }
    screen.ends_with(0, &home);
    assert!(tried > 0, "{lesson} offers nothing to try");
}

/// The commands below their labels: the last line of what is indented.
fn commands(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(|line| line.trim_end_matches('\r')).collect();
    let labels = (0..lines.len()).filter(|at| lines[*at].starts_with(" try it"));
    let below = |at: usize| lines[at + 1..].iter().take_while(|line| line.starts_with("            "));
    labels.filter_map(|at| Some(below(at).last()?.trim().to_string())).collect()
}

/// It works, or shows something (`diff` tells by its exit code what it found), and complains of nothing.
fn try_it(lesson: &str, command: &str, home: &Home) {
    if !has_tool(program(command), format!("what there is to try in {lesson}")) {
        return;
    }
    // A shell does what is typed; the others do not read it.
    let ran = finish(&mut home.script(&format!("echo 'echo hello' | {command}")));
    let works = ran.code == Some(0) || !ran.out.is_empty();
    assert!(works && ran.err.is_empty(), "{lesson} offers\n{command}\n{ran}");
}

/// What is run: for `nsenter(1)` that is behind its flags.
fn program(command: &str) -> &str {
    let mut words = command.split_whitespace();
    let first = words.next().unwrap_or_default();
    if first != "nsenter" {
        return first;
    }
    words.find(|word| !word.starts_with('-') && word.parse::<i32>().is_err()).unwrap_or(first)
}
