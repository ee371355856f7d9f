//! `exec`: a second program, behind the same walls; and what a hostile container cannot do to it.

use std::os::unix::fs::PermissionsExt;

use glassbox::kernel::arch;
use libtest_mimic::Trial;
use nix::sys::stat::Mode;

use crate::common::host::Host;
use crate::common::{GLASSBOX, eventually, finish, has_tool, trial};
use crate::detached::start;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("exec: the same walls", walls),
        trial("exec: exit codes, streams, environment", process),
        trial("exec: a detached program", detached),
        trial("exec and rm -f: a container that is just being started", being_started),
        trial("exec and run: glassbox itself is not handed out", own_program),
    ]
}

fn walls() {
    let Some(host) = Host::new("exec") else { return };
    start(&host, &["--name", "web", "--cap-drop", "KILL"]);
    let script = "for kind in mnt uts ipc pid net user cgroup; do readlink /proc/self/ns/$kind; done; \
        grep -E 'Cap(Prm|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status; cat /proc/self/cgroup";
    let own = host.says(&["exec", "web", "sh", "-c", script]);
    // What process 1 has, as the other one can read it.
    let script = script.replace("/self/", "/1/");
    let of_first = host.says(&["exec", "web", "sh", "-c", &script]);
    assert_eq!(own, of_first);
    let open = host.says(&["exec", "web", "sh", "-c", "echo /proc/self/fd/*"]);
    assert_eq!(
        open, "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3",
        "3 is the listing's own"
    );
}

fn process() {
    let Some(host) = Host::new("exec") else { return };
    start(&host, &["--name", "web", "-e", "A=1", "-w", "/tmp"]);
    let codes: [(&[&str], i32); 4] = [
        (&["web", "sh", "-c", "exit 7"], 7),
        (&["web", "nope"], 127),
        (&["web", "/etc/passwd"], 126),
        (&["nobody", "true"], 1),
    ];
    for (command, code) in codes {
        let ran = host.glassbox(&[&["exec"], command].concat());
        assert_eq!(ran.code, Some(code), "{command:?}: {ran}");
    }
    assert_eq!(host.says(&["exec", "-e", "B=2", "web", "sh", "-c", "echo $A$B; pwd"]), "12\n/tmp");
    let piped = finish(&mut host.home.script("echo word | $glassbox exec -i web cat"));
    assert_eq!(piped.out, "word\n", "{piped}");
    host.says(&["kill", "web"]);
    host.says(&["wait", "web"]);
    let refused = host.glassbox(&["exec", "web", "true"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.err.contains("does not run"), "{refused}");
}

/// The maker learns that it has made a process, and stands still before it can write that down.
const STANDS_STILL: &str = "inject=clone3:delay_exit=500000";

fn being_started() {
    const WHAT: &str = "a container that is just being started";
    if !has_tool("strace", WHAT) {
        return;
    }
    let Some(host) = Host::new(WHAT) else { return };
    let met = |arguments: &[&str]| {
        let mut command = host.home.command("strace");
        command.args(["-q", "-o"]).arg(host.home.path().join("strace.log"));
        command.args(["-e", "trace=clone3", "-e", STANDS_STILL, "--"]);
        command.arg(host.home.program()).args(["run", "--name", "web", "tiny", "sleep", "1000"]);
        let mut maker = command.spawn().unwrap();
        let mut ran = host.glassbox(arguments);
        eventually("it has a name", || {
            ran = host.glassbox(arguments);
            !ran.err.contains("there is no container")
        });
        // Whatever came of it: by now it runs, or is gone.
        host.glassbox(&["rm", "-f", "web"]);
        maker.wait().unwrap();
        (ran.code, ran.out)
    };
    assert_eq!(met(&["exec", "web", "sh", "-c", "echo here"]), (Some(0), "here\n".into()));
    assert_eq!(met(&["rm", "-f", "web"]), (Some(0), "web\n".into()));
    assert!(host.left().is_empty(), "{:?}", host.left());
}

fn detached() {
    let Some(host) = Host::new("exec -d") else { return };
    start(&host, &["--name", "web"]);
    host.says(&["exec", "-d", "web", "sleep", "1000"]);
    assert!(host.says(&["exec", "web", "ps", "ax"]).contains("sleep 1000"));
    // It ends with its container.
    host.says(&["rm", "-f", "web"]);
}

/// CVE-2019-5736: a container whose program is the runtime's own file, by one name or another.
fn own_program() {
    let Some(host) = Host::new("the own program") else { return };
    let before = std::fs::metadata(GLASSBOX).unwrap();
    let script = host.home.path().join("script");
    std::fs::write(&script, "#!/proc/self/exe run\n").unwrap();
    // A name ends where the kernel takes it to end.
    let cut = host.home.path().join("cut");
    std::fs::write(&cut, "#!/proc/self/exe\0x run\n").unwrap();
    // What may not be read can be executed all the same.
    let unreadable = host.home.path().join("unreadable");
    std::fs::write(&unreadable, "#!/proc/self/exe run\n").unwrap();
    // The kernel looks neither at the sections of a program nor at the class that it says it has.
    let program = host.home.path().join("program");
    std::fs::write(&program, program_for("/proc/self/exe")).unwrap();
    for (file, mode) in [(&script, 0o755), (&cut, 0o755), (&unreadable, 0o111), (&program, 0o755)] {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let volume = format!("{}:/own:ro", host.home.path().display());
    for program in ["/proc/self/exe", "/own/script", "/own/cut", "/own/program"] {
        let ran = host.glassbox(&["run", "--rm", "-v", &volume, "tiny", program]);
        assert_eq!(ran.code, Some(126), "{ran}");
        assert!(ran.err.contains("it is glassbox itself"), "{ran}");
        start(&host, &["--name", "web", "-v", &volume]);
        let ran = host.glassbox(&["exec", "web", program]);
        assert_eq!(ran.code, Some(126), "{ran}");
        host.says(&["rm", "-f", "web"]);
    }
    let ran = host.glassbox(&["run", "--rm", "--cap-drop", "ALL", "-v", &volume, "tiny", "/own/unreadable"]);
    assert_eq!(ran.code, Some(126), "{ran}");
    assert!(ran.err.contains("could be glassbox itself"), "{ran}");
    // Nobody waits for a program that is a FIFO, or for the names of users from one.
    nix::unistd::mkfifo(&host.home.path().join("fifo"), Mode::S_IRWXU).unwrap();
    let ran = host.glassbox(&["run", "--rm", "-v", &volume, "tiny", "/own/fifo"]);
    assert_eq!(ran.code, Some(126), "{ran}");
    let users = format!("{}:/etc/passwd", host.home.path().join("fifo").display());
    assert_eq!(host.glassbox(&["run", "--rm", "-v", &users, "tiny", "true"]).code, Some(0));
    // What enters a container runs from a copy that nobody can write to.
    start(&host, &["--name", "web"]);
    let mut exec = host.home.glassbox(["exec", "web", "sleep", "1000"]).spawn().unwrap();
    let own = format!("/proc/{}/exe", exec.id());
    crate::common::eventually("it runs from a copy", || {
        std::fs::read_link(&own).is_ok_and(|path| path.to_string_lossy().starts_with("/memfd:"))
    });
    host.says(&["rm", "-f", "web"]);
    // It was in the container by then, or not yet.
    let ended = exec.wait().unwrap().code();
    assert!(matches!(ended, Some(137 | 1)), "{ended:?}");
    let after = std::fs::metadata(GLASSBOX).unwrap();
    assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
}

/// A program of 64 bits that asks for this loader, and says wrong things of itself.
fn program_for(loader: &str) -> Vec<u8> {
    const HEADER: u64 = 64;
    const SEGMENT: u64 = 56;
    const PT_INTERP: u32 = 3;
    let length = loader.len() as u64 + 1;
    let half = |number: u16| number.to_ne_bytes().to_vec();
    let word = |number: u32| number.to_ne_bytes().to_vec();
    let long = |number: u64| number.to_ne_bytes().to_vec();
    let parts = [
        b"\x7fELF".to_vec(),
        vec![1, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0], // neither its class, nor the order of its bytes
        half(2),
        half(arch::HERE.audit as u16), // of which the low half is the processor
        word(1),
        long(0),
        long(HEADER),
        long(u64::MAX), // no sections there
        word(0),
        half(HEADER as u16),
        half(SEGMENT as u16),
        half(1),
        half(40),
        half(9),
        half(0),
        word(PT_INTERP),
        word(4),
        [HEADER + SEGMENT, 0, 0, length, length, 1].iter().flat_map(|number| long(*number)).collect(),
        format!("{loader}\0").into_bytes(),
    ];
    parts.concat()
}
