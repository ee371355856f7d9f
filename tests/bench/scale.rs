//! `cargo bench --bench scale [-- COUNT…]`: many containers of one image, started and removed with one command each.
//!
//! Beside them stand as many full copies of the root file system: what one would need without layers. And as root the same
//! number on a network, of a host that is a network namespace: what is more is the network part, a cable with its address,
//! for which 1.5 ms are the goal.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on has nothing to show")]

mod arena;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use arena::{Arena, IMAGE, run};
use glassbox::kernel::namespace::{Kind, unshare};

fn main() -> ExitCode {
    let mut counts: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![100, 1000];
    }
    let arena = Arena::new();
    println!("{:<28} {:>9} {:>9} {:>11} {:>9}", "each", "start ms", "end ms", "memory KiB", "disk KiB");
    for count in counts {
        let plain = containers(&arena, count, &[]);
        show(&format!("{count} containers"), count, &plain);
        if arena::is_root() && count <= PORTS {
            let connected = on_a_network(|| containers(&arena, count, &["--net", "bench"]), &arena);
            show(&format!("{count} on a network"), count, &connected);
            let more = connected.start.as_secs_f64() - plain.start.as_secs_f64();
            println!("{:<28} {:>9.2}", "  the network part", more * 1e3 / count as f64);
        }
        // More would only take longer: each copy is like the other.
        let copies = count.min(100);
        show(&format!("{copies} full copies"), copies, &copied(&arena, copies));
    }
    ExitCode::SUCCESS
}

/// A bridge has no more.
const PORTS: usize = 1023;

/// Measure on a host that is made for it: the network namespace of a thread.
fn on_a_network(measure: impl FnOnce() -> Taken + Send, arena: &Arena) -> Taken {
    let in_namespace = || {
        unshare(&[Kind::Net]).unwrap();
        run(&mut arena.glassbox(&["network", "create", "--subnet", "10.9.0.0/20", "bench"]));
        let taken = measure();
        run(&mut arena.glassbox(&["network", "rm", "bench"]));
        taken
    };
    std::thread::scope(|scope| scope.spawn(in_namespace).join().unwrap())
}

/// What many of a kind took.
struct Taken {
    start: Duration,
    end: Duration,
    /// KiB of memory that is not available any more; nothing for what needs none.
    memory: Option<u64>,
    /// KiB on the disk.
    disk: u64,
}

fn show(name: &str, count: usize, taken: &Taken) {
    let each = |total: f64| total / count as f64;
    let ms = |time: Duration| each(time.as_secs_f64() * 1e3);
    let memory = taken.memory.map_or_else(|| "—".into(), |kib| format!("{:.0}", each(kib as f64)));
    let disk = each(taken.disk as f64);
    println!("{name:<28} {:>9.2} {:>9.2} {memory:>11} {disk:>9.0}", ms(taken.start), ms(taken.end));
}

fn containers(arena: &Arena, count: usize, flags: &[&str]) -> Taken {
    let state = arena.path("glassbox");
    // The first one makes what all share.
    run(&mut arena.glassbox(&["run", "--rm", IMAGE, "/bin/true"]));
    let (free, used) = (available(), kib(&state));
    let replicas = count.to_string();
    let started = Instant::now();
    let several = [&["run", "--detach", "--replicas", &replicas], flags, &[IMAGE, "/bin/wait"]].concat();
    run(&mut arena.glassbox(&several));
    let start = started.elapsed();
    let running = run(&mut arena.glassbox(&["ps", "--quiet"]));
    let ids: Vec<&str> = running.lines().collect();
    assert_eq!(ids.len(), count, "all of them run");
    settle();
    let memory = free.saturating_sub(available());
    let disk = kib(&state).saturating_sub(used);
    let ended = Instant::now();
    run(&mut arena.glassbox(&[&["rm", "--force"], &ids[..]].concat()));
    let end = ended.elapsed();
    assert_eq!(run(&mut arena.glassbox(&["ps", "--all", "--quiet"])), "", "none is left");
    Taken { start, end, memory: Some(memory), disk }
}

fn copied(arena: &Arena, count: usize) -> Taken {
    let copies = arena.path("copies");
    std::fs::create_dir(&copies).unwrap();
    let started = Instant::now();
    for number in 0..count {
        run(Command::new("cp").arg("-a").arg(arena.path("rootfs")).arg(copies.join(number.to_string())));
    }
    let start = started.elapsed();
    let disk = kib(&copies);
    let ended = Instant::now();
    std::fs::remove_dir_all(&copies).unwrap();
    Taken { start, end: ended.elapsed(), memory: None, disk }
}

/// What was freed is counted a little later.
fn settle() {
    run(&mut Command::new("sync"));
    std::thread::sleep(Duration::from_secs(2));
}

/// KiB of memory that programs could still have.
fn available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// KiB that a tree has on the disk, as `du` counts them.
fn kib(dir: &Path) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(dir) else { return 0 };
    let own = meta.blocks() / 2;
    if !meta.is_dir() {
        return own;
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    own + entries.map(|entry| kib(&entry.unwrap().path())).sum::<u64>()
}
