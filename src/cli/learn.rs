//! `glassbox learn`: one lesson, several, or all.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;

use super::audience::Nobody;
use super::lesson::{cannot, give, learn, runs, skip, where_to_begin};
use super::problem::{Problem, note, state_directory, unwritable};
use super::scope::Scope;
use super::{Outcome, keys};
use crate::lessons;
use crate::machine::{Machine, Mode};
use crate::present::{Jsonl, Plain, Terminal};
use crate::progress::Progress;
use crate::stage::{Ended, Fault, Left, Lesson, Options, Presenter, stable::Stable};

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox learn                            go on where you left off
  glassbox learn pid                        one lesson, or the rest of it
  glassbox learn pid --from 3               from its third step
  glassbox learn --all --auto               every lesson, no questions
  glassbox learn hundred-nodes --nodes 1000 a thousand of them
  glassbox learn pid --auto --format jsonl  every event, for a program

A later step may stand on what an earlier one has made. So whoever begins in the middle has the steps \
before it performed as well, only without seeing them.

After a login with ssh an ordinary user may set no limits. Where systemd runs, a lesson that sets some \
goes on in a scope of the user's service manager, as `systemd-run --user --scope -p Delegate=yes` makes \
it: the same process in another cgroup. It says so on standard error. With --no-scope it stays where it \
is, and such a lesson cannot run.";

#[derive(clap::Args)]
pub(super) struct Args {
    /// Lessons, by name; without one, the first that is not done
    lessons: Vec<String>,
    /// Every lesson, in order
    #[arg(long, conflicts_with = "lessons")]
    all: bool,
    /// Ask nothing and wait for nothing
    #[arg(long)]
    auto: bool,
    /// How to show it [default: terminal at a terminal, else plain]
    #[arg(long)]
    format: Option<Format>,
    /// Begin at this step; those before it are performed without being shown
    #[arg(long, value_name = "STEP")]
    from: Option<usize>,
    /// How many containers there shall be, in a lesson that makes many [default: what suits the machine]
    #[arg(long, value_name = "NUMBER")]
    nodes: Option<usize>,
    /// Put names in place of what differs from run to run: pids, namespaces, times
    #[arg(long, requires = "auto")]
    stable: bool,
    /// Let a check fail at this pause
    #[arg(long, value_name = "PAUSE", hide = true)]
    fault: Option<usize>,
    /// Perform a lesson even if something that it needs is missing
    #[arg(long, hide = true, requires = "auto")]
    regardless: bool,
    /// Wait at this pause for ever
    #[arg(long, value_name = "PAUSE", hide = true, requires = "auto")]
    stop_at_pause: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
enum Format {
    /// Colour, bars that move, keys
    Terminal,
    /// Text
    Plain,
    /// An event a line, as JSON
    Jsonl,
}

impl Args {
    fn presenter(&self) -> Box<dyn Presenter> {
        const WIDTH: usize = 80;
        let out = io::stdout();
        let format = self.format.unwrap_or(if out.is_terminal() { Format::Terminal } else { Format::Plain });
        match (format, self.stable) {
            (Format::Jsonl, false) => Box::new(Jsonl::new(out)),
            (Format::Jsonl, true) => Box::new(Stable::new(Jsonl::new(out))),
            (Format::Plain, false) => Box::new(Plain::new(out, WIDTH)),
            (Format::Plain, true) => Box::new(Stable::new(Plain::new(out, WIDTH))),
            (Format::Terminal, _) => Box::new(Terminal::new()),
        }
    }
}

pub(super) fn run(args: &Args, scope: &Scope) -> Outcome {
    let state = state_directory()?;
    let chosen = chosen(args, &state)?;
    let interactive = !args.auto;
    if interactive && (!keys::has_terminal() || matches!(args.format, Some(Format::Plain | Format::Jsonl))) {
        return Err(Problem::usage(
            "there is nobody to press a key: this is not a terminal",
            "add --auto to run without questions",
        ));
    }
    let wrong = |from: usize| chosen.iter().find(|lesson| !(1..=lesson.steps).contains(&from));
    if let Some((from, lesson)) = args.from.and_then(|from| Some((from, wrong(from)?))) {
        return Err(Problem::usage(
            format!("{} has steps 1 to {}, not {from}", lesson.id, lesson.steps),
            format!("for example --from {}", lesson.steps),
        ));
    }
    if let Some(nodes) = args.nodes {
        check_nodes(&chosen, nodes)?;
    }
    scope.enter(chosen.iter().copied());
    let machine = Machine::examine();
    let asked_for_this_one = chosen.len() == 1 && !args.all;
    let mut tally = Tally::default();
    for lesson in chosen {
        let ended = match machine.ready(lesson.needs) {
            Err(_) if args.regardless => rehearse(lesson, machine.likely_mode(), &state, args)?,
            Err(refusal) if asked_for_this_one => return Err(cannot(lesson, &refusal)),
            Err(refusal) => skip(lesson, &refusal, args.presenter().as_mut())?,
            Ok(mode) if interactive => match begin_at(args, lesson, &state)? {
                Some(from) => learn(lesson, mode, &state, from, args.nodes)?,
                None => break,
            },
            Ok(mode) => rehearse(lesson, mode, &state, args)?,
        };
        tally.count(&ended);
        if ended.left == Some(Left::Quit) {
            break;
        }
    }
    if args.all && args.auto && args.format != Some(Format::Jsonl) {
        writeln!(io::stdout(), "\n {tally}")?;
    }
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether one of these lessons has nodes, and each that has can have so many.
fn check_nodes(chosen: &[&Lesson], nodes: usize) -> Result<(), Problem> {
    let with_nodes = |lesson: &&'static Lesson| lessons::nodes(lesson).is_some();
    if !chosen.iter().any(|lesson| lessons::nodes(lesson).is_some()) {
        let with: Vec<&str> = lessons::all().filter(with_nodes).map(|lesson| lesson.id).collect();
        let names: Vec<&str> = chosen.iter().map(|lesson| lesson.id).collect();
        let why = format!("there are no nodes to be counted in {}", names.join(", "));
        return Err(Problem::usage(why, format!("leave --nodes away; it is for {}", with.join(", "))));
    }
    for lesson in chosen {
        let Some(sizes) = lessons::nodes(lesson).filter(|sizes| !sizes.contains(&nodes)) else { continue };
        let (least, most) = sizes.into_inner();
        let why = format!("{} has {least} to {most} nodes, not {nodes}", lesson.id);
        return Err(Problem::usage(why, format!("the nearest is --nodes {}", nodes.clamp(least, most))));
    }
    Ok(())
}

/// Perform a lesson for nobody in particular.
fn rehearse(lesson: &'static Lesson, mode: Mode, state: &Path, args: &Args) -> Result<Ended, Problem> {
    let options = Options {
        mode,
        runs: &runs(state),
        from_step: args.from.unwrap_or(1),
        fault: args.fault.map(|at_pause| Fault { at_pause }),
        nodes: args.nodes,
    };
    let mut nobody = Nobody::stopping_at(args.stop_at_pause);
    give(lesson, &options, args.presenter().as_mut(), &mut nobody)
}

/// The step to begin with: where the learner left off, if he only says that he wants to go on. If he names a
/// lesson that he left in the middle, he is asked.
fn begin_at(args: &Args, lesson: &Lesson, state: &Path) -> Result<Option<usize>, Problem> {
    if args.from.is_some() {
        return Ok(args.from);
    }
    let place = progress(state)?.lesson(lesson.id).step;
    let goes_on = args.lessons.is_empty() && !args.all;
    if goes_on { Ok(Some(place.clamp(1, lesson.steps))) } else { where_to_begin(lesson, place) }
}

fn chosen(args: &Args, state: &Path) -> Result<Vec<&'static Lesson>, Problem> {
    if args.all {
        return Ok(lessons::all().collect());
    }
    if args.lessons.is_empty() {
        let progress = progress(state)?;
        let next = lessons::all().find(|lesson| !progress.lesson(lesson.id).done);
        return Ok(next.or_else(|| lessons::all().next()).into_iter().collect());
    }
    args.lessons.iter().map(|id| find(id)).collect()
}

/// The lesson of this name, or a problem that names the nearest one.
pub(super) fn find(id: &str) -> Result<&'static Lesson, Problem> {
    const SIMILAR: f64 = 0.7;
    lessons::find(id).ok_or_else(|| {
        let nearest = lessons::all()
            .map(|lesson| (strsim::jaro_winkler(id, lesson.id), lesson.id))
            .max_by(|left, right| left.0.total_cmp(&right.0));
        let hint = match nearest {
            Some((likeness, name)) if likeness >= SIMILAR => format!("did you mean {name}?"),
            _ => "`glassbox list` names them all".into(),
        };
        Problem::usage(format!("there is no lesson {id:?}"), hint)
    })
}

/// What the learner has done so far; says so if the file was damaged.
pub(super) fn progress(state: &Path) -> Result<Progress, Problem> {
    let (progress, damaged) = Progress::load(state).map_err(|error| unwritable(state, &error))?;
    if let Some(aside) = damaged {
        note(&format!("the progress file was damaged; it is kept as {}", aside.display()));
    }
    Ok(progress)
}

#[derive(Default)]
struct Tally {
    passed: usize,
    skipped: usize,
    failed: usize,
    parts: usize,
}

impl Tally {
    fn count(&mut self, ended: &Ended) {
        match ended {
            Ended { failed: 1.., .. } => self.failed += 1,
            Ended { passed: 0, skipped: 1.., .. } => self.skipped += 1,
            Ended { skipped, .. } => {
                self.passed += 1;
                self.parts += skipped;
            }
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { passed, skipped, failed, parts } = self;
        let total = passed + skipped + failed;
        write!(f, "{total} lessons: {passed} passed, {skipped} skipped, {failed} failed")?;
        if *parts > 0 {
            write!(f, "; {parts} parts of lessons skipped")?;
        }
        Ok(())
    }
}
