//! How it looks: at a width of 80 and 60 columns, in a pipe, and word for word for a container that is known.

use std::process::Command;

use libtest_mimic::Trial;
use unicode_width::UnicodeWidthStr;

use crate::common::{GLASSBOX, Home, finish, has_tool, skip, trial};
use crate::xray::{Xray, inspect};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("text in a pipe", piped),
        trial("text in a narrow terminal", narrow),
        trial("the book names every field", documented),
        trial("text, word for word", word_for_word),
    ]
}

fn piped() {
    let ran = inspect(&[&std::process::id().to_string()]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
    assert!(!ran.out.contains('\u{1b}'), "no colour in a pipe: {ran}");
    for aspect in ["process", "namespaces", "users", "limits", "files", "capabilities", "system calls"] {
        assert!(ran.out.lines().any(|line| line == format!(" {aspect}")), "{aspect}: {ran}");
    }
    for line in ran.out.lines() {
        // A path or a name is never cut off, so a word can be longer than a line.
        let words = line.split_whitespace().count();
        assert!(line.width() <= 80 || words < 3, "{} columns: {line}", line.width());
    }
}

/// Every field of the JSON and every field of those stands in the chapter.
fn documented() {
    let chapter =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/events.md")).unwrap();
    let (_, section) = chapter.split_once("\n## The x-ray of a process\n").unwrap();
    let xray = Xray::of(std::process::id() as i32).0;
    for (name, value) in xray.as_object().unwrap() {
        let item = value.as_array().map_or(value, |items| &items[0]);
        for name in item.as_object().into_iter().flat_map(|fields| fields.keys()).chain([name]) {
            assert!(section.contains(&format!("`{name}`")), "{name}");
        }
    }
}

/// At a terminal of 60 columns, with and without colour.
fn narrow() {
    if !has_tool("script", "a narrow terminal") {
        return;
    }
    for (colour, codes) in [("", true), ("NO_COLOR=1", false)] {
        let shell = format!(
            "stty cols 60 rows 24; exec env TERM=xterm {colour} {GLASSBOX} inspect {}",
            std::process::id()
        );
        let ran = finish(Home::new().command("script").args(["-qec", &shell, "/dev/null"]));
        assert_eq!(ran.code, Some(0), "{ran}");
        assert_eq!(ran.out.contains('\u{1b}'), codes, "{ran}");
        for line in ran.out.lines().filter(|_| !codes) {
            let line = line.trim_end();
            assert!(
                line.width() <= 60 || line.split_whitespace().count() < 3,
                "{} columns: {line}",
                line.width()
            );
        }
    }
}

/// What differs from machine to machine: numbers from 2 on become `#`, groups of users and cgroups are left out.
fn stable(text: &str) -> String {
    let mut out = String::new();
    let mut in_group = false;
    for line in text.lines() {
        in_group = line.starts_with("   cgroup        /") || (in_group && line.starts_with("          "));
        if in_group || line.starts_with("   groups ") {
            continue;
        }
        let mut rest = line;
        while let Some(at) = rest.find(|sign: char| sign.is_ascii_digit()) {
            let end =
                rest[at..].find(|sign: char| !sign.is_ascii_digit()).map_or(rest.len(), |length| at + length);
            let number = &rest[at..end];
            out += &rest[..at];
            out += if matches!(number, "0" | "1") { number } else { "#" };
            rest = &rest[end..];
        }
        out += rest;
        out.push('\n');
    }
    out
}

/// A machine made for it, whose first process stands for the host, and in it a container: everything is known.
fn word_for_word() {
    let what = "text, word for word";
    if !has_tool("bwrap", what) || !has_tool("unshare", what) || !has_tool("setpriv", what) {
        return;
    }
    let container = "echo >/tmp/ready; read end </tmp/hold";
    let script = format!(
        "mkfifo /tmp/ready /tmp/hold
         unshare -U -r -m -n -u -p -f --kill-child setpriv --no-new-privs sh -c '{container}' &
         read ready </tmp/ready
         for status in /proc/[0-9]*/status; do
             grep -q \"^PPid:.$!$\" $status && inside=${{status#/proc/}}
         done
         /tmp/glassbox inspect ${{inside%/status}}; code=$?
         echo >/tmp/hold; wait; exit $code"
    );
    let mut command = Command::new("bwrap");
    command.args([
        "--unshare-all",
        "--unshare-user",
        "--uid",
        "0",
        "--gid",
        "0",
        "--cap-add",
        "ALL",
        "--die-with-parent",
        "--as-pid-1",
    ]);
    command.args([
        "--tmpfs",
        "/",
        "--ro-bind",
        "/usr",
        "/usr",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
    ]);
    for (target, link) in
        [("usr/bin", "/bin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64"), ("usr/sbin", "/sbin")]
    {
        command.args(["--symlink", target, link]);
    }
    command.args(["--ro-bind", GLASSBOX, "/tmp/glassbox", "sh", "-c", &script]);
    let namespaces = finish(Command::new("bwrap").args(["--unshare-all", "--ro-bind", "/", "/", "true"]));
    if namespaces.code != Some(0) {
        return skip(what, format!("bwrap cannot: {}", namespaces.err.trim()));
    }
    let ran = finish(&mut command);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
        .set_description("glassbox inspect of a container in a machine made for it; numbers from 2 on are #");
    settings.bind(|| insta::assert_snapshot!("inspect", stable(&ran.out)));
}
