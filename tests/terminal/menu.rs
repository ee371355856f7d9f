//! `glassbox` alone: the menu of the lessons.

use libtest_mimic::Trial;

use crate::common::{Home, lessons, runs, trial};
use crate::lesson::Case;
use crate::screen::{CURSOR, DOWN, ESCAPE, PROMPT, Screen, UP};

pub(crate) fn trials() -> Vec<Trial> {
    let mut cases: Vec<Case> = vec![("menu: leave", leave), ("menu: the first undone", first_undone)];
    if runs("pid", "the menu") {
        cases.extend([
            ("menu: a lesson and back", lesson_and_back as fn(u16)),
            ("menu: go on with a step", go_on),
        ]);
    }
    let mut trials = vec![];
    for (name, case) in cases {
        trials.extend([80, 60].map(|columns| trial(format!("{name} at {columns}"), move || case(columns))));
    }
    trials
}

fn menu(home: &Home, columns: u16) -> Screen {
    let mut screen = Screen::start(home, columns, []);
    screen.wait_for("Which lesson?");
    screen.wait_for(CURSOR);
    // The entries come in more than one breath.
    screen.wait_for("quit");
    screen
}

/// The entry that Enter would take.
fn offered(screen: &Screen) -> String {
    let text = screen.text();
    let line = text.lines().find(|line| line.starts_with(CURSOR));
    line.unwrap_or_else(|| panic!("no entry is offered on\n{text}")).to_string()
}

fn keep(home: &Home, progress: &str) {
    std::fs::create_dir_all(home.state()).unwrap();
    std::fs::write(home.state().join("progress.json"), progress).unwrap();
}

fn leave(columns: u16) {
    for key in [ESCAPE, "q"] {
        let home = Home::new();
        let mut screen = menu(&home, columns);
        screen.press(key);
        screen.ends_with(0, &home);
    }
    // The entry for it is the last one: up from the first.
    let home = Home::new();
    let mut screen = menu(&home, columns);
    screen.press(UP);
    screen.wait_for(CURSOR);
    assert!(offered(&screen).contains("quit"), "{}", screen.text());
    screen.press("\r");
    screen.ends_with(0, &home);
}

fn first_undone(columns: u16) {
    let home = Home::new();
    let all = lessons();
    keep(&home, &format!(r#"{{"lessons": {{"{}": {{"done": true}}}}}}"#, all[0]));
    let mut screen = menu(&home, columns);
    let text = screen.text();
    assert!(offered(&screen).contains(all[1]), "{text}");
    assert!(text.lines().any(|line| line.contains('✔') && line.contains(all[0])), "{text}");
    for lesson in &all {
        assert!(text.lines().filter(|line| line.contains(lesson)).count() > 0, "{lesson} is listed:\n{text}");
    }
    screen.press("q");
    screen.ends_with(0, &home);
}

fn to_pid(screen: &mut Screen) {
    for _ in 0..lessons().len() {
        if offered(screen).trim_start_matches([CURSOR.chars().next().unwrap(), ' ', '✔']).starts_with("pid ")
        {
            screen.press("\r");
            return;
        }
        screen.press(DOWN);
        screen.wait_for(CURSOR);
        // The rest of the menu comes in the same breath as the entry that is offered.
        screen.wait_for("quit");
    }
    panic!("no lesson pid on\n{}", screen.text());
}

/// Answer the first question, leave at the pause, and then leave the menu.
fn leave_from_the_lesson(mut screen: Screen, home: &Home) {
    screen.choose(0);
    screen.at_prompt("q");
    screen.wait_for("Which lesson?");
    screen.wait_for("quit");
    screen.press("q");
    screen.ends_with(0, home);
}

fn lesson_and_back(columns: u16) {
    let home = Home::new();
    let mut screen = menu(&home, columns);
    to_pid(&mut screen);
    screen.wait_for("step 1 of 7");
    screen.choose(0);
    screen.at_prompt("q");
    screen.wait_for("left at step 1 of 7");
    screen.wait_for("quit");
    assert!(offered(&screen).contains(" pid "), "the lesson that was left is offered\n{}", screen.text());
    screen.press("\r");
    screen.wait_for("step 1 of 7");
    leave_from_the_lesson(screen, &home);
}

fn go_on(columns: u16) {
    let home = Home::new();
    keep(&home, r#"{"lessons": {"pid": {"step": 4}}}"#);
    let mut screen = menu(&home, columns);
    to_pid(&mut screen);
    screen.wait_for("You have been here before");
    screen.wait_for(CURSOR);
    assert!(offered(&screen).contains("go on with step 4 of 7"), "{}", screen.text());
    screen.press("\r");
    screen.wait_for("step 4 of 7");
    screen.choose(0);
    screen.wait_for(PROMPT);
    assert!(!screen.raw().contains("step 1 of 7"), "{}", screen.text());
    screen.press("q");
    screen.wait_for("Which lesson?");
    screen.wait_for("quit");
    // The other entry begins again.
    to_pid(&mut screen);
    screen.wait_for("You have been here before");
    screen.choose(1);
    screen.wait_for("step 1 of 7");
    leave_from_the_lesson(screen, &home);
}
