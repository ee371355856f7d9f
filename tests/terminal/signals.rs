//! Ended from outside, wherever it waits: a sane terminal, and nothing left.

use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::common::{Home, eventually, runs, trial};
use crate::screen::{CTRL_C, CURSOR, PROMPT, Screen};

/// Where the program waits for a key: the arguments, and what comes before.
type Place = (&'static str, fn(&Home) -> Screen);

const PLACES: [Place; 3] =
    [("a pause", at_a_pause), ("a question", at_a_question), ("the menu", in_the_menu)];

pub(crate) fn trials() -> Vec<Trial> {
    if !runs("pid", "signals at a terminal") {
        return vec![];
    }
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
    let mut trials = vec![];
    for (name, place) in PLACES {
        trials.push(trial(format!("Ctrl-C at {name}"), move || ctrl_c(place)));
        trials.push(trial(format!("window closed at {name}"), move || window_closed(place)));
        let by_signal =
            signals.map(|signal| trial(format!("{signal} at {name}"), move || ended(place, signal)));
        trials.extend(by_signal);
    }
    trials.push(trial("the cursor is hidden at a question", cursor_hides));
    trials.push(trial("window closed while in the shell inside", window_closed_in_shell));
    trials
}

fn at_a_pause(home: &Home) -> Screen {
    let mut screen = at_a_question(home);
    screen.press("\r");
    screen.wait_for(PROMPT);
    screen
}

fn at_a_question(home: &Home) -> Screen {
    let mut screen = Screen::start(home, 80, ["learn", "pid"]);
    screen.wait_for(CURSOR);
    screen
}

fn in_the_menu(home: &Home) -> Screen {
    let mut screen = Screen::start(home, 80, []);
    screen.wait_for("Which lesson?");
    screen.wait_for(CURSOR);
    screen
}

fn ctrl_c(place: fn(&Home) -> Screen) {
    let home = Home::new();
    let mut screen = place(&home);
    screen.press(CTRL_C);
    screen.ends_with(130, &home);
}

fn ended(place: fn(&Home) -> Screen, signal: Signal) {
    let home = Home::new();
    let screen = place(&home);
    screen.signal(signal);
    screen.ends_with(128 + signal as i32, &home);
}

fn window_closed(place: fn(&Home) -> Screen) {
    let home = Home::new();
    let mut screen = place(&home);
    screen.close();
    screen.ends_unseen(&home);
}

fn window_closed_in_shell() {
    let home = Home::new();
    let mut screen = at_a_pause(&home);
    screen.press("s");
    screen.wait_for("(inside");
    screen.press("echo up$((1))\r");
    screen.wait_for("up1");
    screen.close();
    screen.ends_unseen(&home);
}

/// Otherwise nothing would be proved by its being there afterwards.
fn cursor_hides() {
    let home = Home::new();
    let mut screen = at_a_question(&home);
    eventually("the cursor hides", || !screen.has_cursor());
    screen.press(CTRL_C);
    screen.ends_with(130, &home);
}
