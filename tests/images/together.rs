//! Several commands on one store at once.

use std::process::{Child, Stdio};

use libtest_mimic::Trial;

use crate::archive::{Parts, Tar};
use crate::bench::{Bench, text};
use crate::common::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("together: loads of images with a layer in common", loads),
        trial("together: loads, names and removals", everything),
        trial("together: the first use of the store", first_of_all),
        trial("together: the first use of tiny", first_use),
    ]
}

fn start(bench: &Bench, arguments: &[&str]) -> Child {
    let mut command = bench.home.glassbox([]);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

fn all_succeed(children: Vec<Child>) {
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

fn archives(bench: &Bench, count: usize) -> Vec<String> {
    let base = Tar::new().file("big", vec![7; 3 << 20]).file("etc/motd", "hello\n").end();
    let archive = |at: usize| {
        let top = Tar::new().file("top", at.to_string()).end();
        let archive = Parts::plain(&[base.clone(), top]).oci(&format!("web:{at}"));
        text(&bench.file(&format!("{at}.tar"), &archive)).to_string()
    };
    (0..count).map(archive).collect()
}

fn loads() {
    let bench = Bench::new();
    let archives = archives(&bench, 4);
    let twice = archives.iter().chain(&archives);
    all_succeed(twice.map(|archive| start(&bench, &["load", "-i", archive])).collect());
    assert_eq!(bench.glassbox(&["images", "-q"]).lines().count(), 4);
    let stored = bench.stored();
    let count = |dir: &str| stored.iter().filter(|name| name.starts_with(dir)).count();
    // A layer in common, and one of each; with what is known of them.
    assert_eq!((count("layers/"), count("tmp/")), (2 * (1 + 4), 0), "{stored:?}");
    assert_eq!(count("blobs/"), (1 + 4) + 2 * 4, "{stored:?}");
}

fn everything() {
    let bench = Bench::new();
    let archives = archives(&bench, 3);
    bench.glassbox(&["load", "-i", &archives[0]]);
    for _ in 0..4 {
        let mut children: Vec<Child> =
            archives.iter().map(|archive| start(&bench, &["load", "-i", archive])).collect();
        children.push(start(&bench, &["tag", "web:0", "kept"]));
        children.push(start(&bench, &["prune", "--force"]));
        children.push(start(&bench, &["images"]));
        all_succeed(children);
        all_succeed(vec![
            start(&bench, &["rmi", "web:1"]),
            start(&bench, &["rmi", "web:2"]),
            start(&bench, &["load", "-i", &archives[0]]),
        ]);
        assert_eq!(bench.image("kept").id, bench.image("web:0").id);
        for layer in bench.image("kept").layers {
            assert!(layer.path.is_dir());
        }
    }
}

fn first_of_all() {
    for _ in 0..5 {
        let bench = Bench::new();
        all_succeed((0..6).map(|_| start(&bench, &["images"])).collect());
    }
}

fn first_use() {
    let bench = Bench::new();
    all_succeed((0..3).map(|at| start(&bench, &["tag", "tiny", &format!("mine:{at}")])).collect());
    assert_eq!(bench.image("mine:0").id, bench.image("mine:2").id);
    assert_eq!(bench.glassbox(&["images", "-q", "mine"]).lines().count(), 1);
}
