//! Fix: a profile in docker's format that forbids too much, and too little.

use crate::container::profile;
use crate::error::Result;
use crate::kernel::capability::DOCKER_DEFAULT;
use crate::kernel::fs::chdir;
use crate::kernel::fs::create;
use crate::kernel::fs::fchdir;
use crate::kernel::fs::open;
use crate::kernel::process::{Ended, Sig, execve, set_no_new_privs};
use crate::kernel::seccomp::Filter;
use crate::kernel::{self, Errno, Refused};
use crate::lab::{Exam, Kind, Lab, Record, Setting, apart};
use crate::machine::Need;
use crate::probe;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a profile that forbids too much and too little",
    needs: &[Need::Seccomp],
    begin,
    task,
    check,
    solve,
};

/// Calls without which [`PROGRAM`] cannot be run, with any C library and on any architecture.
const NEEDED: [&str; 4] =
    [r#""execve""#, r#""open", "openat""#, r#""read""#, r#""clone", "clone3", "fork", "vfork""#];

/// What the forbidden calls have to fail with. None of them is an errno that they have for other reasons here.
const ERRNOS: [Errno; 5] = [Errno::EDOM, Errno::ENOANO, Errno::ENOTUNIQ, Errno::EXDEV, Errno::EXFULL];

/// What a program has to be able to do: start, read a file, have a child.
const PROGRAM: &str = "read word < /proc/sys/kernel/ostype && [ \"$word\" = Linux ] && (exit 7); [ $? = 7 ]";

fn begin(setting: &mut Setting) -> Result<()> {
    let needed = NEEDED[setting.draw("needed", 0..=NEEDED.len() as u64 - 1) as usize];
    let errno = ERRNOS[setting.draw("errno", 0..=ERRNOS.len() as u64 - 1) as usize];
    setting.remember("number", (errno as i32).to_string());
    setting.remember("name", format!("{errno:?}"));
    let name = setting.draw_name("profile", "profile");
    let file = setting.directory()?.join(format!("{name}.json"));
    let text = format!(
        r#"{{
  "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [
    {{
      "names": ["chdir", {needed}],
      "action": "SCMP_ACT_ERRNO",
      "errnoRet": 1
    }}
  ]
}}
"#
    );
    create(&file, text)?;
    setting.remember("file", file.display().to_string());
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "Somebody wrote a seccomp profile, in docker's format, for programs that have to stay in the directory in which they
were started:

  {file}

Hardly a program gets on with it, and one that does can still go elsewhere. Repair the file: chdir() and fchdir()
fail with {name}, which is number {number}, and every other call is allowed. How a container gets on with it:

  glassbox run --rm --security-opt seccomp={file} tiny sh -c 'cd /tmp'

An editor is enough.",
        file = record.value("file"),
        name = record.value("name"),
        number = record.value("number"),
    )
}

/// The filter that the file describes, or what is wrong with the file.
fn filter(file: &str) -> std::result::Result<Filter, String> {
    let text = probe::file(file).map_err(|error| error.why)?.text;
    profile::filter(&text, DOCKER_DEFAULT).map_err(|error| error.to_string())
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let file = record.value("file");
    let filter = match filter(file) {
        Ok(filter) => filter,
        Err(why) => {
            exam.claim("the profile can be used", false, why, file)
                .mistake("it is not a profile as docker writes them")
                .hints([
                    "what is said to be wrong names the line".to_string(),
                    "JSON has commas between things, and none after the last".into(),
                    format!("cat {file}; or begin again: glassbox lab start seccomp"),
                ]);
            return Ok(());
        }
    };
    exam.claim("the profile can be used", true, "a filter", file);
    check_program(record, exam, &filter)?;
    for (name, call) in CALLS {
        check_call(record, exam, &filter, name, call)?;
    }
    Ok(())
}

/// With the filter on, in a process that is made for it: which errno a call gives.
type Call = fn() -> kernel::Result<()>;
const CALLS: [(&str, Call); 2] = [("chdir", || chdir("/")), ("fchdir", || fchdir(&open("/")?))];

fn check_program(record: &Record, exam: &mut Exam, filter: &Filter) -> Result<()> {
    let ended = apart(|| {
        let ready = set_no_new_privs().and_then(|()| filter.install());
        ready.map_or(NOT_READY, |()| {
            execve("/bin/sh", &["sh", "-c", PROGRAM], &["PATH=/usr/bin:/bin"]);
            NOT_STARTED
        })
    })?;
    let needed = NEEDED[record.number("needed") as usize];
    let mistake = match ended {
        Ended::Killed(Sig::SIGSYS) => "a call that it needs ends it",
        Ended::Exited(NOT_READY) => "the kernel did not take the filter",
        // With everything forbidden it cannot even end by itself.
        Ended::Exited(_) | Ended::Killed(_) => "a call that every program needs is refused",
    };
    let source = format!("{}, loaded, then execve(\"/bin/sh\")", record.value("file"));
    exam.claim(
        "a program starts, reads a file, and has a child",
        ended == Ended::Exited(0),
        ended.to_string(),
        source,
    )
    .mistake(mistake)
    .hints([
        "look at the names in the profile: which of them has nothing to do with directories?".to_string(),
        "what a program calls when it starts: strace -c true".into(),
        format!("take {needed} out of the names"),
    ]);
    Ok(())
}

/// What [`apart`] ends with where it got no further.
const NOT_READY: i32 = 200;
const NOT_STARTED: i32 = 201;
/// What it ends with where a call was granted.
const GRANTED: i32 = 0;

fn check_call(record: &Record, exam: &mut Exam, filter: &Filter, name: &str, call: Call) -> Result<()> {
    let wanted = record.number("number") as i32;
    let ended = apart(|| {
        let ready = set_no_new_privs().and_then(|()| filter.install());
        ready.map_or(NOT_READY, |()| call().refused().map_or(GRANTED, |errno| errno as i32))
    })?;
    let (seen, mistake) = match ended {
        Ended::Exited(GRANTED) => ("granted".into(), format!("{name} is allowed: no rule names it")),
        Ended::Exited(NOT_READY) => ("no filter".into(), "the kernel did not take the filter".into()),
        Ended::Exited(errno) if errno == wanted => (record.value("name").to_string(), String::new()),
        Ended::Exited(errno) => {
            let errno = Errno::from_raw(errno);
            (format!("{errno:?}"), format!("it fails, but with {errno:?}: errnoRet says with what"))
        }
        Ended::Killed(Sig::SIGSYS) => {
            (ended.to_string(), "the process is ended by SIGSYS: it should go on, with an error".into())
        }
        Ended::Killed(_) => {
            (ended.to_string(), "with this profile a process cannot even end by itself".into())
        }
    };
    let source = format!("{}, loaded, then {name}()", record.value("file"));
    let rule =
        format!(r#"{{"names": ["chdir", "fchdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": {wanted}}}"#);
    exam.claim(
        format!("{name} fails with {}", record.value("name")),
        ended == Ended::Exited(wanted),
        seen,
        source,
    )
    .mistake(mistake)
    .hints([
        format!("a rule names the calls that it is about, and {name} has to be one of them"),
        "the action is SCMP_ACT_ERRNO, and errnoRet is the number of the error".into(),
        format!("the one rule that it takes: {rule}"),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let text = format!(
        r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
{{"names": ["chdir", "fchdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": {}}}]}}
"#,
        record.value("number"),
    );
    create(record.value("file"), text)?;
    Ok(None)
}
