//! Where escape codes are unwanted there are none: in a pipe, under `NO_COLOR`, at a dumb terminal.

use libtest_mimic::Trial;

use crate::common::{Home, finish, runs, trial};
use crate::screen::{CTRL_C, PROMPT, Screen};
use crate::walk;

const ESC: char = '\x1b';
/// What asks for a choice where no menu can be drawn.
const NUMBER: &str = "number [1]: ";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("commands in a pipe write no escape codes", pipe)];
    if runs("pid", "plain terminals") {
        trials.push(trial("a lesson in a pipe writes no escape codes", lesson_in_a_pipe));
        trials.push(trial("CLICOLOR_FORCE colours a pipe", forced));
        for (name, environment) in [("NO_COLOR", ("NO_COLOR", "1")), ("TERM=dumb", ("TERM", "dumb"))] {
            trials.push(trial(format!("questions by number under {name}"), move || by_number(environment)));
            trials.push(trial(format!("Ctrl-C under {name}"), move || ctrl_c(environment)));
            trials.push(trial(format!("the menu by number under {name}"), move || menu(environment)));
        }
        trials.push(trial("an empty NO_COLOR is none", empty_no_color));
    }
    if runs("memory", "plain terminals") {
        trials.push(trial("the bar moves under NO_COLOR", bar_without_escapes));
        trials.push(trial("the bar stands still under TERM=dumb", bar_of_a_dumb_terminal));
    }
    trials
}

fn assert_no_escapes(screen: &Screen) {
    let raw = screen.raw();
    assert!(!raw.contains(ESC), "{raw:?}");
}

fn pipe() {
    let home = Home::new();
    let ran = [
        home.run([]),
        home.run(["list"]),
        home.run(["doctor"]),
        home.run(["progress"]),
        home.run(["lab", "list"]),
        home.run(["learn", "--help"]),
        home.run(["learn", "nonsense"]),
    ];
    for ran in ran {
        assert!(!ran.all().is_empty() && !ran.all().contains(ESC), "{ran}");
    }
}

fn lesson_in_a_pipe() {
    for format in ["plain", "terminal", "jsonl"] {
        let ran = Home::new().run(["learn", "pid", "--auto", "--format", format]);
        assert_eq!(ran.code, Some(0), "{ran}");
        assert!(!ran.all().contains([ESC, '\r']), "{format}: {ran}");
    }
}

fn forced() {
    let home = Home::new();
    for args in [&["doctor"][..], &["learn", "pid", "--auto", "--format", "terminal"]] {
        let forced = finish(home.command(crate::common::GLASSBOX).args(args).env("CLICOLOR_FORCE", "1"));
        assert!(forced.out.contains("\x1b[3"), "{args:?}: {forced}");
        let mut both = home.command(crate::common::GLASSBOX);
        let both = finish(both.args(args).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"));
        assert!(!both.out.contains(ESC), "NO_COLOR is stronger: {both}");
    }
}

fn by_number(environment: (&str, &str)) {
    let home = Home::new();
    let mut screen = Screen::start_with(&home, 80, ["learn", "pid"], &[environment]);
    screen.wait_for(NUMBER);
    screen.press("7\r");
    screen.wait_for("a number from 1 to 3, or q");
    screen.wait_for(NUMBER);
    screen.press("3\r");
    screen.wait_for("you predicted 0: the kernel says 1");
    screen.at_prompt("?");
    screen.wait_for("docker run");
    screen.at_prompt("\r");
    screen.wait_for("step 2 of 7");
    screen.wait_for(NUMBER);
    screen.press("\r");
    screen.wait_for("you predicted only its own: the kernel says the host's");
    screen.at_prompt("q");
    screen.ends_with(0, &home);
    assert_no_escapes(&screen);
}

fn ctrl_c(environment: (&str, &str)) {
    let home = Home::new();
    let mut screen = Screen::start_with(&home, 80, ["learn", "pid"], &[environment]);
    screen.wait_for(NUMBER);
    screen.press(CTRL_C);
    screen.ends_with(130, &home);
    assert_no_escapes(&screen);
}

fn menu(environment: (&str, &str)) {
    let home = Home::new();
    let mut screen = Screen::start_with(&home, 80, [], &[environment]);
    screen.wait_for("Which lesson?");
    screen.wait_for(NUMBER);
    screen.press("q\r");
    screen.ends_with(0, &home);
    assert_no_escapes(&screen);
}

fn empty_no_color() {
    let home = Home::new();
    let mut screen = Screen::start_with(&home, 80, ["learn", "pid"], &[("NO_COLOR", "")]);
    screen.choose(0);
    screen.at_prompt("q");
    screen.ends_with(0, &home);
    assert!(screen.raw().contains("\x1b[1m"), "{:?}", screen.raw());
}

/// The memory lesson to its end, whatever it asks.
fn memory(environment: (&str, &str)) -> Screen {
    let home = Home::new();
    let mut screen = Screen::start_with(&home, 80, ["learn", "memory"], &[environment]);
    while screen.wait_for_one_of(&[NUMBER, PROMPT, "glassbox lab start memory"]).len() < 20 {
        screen.press("\r");
    }
    screen.ends_with(0, &home);
    assert_no_escapes(&screen);
    screen
}

fn bar_without_escapes() {
    walk::bar_moves(&memory(("NO_COLOR", "1")).raw());
}

fn bar_of_a_dumb_terminal() {
    // The line discipline writes a line feed as two bytes.
    let raw = memory(("TERM", "dumb")).raw().replace("\r\n", "\n");
    assert!(!raw.contains('\r') && raw.contains('░'), "{raw:?}");
}
