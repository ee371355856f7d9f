//! The whole course, as each command shows it.

use libtest_mimic::Trial;

use crate::common::{Home, lessons, runs, trial};
use crate::screen::{CURSOR, Screen};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("the course is one, whoever lists it", course)];
    if runs("pid", "the title of a lesson") {
        trials.push(trial("a lesson begins with what it builds on", title));
    }
    trials
}

/// The course for people and for programs is one: every list has the minutes, and what a lesson builds on.
fn course() {
    let home = Home::new();
    let course: serde_json::Value =
        serde_json::from_str(&home.run(["list", "--format", "json"]).out).unwrap();
    let parts = course["parts"].as_array().unwrap();
    let entries: Vec<_> = parts.iter().flat_map(|part| part["lessons"].as_array().unwrap()).collect();
    let names: Vec<_> = entries.iter().map(|entry| entry["lesson"].as_str().unwrap()).collect();
    assert_eq!(names, lessons());
    let minutes: u64 = entries.iter().map(|entry| entry["minutes"].as_u64().unwrap()).sum();
    assert_eq!(course["minutes"], minutes);
    let total = format!("{} h {} min", minutes / 60, minutes % 60);
    for command in ["list", "doctor", "progress"] {
        let out = home.run([command]).out;
        assert!(out.contains(&total), "{command}: {total}:\n{out}");
        // However long a line is, and wherever it was broken.
        let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            let title = part["title"].as_str().unwrap();
            assert!(words.contains(&format!("{title} · ")), "{command}: {title}:\n{out}");
        }
        for entry in &entries {
            let bases: Vec<_> =
                entry["builds_on"].as_array().unwrap().iter().map(|base| base.as_str().unwrap()).collect();
            let name = format!(" {} ", entry["lesson"].as_str().unwrap());
            let time = format!("{} min", entry["minutes"]);
            // Up to the name of the next lesson there is what belongs to this one.
            let shown = |rest: &str| {
                let own: String = rest.split(" min").take(2).collect::<Vec<_>>().join(" min");
                own.contains(&time) && own.contains(&bases.join(", "))
            };
            assert!(words.split(&name).skip(1).any(shown), "{command}:{name}{time} {bases:?}:\n{out}");
        }
    }
}

fn title() {
    let home = Home::new();
    let mut screen = Screen::start(&home, 80, ["learn", "pid"]);
    screen.wait_for("builds on: process");
    screen.wait_for("step 1 of");
    screen.wait_for(CURSOR);
}
