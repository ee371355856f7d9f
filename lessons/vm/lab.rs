//! Fix: a container that passes itself off as a virtual machine.

use crate::error::Result;
use crate::kernel::mount::{UmountFlags, bind, umount2};
use crate::kernel::namespace::Kind as Namespace;
use crate::kernel::process::set_name;
use crate::kernel::{Pid, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, inside};
use crate::machine::Need;
use crate::probe::files::file_system;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a machine that is none",
    needs: &[Need::Namespace(Namespace::Mnt)],
    begin,
    task,
    check,
    solve,
};

/// What a program reads to learn where it is: two of these are no answers of the kernel's.
const ANSWERS: [&str; 4] =
    ["/proc/sys/kernel/random/boot_id", "/proc/uptime", "/proc/meminfo", "/proc/version"];
/// What is covered on purpose, as container runtimes do it.
const MASKED: &str = "/proc/interrupts";

/// A process with files over two of the four, and one over what has to be covered.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "box");
    let first = setting.draw("first", 0..=3) as usize;
    let second = (first + setting.draw("second", 1..=3) as usize) % ANSWERS.len();
    let number = setting.draw("number", 100_000..=999_999);
    setting.hold(move |_| {
        for at in [first, second] {
            let path = ANSWERS[at];
            let file = path.rsplit('/').next().unwrap_or_default();
            fs::create(file, told(path, number))?;
            bind(file, path)?;
        }
        fs::create("mask", "")?;
        bind("mask", MASKED)?;
        Ok(set_name(&name)?)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

/// What a small machine that was booted a moment ago could answer.
fn told(path: &str, number: u64) -> String {
    match path {
        "/proc/uptime" => format!("{}.{:02} {}.00\n", number / 1000, number % 100, number / 1100),
        "/proc/meminfo" => format!("MemTotal:         {number} kB\nMemFree:          {} kB\n", number / 2),
        "/proc/version" => format!("Linux version 6.{}.{} (builder@box)\n", number % 10, number % 100),
        _ => format!(
            "{number:08x}-{:04x}-4{:03x}-a{:03x}-{number:012x}\n",
            number % 7919,
            number % 4093,
            number % 3989
        ),
    }
}

fn task(record: &Record) -> String {
    format!(
        "The process {name} runs in a container, and passes itself off as a virtual machine. Somebody has mounted files
         over some of the answers that its kernel gives in /proc: over boot_id, uptime, meminfo or version. This brings
         you into its mount namespace:\n\n  \
         {enter}\n\n
         Take away what is not the kernel's, so that it reads there what the host reads. The process lives on, and
         {MASKED}, which its runtime has covered on purpose, stays covered.",
        name = record.value("name"),
        enter = record.value("enter"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let pid = record.holder_pid();
    for path in ANSWERS {
        let answers = answered_by(pid, path)?;
        let mistake = match answers.as_str() {
            NOBODY => "there is nothing any more: /proc itself was unmounted, or something lies over it",
            _ => "a file is mounted over it: what it says does not come from the kernel",
        };
        exam.claim(format!("the kernel answers in {path}"), answers == KERNEL, answers, source(pid, path))
            .mistake(mistake)
            .hints([
                format!("its mount table tells what is mounted where: /proc/{pid}/mountinfo"),
                "umount(8) takes a mount away, in the mount namespace in which it is executed".into(),
                format!("{} -c 'umount {path}'", record.value("enter")),
            ]);
    }
    let answers = answered_by(pid, MASKED)?;
    exam.claim(format!("{MASKED} is covered"), answers == FILE, answers, source(pid, MASKED))
        .mistake("it was uncovered, too: not every mount in /proc is a lie")
        .hints([
            "container runtimes cover what tells about the whole machine".to_string(),
            "any file will do, mounted over it with --bind: an empty one, or /dev/null".into(),
            format!("{} -c 'mount --bind /dev/null {MASKED}'", record.value("enter")),
        ]);
    Ok(())
}

fn source(pid: i32, path: &str) -> String {
    format!("/proc/{pid}/root{path}, statfs()")
}

const KERNEL: &str = "the kernel";
const FILE: &str = "a file";
const NOBODY: &str = "nobody";

/// Who answers a process that reads there.
fn answered_by(pid: i32, path: &str) -> Result<String> {
    let system = |path| file_system(path).map_or(String::new(), |system| system.text);
    // What the host itself has from somewhere else is no lie of the container's.
    let host = if path == MASKED { "proc".into() } else { system(path) };
    ask_inside(Pid::from_raw(pid), || {
        let answers = match system(path).as_str() {
            "" => NOBODY,
            system if system == "proc" || system == host => KERNEL,
            _ => FILE,
        };
        Ok(answers.into())
    })
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let pid = record.holder_pid();
    for path in ANSWERS {
        if answered_by(pid, path)? == FILE {
            inside(Pid::from_raw(pid), || Ok(umount2(path, UmountFlags::empty())?))?;
        }
    }
    Ok(None)
}
