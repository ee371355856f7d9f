//! `cargo bench --bench start [-- ROUNDS]`: how long a container takes, from the command to its end.
//!
//! Every rival runs a program that does nothing in as much of a container as it makes: the floor (`floor.c`), which
//! is the system calls and nothing else, glassbox, crun, runc and bubblewrap. They take turns, for times drift by a
//! factor of four on a busy machine, and only ratios within a round count. *Isolated*: 150 ms pause before each start,
//! which is how people start containers; *tight*: no pause.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on has nothing to show")]

mod arena;
mod rivals;

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use arena::Arena;
use rivals::Rival;

/// The pause before each isolated start.
const PAUSE: Duration = Duration::from_millis(150);

fn main() -> ExitCode {
    // Cargo adds --bench.
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(30);
    if !arena::is_root() {
        println!("not root, who alone can give crun, runc and the floor what they want: nothing is measured");
        return ExitCode::SUCCESS;
    }
    let arena = Arena::new();
    let rivals = rivals::all(&arena);
    for (name, pause) in [("isolated", Some(PAUSE)), ("tight", None)] {
        show(name, &rivals, &measure(&rivals, rounds, pause));
    }
    ExitCode::SUCCESS
}

/// The times of each rival, round by round. The first two rounds only warm up.
fn measure(rivals: &[Rival], rounds: usize, pause: Option<Duration>) -> Vec<Vec<Duration>> {
    let mut times = vec![vec![]; rivals.len()];
    for round in 0..rounds + 2 {
        for (rival, times) in rivals.iter().zip(&mut times) {
            if let Some(pause) = pause {
                std::thread::sleep(pause);
            }
            let took = time(rival);
            if round >= 2 {
                times.push(took);
            }
        }
    }
    times
}

fn time(rival: &Rival) -> Duration {
    let mut command = Command::new(&rival.command[0]);
    command.args(&rival.command[1..]).envs(rival.env.iter().map(|(name, value)| (name, value)));
    let stdin =
        rival.stdin.as_ref().map_or_else(Stdio::null, |file| std::fs::File::open(file).unwrap().into());
    command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let child = command.spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    let took = started.elapsed();
    assert!(output.status.success(), "{}: {}", rival.name, String::from_utf8_lossy(&output.stderr));
    took
}

/// A line for each rival: its median, and the medians of its ratios within a round to the floor, and to crun.
fn show(name: &str, rivals: &[Rival], times: &[Vec<Duration>]) {
    let crun = rivals.iter().position(|rival| rival.name == "crun");
    println!("\n{name:<28} {:>10} {:>10} {:>10}", "median ms", "× floor", "× crun");
    for (rival, own) in rivals.iter().zip(times) {
        let ratio = |to: &[Duration]| {
            let ratios = own.iter().zip(to).map(|(own, to)| own.as_secs_f64() / to.as_secs_f64());
            median(ratios.collect())
        };
        let ms = median(own.iter().map(|time| time.as_secs_f64() * 1e3).collect());
        let crun = crun.map_or_else(|| "—".into(), |at| format!("{:.2}", ratio(&times[at])));
        println!("{:<28} {ms:>10.2} {:>10.2} {crun:>10}", rival.title, ratio(&times[0]));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
