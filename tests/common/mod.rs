//! What the integration tests share.
//!
//! The lessons are a table, so the tests are made from that table at run time: one for each lesson, with a
//! name of its own (`libtest-mimic` instead of the built-in harness). A lesson is always run by starting
//! the program, for it needs a process with a single thread.

#![allow(dead_code, reason = "every test program uses a part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

pub(crate) mod host;
pub(crate) mod killed;
pub(crate) mod outcome;
pub(crate) mod processes;
mod watchdog;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use glassbox::kernel::cgroup::{Hierarchies, Layout};
use glassbox::machine::Need;
use glassbox::stage::Lesson;
use libtest_mimic::{Arguments, Trial};
use serde_json::Value;

/// The program under test.
pub(crate) const GLASSBOX: &str = env!("CARGO_BIN_EXE_glassbox");

/// How long anything may take before it counts as hanging. Nothing here is measured against a clock otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// A test.
pub(crate) fn trial(name: impl Into<String>, test: impl FnOnce() + Send + 'static) -> Trial {
    let name = name.into();
    Trial::test(name.clone(), move || {
        let _running = watchdog::Running::begin(name);
        test();
        Ok(())
    })
}

/// Run the tests as `cargo test` wants it; the last line counts what was skipped.
pub(crate) fn run(trials: Vec<Trial>) -> ExitCode {
    run_with(Arguments::from_args(), trials)
}

/// The same for tests that wait more than they work: more of them side by side.
pub(crate) fn run_while_others_wait(trials: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads = arguments.test_threads.or(Some(20 * processors));
    run_with(arguments, trials)
}

/// Those who measure who gets how much of a CPU take turns.
pub(crate) fn turn(lesson: &str) -> Option<MutexGuard<'static, ()>> {
    static CPU: Mutex<()> = Mutex::new(());
    (lesson == "cpu").then(|| CPU.lock().unwrap_or_else(PoisonError::into_inner))
}

fn run_with(arguments: Arguments, trials: Vec<Trial>) -> ExitCode {
    watchdog::start();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        println!("skipped: {} in all\n", SKIPPED.load(Ordering::SeqCst));
    }
    conclusion.exit_code()
}

/// Say that something cannot be tested by this user on this machine, and why.
pub(crate) fn skip(what: impl Display, why: impl Display) {
    SKIPPED.fetch_add(1, Ordering::SeqCst);
    // In one piece, because tests run side by side.
    let line = format!("skipped: {what}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Whether a program is there. In CI everything has to be there.
pub(crate) fn has_tool(name: &str, what: impl Display) -> bool {
    let found = find_tool(name).is_some();
    assert!(found || !is_ci(), "{what}: {name} has to be installed in CI");
    if !found {
        skip(what, format!("the program {name} is not on PATH"));
    }
    found
}

/// Whether this is CI, where nothing may be missing.
pub(crate) fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !ci.is_empty())
}

/// Where a program is.
pub(crate) fn find_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// What is tried on a machine that has no time for everything.
pub(crate) struct Sample {
    /// Another one on each machine.
    pub(crate) number: usize,
    lessons: String,
}

impl Sample {
    pub(crate) fn has(&self, lesson: &str) -> bool {
        self.lessons.split(' ').any(|chosen| chosen == lesson)
    }
}

pub(crate) fn sample() -> Option<Sample> {
    let number = std::env::var("GLASSBOX_TEST_SAMPLE").ok()?.parse().ok()?;
    Some(Sample { number, lessons: std::env::var("GLASSBOX_TEST_LESSONS").unwrap_or_default() })
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Who runs the tests on what: `root-v2`, `user-mixed` and so on. Transcripts differ by this.
pub(crate) fn who() -> String {
    let layout = Hierarchies::detect().map_or(Layout::None, |hierarchies| hierarchies.layout());
    format!("{}-{layout}", if is_root() { "root" } else { "user" })
}

/// The names of all lessons.
pub(crate) fn lessons() -> Vec<&'static str> {
    glassbox::lessons::all().map(|lesson| lesson.id).collect()
}

/// What doctor says of a lesson.
struct Verdict {
    /// Why it cannot run here, if it cannot.
    lesson: Option<String>,
    /// Why its lab cannot be worked on here, if it cannot.
    lab: Option<String>,
    /// What it needs and is not there although it could be installed.
    uninstalled: Vec<String>,
}

/// What doctor says of each lesson.
fn verdicts() -> &'static HashMap<String, Verdict> {
    static VERDICTS: OnceLock<HashMap<String, Verdict>> = OnceLock::new();
    VERDICTS.get_or_init(|| {
        let doctor = Home::new().run(["doctor", "--format", "json"]);
        assert_eq!(doctor.code, Some(0), "{doctor}");
        let report: Value = serde_json::from_str(&doctor.out).expect("doctor writes JSON");
        let is_met = |need: &Need| {
            let name = need.to_string();
            let mut needs = report["needs"].as_array().unwrap().iter();
            needs.any(|need| need["need"] == name && need["met"] == true)
        };
        let refused = |of: &Value| (of["verdict"] == "cannot").then(|| text(&of["why"]));
        let verdict = |(report, lesson): (&Value, &Lesson)| {
            let installed = |need: &&Need| matches!(need, Need::Program(_) | Need::KernelImage);
            let lacks = lesson.needs.iter().filter(installed).filter(|need| !is_met(need));
            let uninstalled = lacks.map(ToString::to_string).collect();
            let verdict = Verdict { lesson: refused(report), lab: refused(&report["lab"]), uninstalled };
            (lesson.id.to_string(), verdict)
        };
        let lessons = report["lessons"].as_array().unwrap().iter().zip(glassbox::lessons::all());
        lessons.map(verdict).collect()
    })
}

/// Whether a lesson can run here; says so if not. In CI everything that can be installed has to be there, except
/// on the machines that have no time for everything, and are small.
pub(crate) fn runs(lesson: &str, test: &str) -> bool {
    let Verdict { lesson: Some(why), uninstalled, .. } = &verdicts()[lesson] else { return true };
    let strict = is_ci() && sample().is_none();
    assert!(!strict || uninstalled.is_empty(), "{test} of {lesson} wants in CI: {}", uninstalled.join(", "));
    skip(format!("{test} of {lesson}"), why);
    false
}

/// Whether its lab can be worked on here, which may need less; says so if not.
pub(crate) fn lab_runs(lesson: &str, test: &str) -> bool {
    let Some(why) = &verdicts()[lesson].lab else { return true };
    skip(format!("{test} of {lesson}"), why);
    false
}

/// The text of a JSON string, and nothing for anything else.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

/// The events of a stream, one a line.
pub(crate) fn events(jsonl: &str) -> Vec<Value> {
    jsonl.lines().map(|line| serde_json::from_str(line).expect("an event a line")).collect()
}

/// Wait until something holds.
pub(crate) fn eventually(what: impl Display, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A user's home for one test: a state directory that nobody else uses.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    /// Whose it is, if it is not that of whoever runs the tests.
    user: Option<u32>,
}

impl Home {
    /// An empty one. `/var/tmp` is on a disk, and `/tmp` often is not: part of a lesson wants one.
    pub(crate) fn new() -> Self {
        let base =
            if Path::new("/var/tmp").is_dir() { PathBuf::from("/var/tmp") } else { std::env::temp_dir() };
        let dir = tempfile::Builder::new().prefix("glassbox-test-").tempdir_in(base).unwrap();
        Self { dir, user: None }
    }

    /// That of an ordinary user whom root plays. He may be unable to reach the program where it is, and has a copy.
    pub(crate) fn of_ordinary_user() -> Self {
        /// A number that is nobody's.
        const NUMBER: u32 = 61_003;
        let mut home = Self::new();
        home.user = Some(NUMBER);
        // A process of its own: whatever another test starts meanwhile would have the copy open for writing, too.
        let copied = finish(Command::new("cp").arg(GLASSBOX).arg(home.program()));
        assert_eq!(copied.code, Some(0), "{copied}");
        std::os::unix::fs::chown(home.path(), Some(NUMBER), Some(NUMBER)).unwrap();
        home
    }

    /// Where the program under test is.
    pub(crate) fn program(&self) -> PathBuf {
        self.user.map_or_else(|| GLASSBOX.into(), |_| self.path().join("program"))
    }

    /// What `XDG_STATE_HOME` is set to.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A name that nothing else has: that of its directory, `glassbox-test-…`.
    pub(crate) fn name(&self) -> String {
        self.path().file_name().unwrap().to_string_lossy().into_owned()
    }

    /// The state directory of glassbox in it.
    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("glassbox")
    }

    /// Where the ledgers of runs are.
    pub(crate) fn runs(&self) -> PathBuf {
        self.state().join("runs")
    }

    /// The ledgers of runs that are there.
    pub(crate) fn ledgers(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.runs()) else { return vec![] };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Any program, with this home.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.env("XDG_STATE_HOME", self.path()).stdin(Stdio::null());
        for unset in ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM", "COLUMNS"] {
            command.env_remove(unset);
        }
        command
    }

    /// The program under test with these arguments.
    pub(crate) fn glassbox<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = self.command(self.program());
        command.args(args);
        command
    }

    /// Run the program under test.
    pub(crate) fn run<const N: usize>(&self, args: [&str; N]) -> Ran {
        finish(&mut self.glassbox(args))
    }

    /// A shell script, with the program under test as `$glassbox`.
    pub(crate) fn script(&self, script: &str) -> Command {
        let mut command = self.command("sh");
        command.env("glassbox", GLASSBOX).args(["-c", script]);
        command
    }
}

impl Drop for Home {
    /// Labs are meant to stay: take down those that a test has left, however it ended.
    fn drop(&mut self) {
        for lesson in lessons() {
            if self.state().join(format!("labs/{lesson}.ledger")).exists() {
                finish(&mut self.glassbox(["lab", "reset", lesson]));
            }
        }
    }
}

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Both outputs, one after the other.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

impl Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { code, out, err } = self;
        write!(f, "exit code {code:?}\n--- standard output\n{out}\n--- standard error\n{err}\n---")
    }
}

/// Run a command to its end. One that hangs is ended, and the test has failed.
pub(crate) fn finish(command: &mut Command) -> Ran {
    finish_within(PATIENCE, command)
}

/// The same for one that may take longer.
pub(crate) fn finish_within(patience: Duration, command: &mut Command) -> Ran {
    // Files and not pipes: they never fill up, and somebody who stays behind cannot keep us waiting.
    let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if started.elapsed() > patience {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let read = |file: &mut std::fs::File| {
        let mut bytes = vec![];
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let ran = Ran { code: status.and_then(|status| status.code()), out: read(&mut out), err: read(&mut err) };
    assert!(status.is_some(), "{command:?} hangs: {ran}");
    ran
}
