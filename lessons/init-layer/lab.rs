//! Do: give a container its name and its address, and leave every layer alone.

use crate::error::Result;
use crate::kernel::mount::{Flags, bind, mount};
use crate::kernel::{Pid, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, inside};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::files::{length, listing};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a name and an address, in no layer",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

/// An overlay of an image and an init layer, in which no file is anybody's yet.
fn begin(setting: &mut Setting) -> Result<()> {
    setting.draw_name("hostname", "web");
    let number = setting.draw("number", 2..=254);
    setting.remember("address", format!("10.0.7.{number}"));
    setting.hold(move |_| {
        let dirs = ["image", "image/etc", "init", "init/etc", "upper", "work", "merged", "own"];
        dirs.iter().try_for_each(fs::mkdir)?;
        fs::create("image/etc/release", "base 1\n")?;
        ["hostname", "hosts"].iter().try_for_each(|name| fs::create(format!("init/etc/{name}"), ""))?;
        let layers = "lowerdir=/tmp/init:/tmp/image,upperdir=/tmp/upper,workdir=/tmp/work";
        Ok(mount("overlay", "/tmp/merged", "overlay", Flags::empty(), layers)?)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "The layers of a container are mounted at /tmp/merged, in a mount namespace. This brings you there:\n\n  \
         {enter}\n\n
         The container has no name yet. Make it so that /tmp/merged/etc/hostname says {hostname}, and that
         /tmp/merged/etc/hosts has the line

  {address} {hostname}

Neither may land in a layer: /tmp/upper stays empty, and /tmp/init and /tmp/image, which other containers
use as well, stay as they are. The directory /tmp/own is there for what belongs to this container.",
        enter = record.value("enter"),
        hostname = record.value("hostname"),
        address = record.value("address"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let tmp = format!("/proc/{}/root/tmp", record.holder_pid());
    check_hostname(exam, record, &tmp);
    check_hosts(exam, record, &tmp);
    check_upper(exam, &tmp);
    check_shared(exam, &tmp);
    Ok(())
}

fn content(path: &str) -> Option<String> {
    file(path).ok().map(|reading| reading.text)
}

fn way(name: &str, text: &str) -> String {
    format!("echo {text} > /tmp/own/{name}; mount --bind /tmp/own/{name} /tmp/merged/etc/{name}")
}

fn check_hostname(exam: &mut Exam, record: &Record, tmp: &str) {
    let path = format!("{tmp}/merged/etc/hostname");
    let (wanted, seen) = (record.value("hostname"), content(&path));
    let written = content(&format!("{tmp}/image/etc/hostname")).is_some();
    let mistake = match seen.as_deref() {
        None => "there is no such file: are the layers still mounted?",
        Some("") if written => "the empty file of the init layer is in front of what is in the image",
        Some("") => "what is seen is the empty file of the init layer",
        Some(_) => "it says another name",
    };
    let shown = seen
        .clone()
        .map_or("no such file".into(), |text| if text.is_empty() { "empty".into() } else { text });
    exam.claim("the container has its name", seen.as_deref() == Some(wanted), shown, &path)
        .mistake(mistake)
        .hints([
            "a file that is mounted on another one is seen in its place".into(),
            "write a file in /tmp/own, and bind it over the empty one: mount --bind".into(),
            way("hostname", wanted),
        ]);
}

fn check_hosts(exam: &mut Exam, record: &Record, tmp: &str) {
    let path = format!("{tmp}/merged/etc/hosts");
    let (address, name) = (record.value("address"), record.value("hostname"));
    let seen = content(&path).unwrap_or_default();
    let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
    let holds = seen.lines().any(|line| {
        let words = words(line);
        words.first().map(String::as_str) == Some(address) && words.iter().skip(1).any(|word| word == name)
    });
    let mistake = if seen.trim().is_empty() {
        "it is empty, as the init layer has it"
    } else if seen.contains(name) {
        "the name is there with another address"
    } else {
        "no line has the name"
    };
    let shown = if seen.is_empty() { "empty".into() } else { seen.replace('\n', ", ") };
    exam.claim("it knows its address", holds, shown, &path).mistake(mistake).hints([
        "a line of /etc/hosts is an address, and the names that it has".into(),
        "the second file goes the way of the first: written in /tmp/own, bound over the empty one".into(),
        way("hosts", &format!("{address} {name}")),
    ]);
}

fn check_upper(exam: &mut Exam, tmp: &str) {
    let path = format!("{tmp}/upper");
    let seen = listing(&path).map_or_else(|_| "no such directory".into(), |reading| reading.text);
    exam.claim("nothing is in the upper directory", seen == "(empty)", seen, path)
        .mistake("what was written in merged was copied up: `docker commit` would make it part of an image")
        .hints([
            "what is written to a mounted overlay lands in its upper directory".to_string(),
            "take it out of there while nothing is mounted, then mount the layers as before".into(),
            "cd /tmp; umount merged/etc/hostname merged/etc/hosts; umount merged; rm -rf upper/*; \
             mount -t overlay overlay -o lowerdir=/tmp/init:/tmp/image,upperdir=/tmp/upper,workdir=/tmp/work merged"
                .into(),
        ]);
}

fn check_shared(exam: &mut Exam, tmp: &str) {
    let filled = ["hostname", "hosts"]
        .into_iter()
        .find(|name| length(format!("{tmp}/init/etc/{name}")).map_or(true, |length| length.text != "0"));
    let path = format!("{tmp}/init/etc");
    let seen = filled.map_or("empty files".into(), |name| format!("something in {name}"));
    exam.claim("the init layer is as it was", filled.is_none(), seen, path)
        .mistake("the init layer was written to: every container that has it would get this name")
        .hints([
            "layers below are shared: what is in them is everybody's",
            "its two files are empty ones, to be covered",
            "for name in hostname hosts; do : > /tmp/init/etc/$name; done",
        ]);
    let path = format!("{tmp}/image/etc");
    let seen = listing(&path).map_or_else(|_| "no such directory".into(), |reading| reading.text);
    exam.claim("the image is as it was", seen == "release", seen, path)
        .mistake("the image was changed: its hash is another one now, and all its containers see it")
        .hints([
            "an image is made for many containers",
            "in /tmp/image/etc there was the file release, and nothing else",
            "rm -f /tmp/image/etc/hostname /tmp/image/etc/hosts",
        ]);
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let (name, address) = (record.value("hostname"), record.value("address"));
    inside(Pid::from_raw(record.holder_pid()), || {
        fs::create("/tmp/own/hostname", format!("{name}\n"))?;
        fs::create("/tmp/own/hosts", format!("127.0.0.1 localhost\n{address} {name}\n"))?;
        ["hostname", "hosts"]
            .iter()
            .try_for_each(|name| bind(format!("/tmp/own/{name}"), format!("/tmp/merged/etc/{name}")))?;
        Ok(())
    })?;
    Ok(None)
}
