//! Docker's own engine: what it saves is loaded and runs here, and the other way round.
//!
//! The engine is process 1 of a PID namespace, with mounts and a network of its own: whoever ends it ends all that it
//! has started. It ends by itself when it has run for too long.

use std::fs::{self, File};

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::bench::{Bench, text};
use crate::build::{can_run, context};
use crate::common::{Ran, finish, has_tool, is_root, skip, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("docker: what is built and saved here runs there", to_docker),
        trial("docker: what it commits and saves runs here", from_docker),
    ]
}

const WHAT: &str = "docker's own engine";
/// In seconds: how long it may run, and how long it may take to answer.
const LIFE: &str = "170";
const START: Duration = Duration::from_secs(60);

struct Engine<'a> {
    bench: &'a Bench,
    child: Child,
    group: String,
}

impl<'a> Engine<'a> {
    /// An engine without images; nothing, with a reason, where there can be none.
    fn start(bench: &'a Bench) -> Option<Self> {
        if !is_root() {
            skip(WHAT, "it wants to be root");
            return None;
        }
        if !["dockerd", "docker", "unshare"].iter().all(|tool| has_tool(tool, WHAT)) || !can_run(bench, WHAT)
        {
            return None;
        }
        let group = format!("glassbox-{}", bench.home.name());
        let mut command = bench.home.command("unshare");
        let namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
        command.args(namespaces).args(["timeout", "--kill-after=5", LIFE, "dockerd"]);
        for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(option).arg(bench.path(name));
        }
        command
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--cgroup-parent"])
            .arg(format!("/{group}"));
        command.args(["-H", &socket(bench)]);
        let log = File::create(bench.path("engine.log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        let mut engine = Self { bench, child, group };
        let started = Instant::now();
        while engine.try_docker(&["version"]).code != Some(0) {
            if started.elapsed() > START || engine.child.try_wait().unwrap().is_some() {
                let log = fs::read_to_string(bench.path("engine.log")).unwrap();
                skip(WHAT, format!("it does not start here: {}", log.lines().last().unwrap_or_default()));
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        engine.can_run().then_some(engine)
    }

    /// Whether it can start containers here, such as of an image that it has made itself; says so if not.
    fn can_run(&self) -> bool {
        let root = self.bench.path("root.tar");
        self.bench.tool("tar", &["-C", text(&self.bench.layer("tiny")), "-cf", text(&root), "."]);
        self.docker(&["import", text(&root), "own:1"]);
        let ran = self.try_docker(&["run", "--rm", "--network", "none", "own:1", "/bin/true"]);
        if ran.code != Some(0) {
            skip(
                WHAT,
                format!("it starts no containers here: {}", ran.err.lines().next().unwrap_or_default()),
            );
        }
        ran.code == Some(0)
    }

    fn try_docker(&self, arguments: &[&str]) -> Ran {
        let mut command = self.bench.home.command("docker");
        command.env("HOME", self.bench.home.path()).env("DOCKER_CONFIG", self.bench.path("docker"));
        finish(command.args(["-H", &socket(self.bench)]).args(arguments))
    }

    /// The client, which has to succeed: what it says.
    fn docker(&self, arguments: &[&str]) -> String {
        let ran = self.try_docker(arguments);
        assert_eq!(ran.code, Some(0), "docker {arguments:?}: {ran}");
        ran.out
    }
}

fn socket(bench: &Bench) -> String {
    format!("unix://{}", bench.path("socket").display())
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        // The namespace's process 1 ends with it, and everything else with that.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for tree in ["", "*/"] {
            let find = format!(
                "find /sys/fs/cgroup/{tree}{} -depth -type d -exec rmdir {{}} + 2>/dev/null; true",
                self.group
            );
            finish(self.bench.home.command("sh").args(["-c", &find]));
        }
    }
}

const DOCKERFILE: &str = "FROM tiny
ENV GREETING=hello
WORKDIR /srv
COPY a.txt .
RUN rm /etc/group; cat a.txt > copied; mkdir -p old/x; rm -r old; mkdir old; echo new > old/y
CMD echo $GREETING; ls -1 /srv /srv/old; cat copied; ls /etc/group || true
";

fn to_docker() {
    let bench = Bench::new();
    let Some(engine) = Engine::start(&bench) else { return };
    let dir = context(&bench, &[("Dockerfile", DOCKERFILE), ("a.txt", "from the context\n")]);
    bench.glassbox(&["build", "-q", "-t", "web:1", text(&dir)]);
    let here = bench.glassbox(&["run", "--rm", "web:1"]);
    assert_eq!(here, "hello\n/srv:\na.txt\ncopied\nold\n\n/srv/old:\ny\nfrom the context\n");
    for format in ["docker", "oci"] {
        let archive = bench.path(&format!("{format}.tar"));
        bench.glassbox(&["save", "--format", format, "-o", text(&archive), "web:1"]);
        assert!(engine.docker(&["load", "-i", text(&archive)]).contains("Loaded image: web:1"), "{format}");
        assert_eq!(engine.docker(&["run", "--rm", "--network", "none", "web:1"]), here, "{format}");
        let id = bench.image("web:1").id.to_string();
        assert_eq!(engine.docker(&["inspect", "-f", "{{.Id}}", "web:1"]).trim(), id, "{format}");
        engine.docker(&["rmi", "-f", "web:1"]);
    }
}

const CHANGES: &str =
    "echo changed > /etc/motd; rm /etc/group; mkdir -p /new/dir; rm -r /root; mkdir /root; echo > /root/made";

fn from_docker() {
    let bench = Bench::new();
    let Some(engine) = Engine::start(&bench) else { return };
    bench.glassbox(&["save", "--format", "docker", "-o", text(&bench.path("tiny.tar")), "tiny"]);
    engine.docker(&["load", "-i", text(&bench.path("tiny.tar"))]);
    let run = ["run", "--name", "web", "--network", "none", "-e", "A=b", "tiny", "sh", "-c", CHANGES];
    engine.docker(&run);
    engine.docker(&["commit", "-c", "CMD cat /etc/motd", "web", "web:2"]);
    engine.docker(&["save", "-o", text(&bench.path("web.tar")), "web:2"]);
    // The same has changed the same.
    bench.glassbox(&run);
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(bench.glassbox(&["diff", "web"])), sorted(engine.docker(&["diff", "web"])));
    bench.glassbox(&["rm", "web"]);
    drop(engine);
    assert_eq!(bench.glassbox(&["load", "-i", text(&bench.path("web.tar"))]), "Loaded image: web:2\n");
    assert_eq!(bench.glassbox(&["run", "--rm", "web:2"]), "changed\n");
    let ran = bench.try_glassbox(&["run", "--rm", "web:2", "sh", "-c", "echo $A; ls /etc/group /root /new"]);
    assert_eq!(ran.out, "b\n/new:\ndir\n\n/root:\nmade\n", "{ran}");
}
