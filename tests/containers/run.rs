//! `run`, `ps` and `rm`: exit codes, records, and what is left.

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::{eventually, finish, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("run: the exit code is the program's", exit_codes),
        trial("run: what cannot be started leaves nothing", failures),
        trial("run: standard input, output and error", streams),
        trial("run: environment, directory and user", process),
        trial("run and exec: signals do what they do by default", signals),
        trial("run: what is wrong with the command line is said", usage),
        trial("ps and rm: a container that has ended", records),
        trial("names are unique, and given again", names),
        trial("an image that a container needs stays", in_use),
    ]
}

fn exit_codes() {
    let Some(host) = Host::new("exit codes") else { return };
    for code in [0, 1, 42, 255] {
        assert_eq!(host.shell(&[], &format!("exit {code}")).code, Some(code));
    }
    // Process 1 gets no signals by default from inside; a child does.
    assert_eq!(host.shell(&[], "sh -c 'kill -9 $$'; exit $?").code, Some(137));
    assert_eq!(host.left(), Vec::<std::path::PathBuf>::new());
}

fn failures() {
    let Some(host) = Host::new("failures") else { return };
    let cases: [(&[&str], i32, &str); 7] = [
        (&["tiny", "nope"], 127, "the container has no program \"nope\""),
        (&["tiny", "/no/where"], 127, "the container has no program \"/no/where\""),
        (&["tiny", "/etc/passwd"], 126, "EACCES"),
        (&["--user", "nobody-here", "tiny", "true"], 125, "the container has no user \"nobody-here\""),
        (&["-v", "/no/where:/x", "tiny", "true"], 125, "ENOENT"),
        (&["--cap-add", "FLY", "tiny", "true"], 125, "there is no capability \"FLY\""),
        (&["nothing:1", "true"], 125, "there is no image \"nothing:1\""),
    ];
    for (arguments, code, why) in cases {
        for flags in [&["run"][..], &["run", "-d"], &["run", "--rm"]] {
            let ran = host.glassbox(&[flags, arguments].concat());
            assert_eq!(ran.code, Some(code), "{arguments:?}: {ran}");
            assert!(ran.err.contains(why), "{arguments:?}: {ran}");
            assert!(ran.err.contains("hint: ") && ran.out.is_empty(), "{arguments:?}: {ran}");
            assert_eq!(host.left(), Vec::<std::path::PathBuf>::new(), "{arguments:?}");
        }
    }
}

fn streams() {
    let Some(host) = Host::new("streams") else { return };
    let ran = host.shell(&[], "cat; echo out; echo err >&2");
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("out\n", "err\n"),
        "without -i there is nothing to read"
    );
    let script = "printf 'one\\ntwo\\n' | $glassbox run --rm -i tiny cat | cat -n";
    let piped = crate::common::finish(&mut host.home.script(script));
    assert_eq!(piped.out, "     1\tone\n     2\ttwo\n", "{piped}");
    // A reader that goes away is noticed.
    let script = "$glassbox run --rm tiny sh -c 'while echo line; do :; done' | head -n 1";
    let cut = crate::common::finish(&mut host.home.script(script));
    assert_eq!(cut.out, "line\n", "{cut}");
}

fn process() {
    let Some(host) = Host::new("process") else { return };
    let file = host.home.path().join("env");
    std::fs::write(&file, "# a comment\nFROM_FILE=1\nBOTH=file\n").unwrap();
    let flags = ["-e", "BOTH=flag", "-e", "A=b c", "--env-file", file.to_str().unwrap(), "-w", "/made/here"];
    let ran = host.shell(&flags, "echo $BOTH,$A,$FROM_FILE,$HOME,$PATH; pwd");
    assert_eq!(ran.out, "flag,b c,1,/root,/bin\n/made/here\n", "{ran}");
    let ran =
        host.shell(&["-h", "web"], "cat /proc/sys/kernel/hostname /etc/hostname; grep -c web /etc/hosts");
    assert_eq!(ran.out, "web\nweb\n1\n", "{ran}");
    let ran = host.glassbox(&["run", "--rm", "--entrypoint", "cat", "tiny", "/etc/passwd"]);
    assert!(ran.out.starts_with("root:x:0:0:"), "{ran}");
    if crate::common::is_root() {
        let ran = host.shell(&["-u", "33:34"], "id -u; id -g; id -G; grep CapEff /proc/self/status");
        assert_eq!(ran.out, "33\n34\n34\nCapEff:\t0000000000000000\n", "{ran}");
    }
}

/// A script's background, `nohup` and others ignore some for all that they start.
fn signals() {
    let Some(host) = Host::new("signals") else { return };
    let ignoring = |arguments: &[&str]| {
        let mut command = host.home.command("sh");
        command.args(["-c", "trap '' HUP INT QUIT USR1 PIPE; exec \"$@\"", "sh"]);
        let ran = finish(command.arg(host.home.program()).args(arguments));
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran}");
        ran.out
    };
    let status = ["cat", "/proc/self/status"];
    let named = ["run", "-d", "--name", "web", "tiny", "sh", "-c", "cat /proc/self/status; sleep 1000"];
    ignoring(&named);
    eventually("it has written", || host.says(&["logs", "web"]).contains("SigIgn"));
    let all = [
        ignoring(&[&["run", "--rm", "tiny"][..], &status].concat()),
        ignoring(&[&["run", "--rm", "--init", "tiny"][..], &status].concat()),
        ignoring(&[&["exec", "web"][..], &status].concat()),
        host.says(&["logs", "web"]),
    ];
    for status in all {
        let fields: Vec<&str> = status.lines().filter(|line| line.starts_with("SigIgn")).collect();
        assert_eq!(fields, ["SigIgn:\t0000000000000000"], "{status}");
    }
}

fn usage() {
    let Some(host) = Host::new("usage") else { return };
    let cases: [&[&str]; 8] = [
        &["run"],
        &["run", "--memory", "much", "tiny"],
        &["run", "--memory", "1m", "tiny"],
        &["run", "--cpus", "0", "tiny"],
        &["run", "-v", "/a", "tiny"],
        &["run", "-v", "/a:/proc", "tiny"],
        &["run", "--ip", "10.9.0", "tiny"],
        &["rm"],
    ];
    for arguments in cases {
        let ran = host.glassbox(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran}");
        assert!(ran.err.starts_with("error: "), "{arguments:?}: {ran}");
    }
    for name in ["-x", "a/b", ".."] {
        let ran = host.glassbox(&["run", &format!("--name={name}"), "tiny", "true"]);
        assert_eq!(ran.code, Some(125), "{name}: {ran}");
    }
}

fn records() {
    let Some(host) = Host::new("records") else { return };
    assert_eq!(host.glassbox(&["run", "--name", "web", "tiny", "sh", "-c", "exit 3"]).code, Some(3));
    assert_eq!(host.says(&["ps", "-q"]), "");
    let listed = host.says(&["ps", "-a"]);
    assert!(listed.contains("Exited (3)") && listed.ends_with("web"), "{listed}");
    let id = host.says(&["ps", "-aq", "--no-trunc"]);
    assert_eq!(host.says(&["ps", "-aq", "--filter", "status=running"]), "");
    assert_eq!(host.says(&["ps", "-aq", "--filter", "name=we"]), id[..12]);
    // A container layer, its work directory, and a name.
    assert_eq!(host.left().len(), 3, "{:?}", host.left());
    assert_eq!(host.says(&["rm", &id[..5]]), &id[..5]);
    assert_eq!(host.left(), Vec::<std::path::PathBuf>::new());
    let again = host.glassbox(&["rm", "web"]);
    assert_eq!(again.code, Some(1), "{again}");
    assert!(again.err.contains("there is no container \"web\""), "{again}");
}

fn names() {
    let Some(host) = Host::new("names") else { return };
    host.says(&["run", "--name", "web", "tiny", "true"]);
    let taken = host.glassbox(&["run", "--name", "web", "tiny", "true"]);
    assert_eq!(taken.code, Some(125), "{taken}");
    assert!(taken.err.contains("the name \"web\" is taken"), "{taken}");
    assert_eq!(host.says(&["ps", "-aq"]).lines().count(), 1);
    host.says(&["rm", "web"]);
    host.says(&["run", "--name", "web", "tiny", "true"]);
}

fn in_use() {
    let Some(host) = Host::new("images in use") else { return };
    host.says(&["run", "--name", "web", "tiny", "true"]);
    let refused = host.glassbox(&["rmi", "tiny"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.err.contains("the container web is of it"), "{refused}");
    host.says(&["rm", "web"]);
    host.says(&["rmi", "tiny"]);
}
