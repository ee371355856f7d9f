//! Fix: copies in an upper directory of files that nobody has changed.

use crate::error::Result;
use crate::kernel::mount::{Flags, UmountFlags, mount, umount2};
use crate::kernel::{Pid, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, inside};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::files::{is_whiteout, kind, listing};
use crate::probe::process::mounted;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "copies of files that nobody has changed",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

const MERGED: &str = "/tmp/merged";
const OPTIONS: &str = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work";
const NAMES: [&str; 5] = ["ant", "bee", "cat", "dog", "eel"];
/// What was done to the files, from the drawn one on: the last one is as the layer has it.
const DONE: [&str; 5] = ["changed", "deleted", "touched", "opened", "left"];

/// A layer of five files, and an upper directory with copies of three of them.
fn begin(setting: &mut Setting) -> Result<()> {
    let first = setting.draw("first", 0..=4) as usize;
    for (at, done) in DONE.iter().enumerate() {
        setting.remember(done, NAMES[(first + at) % NAMES.len()]);
    }
    let number = setting.draw("number", 1000..=9999);
    let name = move |done: usize| format!("merged/{}", NAMES[(first + done) % NAMES.len()]);
    setting.hold(move |_| {
        ["lower", "upper", "work", "merged"].iter().try_for_each(fs::mkdir)?;
        NAMES.iter().try_for_each(|name| fs::create(format!("lower/{name}"), of_layer(name)))?;
        mount("overlay", MERGED, "overlay", Flags::empty(), OPTIONS)?;
        fs::append(name(0), format!("{number}\n"))?;
        fs::unlink(name(1))?;
        fs::chmod(name(2), 0o600)?;
        fs::chmod(name(2), 0o644)?;
        Ok(fs::append(name(3), "")?)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn of_layer(name: &str) -> String {
    format!("the {name} of the layer\n")
}

fn task(record: &Record) -> String {
    format!(
        "The writable layer of a container is larger than what was changed in it. Its files are in a mount
         namespace, and this brings you there:\n\n  \
         {enter}\n\n
         In there, /tmp/merged is an overlay of the layer /tmp/lower and the upper directory /tmp/upper. Some of the
         copies in /tmp/upper are just what the layer has: nobody has changed these files. Remove those copies, and
         no others. In the end the overlay is mounted at /tmp/merged and shows the same files as now, with the same
         content; the layer stays as it is.",
        enter = record.value("enter"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let holder = record.holder_pid();
    let tmp = format!("/proc/{holder}/root/tmp");
    check_mount(exam, holder);
    for done in ["touched", "opened"] {
        check_copy(exam, record.value(done), &tmp);
    }
    check_changed(exam, record, &tmp);
    check_deleted(exam, record.value("deleted"), &tmp);
    check_layer(exam, &tmp);
    Ok(())
}

/// The options have the paths as the student wrote them: what they are called last counts.
fn check_mount(exam: &mut Exam, holder: i32) {
    let found = mounted(holder, MERGED).map_or_else(|_| "nothing".into(), |reading| reading.text);
    let option = |name: &str| {
        let value = found.split([' ', ',']).find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.map(|path| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
    };
    let holds = found.starts_with("overlay ")
        && option("lowerdir") == Some("lower")
        && option("upperdir") == Some("upper");
    let mistake = match option("upperdir") {
        None if found == "nothing" => "nothing is mounted there: the container has no files",
        None => "without an upper directory the changes are not seen, and nothing can be written",
        Some(_) => "it has other directories than before",
    };
    exam.claim(
        "the overlay of lower and upper is mounted",
        holds,
        found.split(' ').next().unwrap_or_default(),
        format!("/proc/{holder}/mountinfo {MERGED}"),
    )
    .mistake(mistake)
    .hints([
        "what is below an overlay is changed while it is not mounted; then it is mounted as before",
        "the options that it was mounted with are in /proc/self/mountinfo",
        &format!("mountpoint -q {MERGED} && umount {MERGED}; mount -t overlay overlay -o {OPTIONS} {MERGED}"),
    ]);
}

/// The lines of a file, as one.
fn content(path: &str) -> String {
    file(path).map_or_else(|_| "no such file".into(), |reading| reading.text.replace('\n', ", "))
}

fn way(script: &str) -> String {
    format!("umount {MERGED}; {script}; mount -t overlay overlay -o {OPTIONS} {MERGED}")
}

fn check_copy(exam: &mut Exam, name: &str, tmp: &str) {
    let upper = format!("{tmp}/upper/{name}");
    let there = kind(&upper);
    let mistake = match there {
        Ok(_) if is_whiteout(upper.as_ref()) => {
            "a whiteout: `rm` in merged deletes the file, it does not take the copy away"
        }
        _ => "that copy is what the layer has, to the byte",
    };
    exam.claim(
        format!("upper has no copy of {name}"),
        there.is_err(),
        listing(format!("{tmp}/upper")).map_or_else(|_| "no such directory".into(), |reading| reading.text),
        &upper,
    )
    .mistake(mistake)
    .hints([
        "compare each file in upper with the one of its name in lower".into(),
        format!(
            "cmp says nothing of lower/{name} and upper/{name}; remove the copy while nothing is mounted"
        ),
        way(&format!("rm -f /tmp/upper/{name}")),
    ]);
}

fn check_changed(exam: &mut Exam, record: &Record, tmp: &str) {
    let (name, number) = (record.value("changed"), record.value("number"));
    let path = format!("{tmp}/merged/{name}");
    let seen = content(&path);
    let lost = format!("the copy of {name} was removed, and with it what was written: the line {number}");
    exam.claim(format!("{name} has its change"), seen.split(", ").last() == Some(number), seen.clone(), path)
        .mistake(lost)
        .hints([
            "a copy that differs from the layer is all that there is of a change".to_string(),
            format!(
                "somebody had appended the line {number} to {name}: only the copies that are equal may go"
            ),
            format!("echo {number} >> {MERGED}/{name}"),
        ]);
}

fn check_deleted(exam: &mut Exam, name: &str, tmp: &str) {
    let path = format!("{tmp}/merged/{name}");
    let gone = file(&path).is_err();
    exam.claim(
        format!("{name} is deleted, as before"),
        gone,
        if gone { "no such file" } else { "a file" },
        path,
    )
    .mistake(format!("the whiteout of {name} was removed, and the layer shines through"))
    .hints([
        "what is a character device in upper is no copy".to_string(),
        format!("{name} had been deleted in the container: lower has it, merged must not show it"),
        format!("rm {MERGED}/{name}"),
    ]);
}

fn check_layer(exam: &mut Exam, tmp: &str) {
    let other =
        NAMES.into_iter().find(|name| content(&format!("{tmp}/lower/{name}")) != of_layer(name).trim_end());
    let path = format!("{tmp}/lower/{}", other.unwrap_or_default());
    let seen = other.map_or("as it was".into(), |_| content(&path));
    exam.claim("the layer is untouched", other.is_none(), seen, path)
        .mistake("the layer was changed: every container of the image would see that")
        .hints([
            "layers are shared, and only read".to_string(),
            "each file says which one it is: compare them with each other".into(),
            NAMES.map(|name| format!("echo the {name} of the layer > /tmp/lower/{name}")).join("; "),
        ]);
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let copies = ["touched", "opened"].map(|done| format!("/tmp/upper/{}", record.value(done)));
    inside(Pid::from_raw(record.holder_pid()), || {
        if mounted("self", MERGED).is_ok() {
            umount2(MERGED, UmountFlags::empty())?;
        }
        // One that is gone already is as good.
        copies.iter().filter(|copy| kind(copy).is_ok()).try_for_each(fs::unlink)?;
        Ok(mount("overlay", MERGED, "overlay", Flags::empty(), OPTIONS)?)
    })?;
    Ok(None)
}
