//! Builds beside those of buildah: the same Dockerfile makes the same image. And builds that are killed.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::bench::{Bench, text};
use crate::build::{can_run, context};
use crate::common::{eventually, finish, has_tool, is_root, processes, skip, trial};
use crate::crash::killed;
use crate::foreign::storage;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("buildah: copies into nothing", || beside_buildah(COPIES)),
        trial("buildah: programs, variables and stages", || beside_buildah(PROGRAMS)),
        trial("buildah: directories, links and archives", || beside_buildah(LINKS)),
        trial("killed: build", at_every_step),
        trial("killed: build, while a program runs", while_running),
    ]
}

const COPIES: &str = "FROM scratch
COPY a.txt b.txt /srv/
COPY tree /tree/
COPY --chown=5:6 a.txt /owned/by/others
COPY *.txt ./
WORKDIR /work/dir
COPY tree/sub .
ENV A=1 B=\"x y\"
ENV C $A-${D:-none}
LABEL one=1 two=\"2 3\"
EXPOSE 80 53/udp
USER 5
ENTRYPOINT [\"/bin/start\"]
CMD [\"one\", \"two words\"]
";

const PROGRAMS: &str = "ARG BASE
FROM $BASE AS first
ARG WHO=you
ENV GREETING=hello
WORKDIR /srv
RUN echo \"$GREETING $WHO\" > out && mkdir -p deep/er && rm -f /etc/group
RUN [\"/bin/sh\", \"-c\", \"umask 027; cat out > copied\"]
FROM $BASE
COPY --from=first /srv /from/first
COPY --from=0 /srv/out /out
RUN echo more >> /out; rm -r /from/first/deep; mkdir /from/first/deep; ls /from > /from/first/deep/list
CMD cat /out
";

const LINKS: &str = "FROM scratch
ADD base.tar /
COPY a.txt /var/run/a.txt
COPY tree /opt/tree
ADD base.tar b.txt /unpacked/
";

fn files(bench: &Bench, dockerfile: &str) -> String {
    let dir =
        context(bench, &[("Dockerfile", dockerfile), ("a.txt", "a"), ("b.txt", "b"), ("tree/sub/c", "c")]);
    std::os::unix::fs::symlink("sub/c", dir.join("tree/link")).unwrap();
    let base =
        crate::archive::Tar::new().dir("run").symlink("var/run", "/run").file("etc/motd", "hello").end();
    fs::write(dir.join("base.tar"), base).unwrap();
    text(&dir).into()
}

fn beside_buildah(dockerfile: &str) {
    if !has_tool("buildah", "builds beside those of buildah") {
        return;
    }
    if !is_root() {
        return skip("builds beside those of buildah", "buildah wants to be root here");
    }
    let bench = Bench::new();
    let dir = files(&bench, dockerfile);
    if dockerfile.contains("RUN") && !can_run(&bench, "builds beside those of buildah") {
        return;
    }
    bench.glassbox(&["build", "-q", "-t", "web", "--build-arg", "BASE=tiny", &dir]);
    let storage = storage(&bench);
    let buildah = |arguments: &[&str]| {
        let storage: Vec<&str> = storage.iter().map(String::as_str).collect();
        bench.tool("buildah", &[&storage[..], arguments].concat())
    };
    if dockerfile.contains("$BASE") {
        bench.glassbox(&["save", "--format", "docker", "-o", text(&bench.path("tiny.tar")), "tiny"]);
        buildah(&["pull", "-q", "docker-archive:tiny.tar"]);
    }
    let base = "BASE=docker.io/library/tiny:latest";
    buildah(&[
        "bud",
        "-q",
        "--isolation",
        "chroot",
        "--layers=false",
        "--build-arg",
        base,
        "-t",
        "web",
        &dir,
    ]);
    let container = buildah(&["from", "--pull-never", "web"]);
    let theirs = buildah(&["mount", container.trim()]);
    let theirs = census(&bench, Path::new(theirs.trim()));
    let inspected: Value = serde_json::from_str(&buildah(&["inspect", "--type", "image", "web"])).unwrap();
    buildah(&["rm", "--all"]);

    assert_eq!(merged(&bench), theirs);
    let config = &inspected["OCIv1"]["config"];
    let ours = serde_json::to_value(bench.image("web").config.config).unwrap();
    for field in ["User", "ExposedPorts", "Entrypoint", "Cmd", "WorkingDir"] {
        assert_eq!(ours[field], config[field], "{field}");
    }
    let env = |config: &Value| {
        let list = config["Env"].as_array().cloned().unwrap_or_default();
        // Where an image has none, buildah has one of its own.
        let mut list: Vec<String> = list.iter().map(|pair| pair.as_str().unwrap().to_string()).collect();
        list.retain(|pair| !pair.starts_with("PATH="));
        list
    };
    assert_eq!(env(&ours), env(config));
    let labels = ours["Labels"].as_object().cloned().unwrap_or_default();
    assert!(labels.iter().all(|(name, value)| config["Labels"][name] == *value), "{labels:?} {config}");
}

/// Every file with its mode, its owner, where it leads, and what is in it.
fn census(bench: &Bench, root: &Path) -> String {
    let script = "cd \"$ROOT\" && find . -mindepth 1 | sort | while read -r file; do
        sum=; if [ -f \"$file\" ] && [ ! -h \"$file\" ]; then sum=$(cksum < \"$file\"); fi
        echo \"$(stat -c '%N %A %u:%g' \"$file\") $sum\"; done";
    let ran = finish(bench.home.script(script).env("ROOT", root));
    assert_eq!(ran.code, Some(0), "{ran}");
    // Buildah leaves mount points of its own in an image that has run a program.
    const OWN: [&str; 7] = ["dev", "proc", "sys", "run'", "etc/hostname", "etc/hosts", "etc/resolv.conf"];
    let is_own = |line: &&str| !OWN.iter().any(|own| line.starts_with(&format!("'./{own}")));
    ran.out.lines().filter(is_own).map(|line| format!("{line}\n")).collect()
}

fn merged(bench: &Bench) -> String {
    let merged = bench.path("merged");
    fs::create_dir_all(&merged).unwrap();
    let layers: Vec<String> =
        bench.image("web").layers.iter().rev().map(|layer| text(&layer.path).to_string()).collect();
    // Overlayfs wants two directories at least.
    let nothing = bench.path("nothing");
    fs::create_dir_all(&nothing).unwrap();
    let lower = format!("{}:{}", layers.join(":"), text(&nothing));
    glassbox::kernel::mount::mount(
        "overlay",
        &merged,
        "overlay",
        glassbox::kernel::mount::Flags::MS_RDONLY,
        &format!("lowerdir={lower}"),
    )
    .unwrap();
    let seen = std::panic::catch_unwind(|| census(bench, &merged));
    glassbox::kernel::mount::umount2(&merged, glassbox::kernel::mount::UmountFlags::MNT_DETACH).unwrap();
    seen.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The steps that change something, as in the tests of other commands.
const STEPS: [&str; 6] =
    ["?rename,?renameat,renameat2", "?mkdir,mkdirat", "?unlink,unlinkat", "syncfs", "ftruncate", "flock"];

fn at_every_step() {
    if !has_tool("strace", "a build that is killed") {
        return;
    }
    let whole = Bench::new();
    let arguments = |bench: &Bench| {
        let dir = files(bench, "FROM scratch\nCOPY a.txt /a\nLABEL x=1\nCOPY tree /b\n");
        ["build", "-q", "-t", "web", &dir].map(String::from).to_vec()
    };
    let run = |bench: &Bench, arguments: &[String]| {
        bench.glassbox(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let expected = run(&whole, &arguments(&whole));
    let mut kills = 0;
    for step in STEPS {
        for number in 1.. {
            let bench = Bench::new();
            bench.glassbox(&["images"]);
            let arguments = arguments(&bench);
            if !killed(&bench, &arguments, step, number) {
                break;
            }
            kills += 1;
            let what = format!("killed at {step} number {number}");
            for id in bench.glassbox(&["images", "-q"]).lines() {
                assert_eq!(bench.image(id).layers.len(), 2, "{what}");
            }
            assert!(!bench.stored().iter().any(|name| name.starts_with("tmp/")), "{what}");
            // It goes through, and what it makes is the same but for its time.
            run(&bench, &arguments);
            let (one, other) = (bench.image("web"), whole.image("web"));
            assert_eq!(one.layers.len(), other.layers.len(), "{what}: {expected}");
            bench.glassbox(&["prune", "-a", "-f"]);
            let left = bench.stored();
            assert!(left.iter().all(|name| name.starts_with("./")), "{what}: {left:?}");
        }
    }
    assert!(kills > 20, "it was killed {kills} times");
}

fn while_running() {
    let bench = Bench::new();
    if !can_run(&bench, "a build that is killed while a program runs") {
        return;
    }
    let dir = context(&bench, &[("Dockerfile", "FROM tiny\nRUN echo > /written; sleep 1000\n")]);
    let mut command = bench.home.glassbox([]);
    let mut child = command.args(["build", "-q", text(&dir)]).spawn().unwrap();
    let sleeps =
        || processes::descendants(child.id() as i32).into_iter().find(|process| process.name == "sleep");
    eventually("the program runs", || sleeps().is_some());
    let program = sleeps().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the program ends with the build", || !program.is_alive());
    bench.glassbox(&["images"]);
    assert!(!bench.stored().iter().any(|name| name.starts_with("tmp/")));
}
