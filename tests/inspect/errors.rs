//! What cannot be looked at: a sentence, a hint, and an exit code; and what may not be read: never a wrong value.

use std::process::{Command, ExitCode, Stdio};

use glassbox::xray::{Cannot, Reference, Subject, Xray as Library};
use libtest_mimic::Trial;

use crate::common::processes::Process;
use crate::common::{GLASSBOX, Home, Ran, eventually, finish, has_tool, is_root, skip, trial};
use crate::held::{Held, SCRIPT};
use crate::unshared::start;
use crate::xray::{Xray, inspect};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what is no process", no_process),
        trial("wrong usage", wrong_usage),
        trial("a zombie", zombie),
        trial("a process that ends in between", ended),
        trial("a number that is used again", used_again),
        trial("a thread", thread),
        trial("glassbox itself", itself),
        trial("what is not readable", not_readable),
        trial("a hidden process", hidden),
    ]
}

fn assert_problem(ran: &Ran, code: i32, message: &str, hint: &str) {
    let lines: Vec<&str> = ran.err.lines().collect();
    let [first, second] = lines.as_slice() else { panic!("an error and a hint, a line each: {ran}") };
    assert!(first.starts_with("error: ") && first.contains(message), "{message:?} is said: {ran}");
    assert!(second.starts_with("hint: ") && second.contains(hint), "{hint:?} is hinted at: {ran}");
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{ran}");
}

/// The largest number that a process can have, and one more.
const NOBODY: &str = "4194305";

fn no_process() {
    let own = std::process::id().to_string();
    assert_problem(&inspect(&[NOBODY]), 1, "there is no process 4194305", "ps ax");
    assert_problem(&inspect(&[&own, "--against", NOBODY]), 1, "there is no process 4194305", "ps ax");
    for number in ["0", "-1"] {
        assert_problem(&inspect(&[number]), 2, "is not the number of a process", "glassbox inspect 1");
        assert_problem(&inspect(&[&own, "--against", number]), 2, "is not the number", "glassbox inspect 1");
    }
    let stat = std::fs::read_to_string("/proc/2/stat").unwrap_or_default();
    if !stat.starts_with("2 (kthreadd)") {
        return skip("a kernel thread", "none can be seen here");
    }
    assert_problem(&inspect(&["2"]), 2, "2 is a thread of the kernel", "--deselect");
}

fn wrong_usage() {
    let own = std::process::id().to_string();
    assert_problem(
        &inspect(&[&own, "--against", &own]),
        2,
        "compared with itself",
        &format!("glassbox inspect {own}"),
    );
    assert_problem(&inspect(&["x"]), 1, "there is no container \"x\"", "glassbox ps -a");
    for arguments in [&[][..], &["1", "--format", "xml"], &["99999999999"]] {
        let ran = inspect(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran}");
        assert!(ran.err.starts_with("error: "), "{ran}");
    }
}

/// A child that has ended, and whose parent does not want to know.
fn zombie() {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id() as i32;
    eventually("it ends", || Process::of(pid).is_some_and(|process| !process.is_alive()));
    let parent = std::process::id().to_string();
    let ran = inspect(&[&pid.to_string()]);
    child.wait().unwrap();
    assert_problem(&ran, 1, &format!("process {pid} has ended, and waits for its parent, {parent}"), &parent);
}

/// Held first and looked at after its end; with the library, for nobody is that quick.
fn ended() {
    for comes_after in [false, true] {
        let mut held = Held::start(Command::new(SCRIPT[0]).args(&SCRIPT[1..])).unwrap();
        let subject = Subject::find(held.pid()).unwrap();
        let reference = Reference::choose(Some(std::process::id() as i32));
        // This very process may not look at itself, but another one of the tests can be looked at.
        assert!(matches!(reference, Err(Cannot::Itself(_))), "{reference:?}");
        let other = Held::start(Command::new(SCRIPT[0]).args(&SCRIPT[1..])).unwrap();
        let reference = Reference::choose(Some(other.pid())).unwrap();
        let gone = if comes_after { other.pid() } else { held.pid() };
        if comes_after {
            drop(other)
        } else {
            held.end()
        }
        let xray = Library::examine(&subject, reference);
        assert!(matches!(xray, Err(Cannot::Ended(pid)) if pid == gone), "{xray:?}");
    }
}

const SCENE: &str = "GLASSBOX_TEST_SCENE";

/// Whether this is the test program inside of a PID namespace that [`used_again`] has made.
pub(crate) fn is_scene() -> bool {
    std::env::var_os(SCENE).is_some()
}

/// In a PID namespace of its own nobody else takes numbers: the next process gets the number of the last one.
pub(crate) fn scene() -> ExitCode {
    let start = || Held::start(Command::new(SCRIPT[0]).args(&SCRIPT[1..])).unwrap();
    let other = start();
    let first = start();
    let pid = first.pid();
    let subject = Subject::find(pid).unwrap();
    let reference = Reference::choose(Some(other.pid())).unwrap();
    drop(first);
    std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
    let second = start();
    assert_eq!(second.pid(), pid, "the number is used again");
    let again = Subject::find(pid).unwrap();
    let xray = Library::examine(&subject, reference);
    assert!(matches!(xray, Err(Cannot::Ended(ended)) if ended == pid), "{xray:?}");
    let reference = Reference::choose(Some(other.pid())).unwrap();
    Library::examine(&again, reference).unwrap();
    println!("noticed");
    ExitCode::SUCCESS
}

fn used_again() {
    let what = "a number that is used again";
    let mut command = Command::new("unshare");
    let user: &[&str] = if is_root() { &[] } else { &["-Ur"] };
    command.args(user).args(["-m", "-p", "-f", "--mount-proc", "--kill-child"]);
    command.arg(std::env::current_exe().unwrap()).env(SCENE, "yes").stdin(Stdio::null());
    if !has_tool("unshare", what) {
        return;
    }
    if start(what, "unshare", &[user, &["-p", "-f"]].concat()).is_none() {
        return;
    }
    let ran = finish(&mut command);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "noticed\n"), "{ran}");
}

fn thread() {
    let (say, heard) = std::sync::mpsc::channel();
    let (stop, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::Builder::new().spawn(move || {
        say.send(nix::unistd::gettid().as_raw()).unwrap();
        let _ = wait.recv();
    });
    let number = heard.recv().unwrap();
    let own = std::process::id();
    let ran = inspect(&[&number.to_string()]);
    drop(stop);
    thread.unwrap().join().unwrap();
    assert_problem(
        &ran,
        2,
        &format!("{number} is a thread of process {own}"),
        &format!("glassbox inspect {own}"),
    );
}

fn itself() {
    let ran = finish(&mut Home::new().script("exec \"$glassbox\" inspect $$"));
    assert_problem(&ran, 2, "is this very glassbox", "glassbox inspect $$");
}

/// An ordinary user, and root without its powers, may not look into root's processes.
fn not_readable() {
    let held = Held::start(Command::new(SCRIPT[0]).args(&SCRIPT[1..])).unwrap();
    let (pid, mut command) = if is_root() {
        if !has_tool("setpriv", "what is not readable") {
            return;
        }
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all", GLASSBOX]);
        (held.pid(), command)
    } else {
        (1, Command::new(GLASSBOX))
    };
    let pid_text = pid.to_string();
    let ran = finish(command.args(["inspect", &pid_text, "--format", "json"]));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
    let xray = Xray(serde_json::from_str(&ran.out).unwrap());
    assert_eq!(xray.0["compared_with"]["role"], "caller");
    for kind in ["mnt", "user", "net"] {
        let namespace = xray.namespace(kind);
        assert_eq!(namespace["id"]["needs"], "root, or CAP_SYS_PTRACE", "{namespace}");
        assert_eq!(
            (&namespace["shared"], &namespace["members"]["count"]),
            (&serde_json::Value::Null, &0.into())
        );
    }
    for fact in [&xray.0["process"]["executable"], &xray.0["files"]["root"]] {
        assert_eq!(fact["needs"], "root, or CAP_SYS_PTRACE", "{fact}");
    }
    assert_eq!(xray.0["capabilities"]["over_the_machine"], serde_json::Value::Null);
    for aspect in ["namespaces", "users", "files"] {
        assert_eq!(xray.verdict(aspect).0, "unknown", "{aspect}");
    }
    xray.assert_says("namespaces", "unknown", "not readable: mounts, host name");
    // What everybody may read is there all the same.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
    let count = u64::from_str_radix(bits, 16).unwrap().count_ones() as usize;
    assert_eq!(xray.capabilities("bounding").len(), count);
}

/// `/proc` can hide the processes of others.
fn hidden() {
    let what = "a hidden process";
    if !is_root() || !has_tool("unshare", what) || !has_tool("setpriv", what) {
        return skip(what, "it takes root, and another user");
    }
    // Where an ordinary user can reach the program, too.
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let program = dir.path().join("glassbox");
    // A process of its own: whatever another test starts meanwhile would have the copy open for writing, too.
    let copied = finish(Command::new("cp").arg(GLASSBOX).arg(&program));
    assert_eq!(copied.code, Some(0), "{copied}");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).unwrap();
    let script = "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups \
                  --inh-caps=-all \"$0\" inspect 1";
    // The first process is root's, and only waits for the one that asks.
    let first = format!("sh -c '{script}' {}; exit $?", program.display());
    let ran = finish(Command::new("unshare").args(["-m", "-p", "-f", "--kill-child", "sh", "-c", &first]));
    assert_problem(&ran, 1, "there is no process 1 that this user may see", "run glassbox as root");
}
