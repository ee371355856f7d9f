//! A command is killed at each of its steps: the next one finds all of an image or nothing of it, and clears away the
//! rest. strace kills it on its way into the system call.

use std::collections::BTreeSet;
use std::path::Path;

use libtest_mimic::Trial;

use crate::archive::{Parts, Tar};
use crate::bench::{Bench, text};
use crate::common::{GLASSBOX, eventually, finish, has_tool, processes, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("killed: load", || at_every_step(load, nothing)),
        trial("killed: rmi", || at_every_step(rmi, loaded)),
        trial("killed: tag", || at_every_step(tag, loaded)),
        trial("killed: import", || at_every_step(import, nothing)),
        trial("killed: sweep clears it away", sweep),
    ]
}

/// The steps that change something.
const STEPS: [&str; 8] = [
    "openat2",
    "?rename,?renameat,renameat2",
    "?mkdir,mkdirat",
    "?unlink,unlinkat",
    "flock",
    "syncfs",
    "fchownat",
    "ftruncate",
];

fn archive() -> Vec<u8> {
    let layers =
        [Tar::new().dir("etc").file("etc/motd", "hello\n").end(), Tar::new().file("etc/.wh.motd", "").end()];
    Parts::plain(&layers).oci("web:1")
}

fn load(bench: &Bench) -> Vec<String> {
    vec!["load".into(), "-i".into(), text(&bench.file("archive.tar", &archive())).into()]
}

fn import(bench: &Bench) -> Vec<String> {
    let layer = Tar::new().file("etc/motd", "hello\n").end();
    vec!["import".into(), text(&bench.file("layer.tar", &layer)).into(), "web:1".into()]
}

fn rmi(_: &Bench) -> Vec<String> {
    ["rmi", "web:1"].map(String::from).into()
}

fn tag(_: &Bench) -> Vec<String> {
    ["tag", "web:1", "other:1"].map(String::from).into()
}

fn nothing(bench: &Bench) {
    bench.glassbox(&["images"]);
}

fn loaded(bench: &Bench) {
    assert_eq!(bench.load(&archive()).code, Some(0));
}

/// Files of images: what has no such name is gone when the next command is done.
fn content(bench: &Bench) -> BTreeSet<String> {
    bench.stored().into_iter().filter(|name| !name.starts_with("./")).collect()
}

fn at_every_step(command: fn(&Bench) -> Vec<String>, before: fn(&Bench)) {
    if !has_tool("strace", "a command that is killed") {
        return;
    }
    // What there is before, and after: nothing else may be found.
    let (bench, mut kills) = (Bench::new(), 0);
    before(&bench);
    let old = content(&bench);
    let arguments = command(&bench);
    let whole: Vec<&str> = arguments.iter().map(String::as_str).collect();
    bench.glassbox(&whole);
    let comparable =
        |stored: &BTreeSet<String>| stored.iter().filter(|name| !name.starts_with("tmp/")).count();
    let new = content(&bench);
    for step in STEPS {
        for number in 1.. {
            let bench = Bench::new();
            before(&bench);
            if !killed(&bench, &command(&bench), step, number) {
                break;
            }
            kills += 1;
            let listed = bench.glassbox(&["images"]);
            let found = content(&bench);
            let states = [comparable(&old), comparable(&new)];
            let what = format!("killed at {step} number {number}: {found:?}\n{listed}");
            assert!(states.contains(&found.len()), "{what}");
            // Whatever is listed is whole.
            for id in bench.glassbox(&["images", "-q"]).lines() {
                let image = bench.image(id);
                assert!(image.layers.iter().all(|layer| layer.path.is_dir()), "{what}");
                bench.glassbox(&["save", "-o", text(&bench.path("saved.tar")), id]);
            }
            // And the command goes through, or has been.
            let again = bench.try_glassbox(&command(&bench).iter().map(String::as_str).collect::<Vec<_>>());
            assert!(again.code == Some(0) || again.err.contains("there is no image"), "{what}{again}");
        }
    }
    assert!(kills > 5, "it was killed {kills} times");
}

/// Whether it was killed; it was not, if it has fewer such steps.
pub(crate) fn killed(bench: &Bench, arguments: &[String], step: &str, number: u32) -> bool {
    let inject = format!("inject={step}:signal=SIGKILL:when={number}");
    let trace = format!("trace={step}");
    let mut command = bench.home.command("strace");
    let log = bench.path("strace.log");
    command.args(["-f", "-q", "-o", text(&log), "-e", &trace, "-e", &inject, "--", GLASSBOX]).args(arguments);
    let ran = finish(&mut command);
    let home = format!("XDG_STATE_HOME={}", bench.home.path().display());
    eventually("its child ends with it", || processes::with_environment(&home).is_empty());
    let killed = std::fs::read_to_string(&log).unwrap().contains("killed by SIGKILL");
    assert!(killed || ran.code == Some(0), "{step} number {number}: {ran}");
    killed
}

fn sweep() {
    if !has_tool("strace", "a command that is killed") {
        return;
    }
    let bench = Bench::new();
    assert!(killed(&bench, &load(&bench), "syncfs", 1));
    let left = |dir: &Path| std::fs::read_dir(dir).unwrap().count();
    assert_eq!(left(&bench.images_dir().join("tmp")), 1);
    assert_eq!(bench.glassbox(&["sweep"]), "removed what 1 unfinished image left\n");
    assert_eq!(left(&bench.images_dir().join("tmp")), 0);
    assert_eq!(bench.glassbox(&["sweep"]), "nothing was left\n");
}
