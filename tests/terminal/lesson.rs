//! The keys in a lesson: each does what the prompt says.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::common::{Home, runs, trial};
use crate::screen::{CTRL_C, CURSOR, DOWN, ENTER, ESCAPE, PROMPT, Screen};

/// In the order in which the lesson `pid` asks: how far down the menu the truth is.
const TRUTHS: [usize; 7] = [0, 1, 1, 2, 1, 2, 1];

/// What it shows, and how at so many columns.
pub(crate) type Case = (&'static str, fn(u16));

pub(crate) fn trials() -> Vec<Trial> {
    if !runs("pid", "the interactive run") {
        return vec![];
    }
    let cases: [Case; 9] = [
        ("predict right", predict_right),
        ("predict wrong", predict_wrong),
        ("why", why),
        ("back", back),
        ("shell inside", shell_inside),
        ("quit", quit),
        ("resume", resume),
        ("asked to resume", asked_to_resume),
        ("to the end", to_the_end),
    ];
    let at = |(name, case): Case| {
        [80, 60].map(|columns| trial(format!("{name} at {columns}"), move || case(columns)))
    };
    cases.into_iter().flat_map(at).collect()
}

/// What is kept of the lesson `pid`.
pub(crate) fn kept(home: &Home) -> Value {
    let file = home.state().join("progress.json");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str::<Value>(&text).unwrap()["lessons"]["pid"].clone()
}

fn pid(home: &Home, columns: u16) -> Screen {
    Screen::start(home, columns, ["learn", "pid"])
}

fn predict_right(columns: u16) {
    let home = Home::new();
    let mut screen = pid(&home, columns);
    screen.choose(0);
    screen.wait_for(PROMPT);
    assert!(screen.text().contains("you predicted 1: right"), "{}", screen.text());
    screen.press("q");
    screen.ends_with(0, &home);
}

fn predict_wrong(columns: u16) {
    let home = Home::new();
    let mut screen = pid(&home, columns);
    screen.choose(2);
    screen.wait_for(PROMPT);
    let text = screen.text();
    assert!(text.contains("▸ 0"), "the answer stays on the screen: {text}");
    assert!(text.contains("you predicted 0") && text.contains("the kernel says 1"), "{text}");
    screen.press("q");
    screen.ends_with(0, &home);
}

fn why(columns: u16) {
    let home = Home::new();
    let mut screen = pid(&home, columns);
    screen.choose(0);
    screen.at_prompt("?");
    screen.wait_for(PROMPT);
    let text = screen.text();
    assert!(text.contains("docker run") && text.contains("pid_namespaces(7)"), "{text}");
    // A key that means nothing changes nothing.
    screen.press("x");
    screen.at_prompt("q");
    screen.ends_with(0, &home);
}

fn back(columns: u16) {
    let home = Home::new();
    let mut screen = pid(&home, columns);
    screen.choose(0);
    screen.at_prompt(ENTER);
    screen.wait_for("step 2 of 7");
    screen.choose(0);
    screen.at_prompt("b");
    screen.wait_for("press b once more");
    screen.at_prompt("b");
    screen.wait_for("step 1 of 7");
    // It is asked again, and the answer counts anew.
    screen.choose(1);
    screen.wait_for("you predicted its number on the host");
    // One b and another key do not begin again.
    screen.at_prompt("b");
    screen.at_prompt("?");
    screen.at_prompt("b");
    screen.wait_for("press b once more");
    screen.at_prompt("q");
    screen.ends_with(0, &home);
}

fn shell_inside(columns: u16) {
    let home = Home::new();
    let mut screen = pid(&home, columns);
    screen.choose(0);
    screen.at_prompt("s");
    screen.wait_for("(inside");
    // Number 1 is the lesson's child; the shell comes after it.
    screen.press("echo number=$$\r");
    screen.wait_for("number=2");
    screen.press("sh -c 'echo up$((1)); exec sleep 1000000'; echo slept$((1))\r");
    screen.wait_for("up1");
    screen.press(CTRL_C);
    screen.wait_for("(inside");
    screen.press("echo still=$((1 + 1))\r");
    screen.wait_for("still=2");
    screen.press("exit\r");
    screen.wait_for(PROMPT);
    assert!(!screen.raw().contains("slept1"), "Ctrl-C ends what runs in the shell:\n{}", screen.text());
    screen.press(ENTER);
    screen.wait_for("step 2 of 7");
    screen.choose(0);
    // After the shell Ctrl-C belongs to the lesson again.
    screen.at_prompt(CTRL_C);
    screen.ends_with(130, &home);
}

fn quit(columns: u16) {
    let home = Home::new();
    let mut screen = pid(&home, columns);
    screen.choose(0);
    screen.at_prompt(ENTER);
    screen.choose(0);
    screen.at_prompt("q");
    screen.ends_with(0, &home);
    assert_eq!((&kept(&home)["step"], &kept(&home)["done"]), (&2.into(), &false.into()));
}

fn resume(columns: u16) {
    let home = Home::new();
    let mut screen = Screen::start(&home, columns, ["learn", "pid", "--from", "3"]);
    screen.choose(0);
    screen.wait_for(PROMPT);
    assert!(!screen.raw().contains("step 2 of 7"), "the steps before are not shown:\n{}", screen.text());
    assert_eq!(kept(&home)["step"], 3);
    screen.press("q");
    screen.ends_with(0, &home);
}

/// Whoever has been here before is asked where to begin, and may leave it at that.
fn asked_to_resume(columns: u16) {
    let home = Home::new();
    let mut screen = pid(&home, columns);
    screen.choose(0);
    screen.at_prompt(ENTER);
    screen.choose(0);
    screen.at_prompt("q");
    screen.ends_with(0, &home);
    let mut screen = pid(&home, columns);
    screen.wait_for("You have been here before");
    screen.wait_for(CURSOR);
    screen.press(ESCAPE);
    screen.ends_with(0, &home);
    assert!(!screen.raw().contains("step 1 of"), "{}", screen.text());
    assert_eq!(kept(&home)["step"], 2, "the place is kept");
    let mut screen = pid(&home, columns);
    screen.wait_for("You have been here before");
    screen.choose(0);
    screen.wait_for("step 1 is done again first");
    screen.choose(0);
    screen.wait_for(PROMPT);
    assert!(screen.raw().contains("step 2 of") && !screen.raw().contains("step 1 of"), "{}", screen.text());
    screen.press("q");
    screen.ends_with(0, &home);
    let mut screen = pid(&home, columns);
    screen.wait_for("You have been here before");
    screen.choose(1);
    screen.wait_for("step 1 of");
    screen.choose(0);
    screen.at_prompt("q");
    screen.ends_with(0, &home);
}

fn to_the_end(columns: u16) {
    let home = Home::new();
    let mut screen = pid(&home, columns);
    let end = "glassbox lab start pid";
    let mut asked = 0;
    loop {
        match screen.wait_for_one_of(&[CURSOR, PROMPT, end]) {
            CURSOR => {
                // One is wrong on purpose, so that right ones are counted and not questions.
                let down = if asked == 1 { 0 } else { TRUTHS[asked] };
                for _ in 0..down {
                    screen.press(DOWN);
                    screen.wait_for(CURSOR);
                }
                screen.press(ENTER);
                asked += 1;
            }
            PROMPT => screen.press(ENTER),
            _ => break,
        }
    }
    assert!(screen.text().contains("you predicted 6 of 7 right"), "{}", screen.text());
    screen.ends_with(0, &home);
    let kept = kept(&home);
    assert_eq!((&kept["done"], &kept["step"]), (&true.into(), &0.into()), "{kept}");
    assert_eq!((&kept["predicted_right"], &kept["predicted"]), (&6.into(), &7.into()), "{kept}");
    let progress = home.run(["progress"]);
    assert!(progress.out.contains("done, 6 of 7 predictions right"), "{progress}");
}
