//! `glassbox learn`: one lesson, several, or all.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use super::audience::{Learner, Nobody};
use super::problem::{Problem, state_directory, unwritable};
use super::{Outcome, keys};
use crate::event::{Body, Event, SCHEMA_VERSION};
use crate::lessons;
use crate::machine::{Machine, Verdict};
use crate::present::{Jsonl, Plain, Terminal};
use crate::progress::Progress;
use crate::stage::{Ended, Fault, Left, Lesson, Options, Presenter, interrupt, perform, stable::Stable};

pub(super) const EXAMPLES: &str = "\
Examples:
  glassbox learn                            go on where you left off
  glassbox learn pid                        one lesson
  glassbox learn pid --from 3               from its third step
  glassbox learn --all --auto               every lesson, no questions
  glassbox learn pid --auto --format jsonl  every event, for a program";

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
    /// Put names in place of what differs from run to run: pids, namespaces, times
    #[arg(long, requires = "auto")]
    stable: bool,
    /// Let a check fail at this pause
    #[arg(long, value_name = "PAUSE", hide = true)]
    fault: Option<usize>,
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

pub(super) fn run(args: &Args) -> Outcome {
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
    let machine = Machine::examine();
    if let [lesson] = chosen.as_slice()
        && let Verdict::Cannot(refusal) = machine.verdict(lesson.needs)
        && !args.all
    {
        return Err(Problem::cannot(&format!("the lesson {} cannot run here", lesson.id), &refusal));
    }
    let mut tally = Tally::default();
    for lesson in chosen {
        let ended = match machine.verdict(lesson.needs) {
            _ if !interactive => rehearse(lesson, &machine, &state, args)?,
            verdict @ Verdict::Cannot(_) => skip(lesson, &verdict, &mut Terminal::new())?,
            _ => learn(lesson, &machine, &state, begin_at(args, lesson, &state)?)?,
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

/// The step to begin with: where the learner left off, if he only says that he wants to go on.
fn begin_at(args: &Args, lesson: &Lesson, state: &Path) -> Result<usize, Problem> {
    let goes_on = args.lessons.is_empty() && !args.all;
    let place = if goes_on { progress(state)?.lesson(lesson.id).step } else { 1 };
    Ok(args.from.unwrap_or(place).clamp(1, lesson.steps))
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
        eprintln!("note: the progress file was damaged; it is kept as {}", aside.display());
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

fn options<'a>(machine: &Machine, runs: &'a Path, from_step: usize) -> Option<Options<'a>> {
    let mode = *machine.mode.as_ref().ok()?;
    Some(Options { mode, runs, from_step, fault: None })
}

fn perform_in(
    lesson: &Lesson,
    options: &Options,
    presenter: &mut dyn Presenter,
    audience: &mut dyn crate::stage::Audience,
) -> Result<Ended, Problem> {
    interrupt::guard().map_err(|errno| Problem::failed("cannot handle signals", errno, ""))?;
    perform(lesson, options, presenter, audience).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => error.into(),
        _ => unwritable(options.runs, &error),
    })
}

/// Perform a lesson for nobody in particular.
fn rehearse(lesson: &'static Lesson, machine: &Machine, state: &Path, args: &Args) -> Result<Ended, Problem> {
    const WIDTH: usize = 80;
    let out = io::stdout();
    let format = args.format.unwrap_or(if out.is_terminal() { Format::Terminal } else { Format::Plain });
    let mut presenter: Box<dyn Presenter> = match (format, args.stable) {
        (Format::Jsonl, false) => Box::new(Jsonl::new(out)),
        (Format::Jsonl, true) => Box::new(Stable::new(Jsonl::new(out))),
        (Format::Plain, false) => Box::new(Plain::new(out, WIDTH)),
        (Format::Plain, true) => Box::new(Stable::new(Plain::new(out, WIDTH))),
        (Format::Terminal, _) => Box::new(Terminal::new()),
    };
    let runs = runs(state);
    match (machine.verdict(lesson.needs), options(machine, &runs, args.from.unwrap_or(1))) {
        (Verdict::Runs | Verdict::RunsWithoutRoot, Some(mut options)) => {
            options.fault = args.fault.map(|at_pause| Fault { at_pause });
            perform_in(lesson, &options, presenter.as_mut(), &mut Nobody::stopping_at(args.stop_at_pause))
        }
        (verdict, _) => skip(lesson, &verdict, presenter.as_mut()),
    }
}

/// Tell, in the stream of events, that a lesson cannot run here.
fn skip(lesson: &Lesson, verdict: &Verdict, presenter: &mut dyn Presenter) -> Result<Ended, Problem> {
    let Lesson { id, title, minutes, steps, .. } = *lesson;
    let (why, hint) = match verdict {
        Verdict::Cannot(refusal) => (refusal.why.clone(), refusal.hint.clone()),
        _ => ("no way to set the stage was found".into(), "`glassbox doctor` shows more".into()),
    };
    let bodies = [
        Body::Lesson { id: id.into(), title: title.into(), minutes, steps },
        Body::Skip { what: format!("the lesson {id}"), why, hint },
        Body::Finish { passed: 0, failed: 0, skipped: 1 },
    ];
    for body in bodies {
        let event = Event { v: SCHEMA_VERSION, lane: "host".into(), pid: 0, body };
        presenter.show(&event)?;
    }
    Ok(Ended { skipped: 1, ..Ended::default() })
}

fn runs(state: &Path) -> PathBuf {
    state.join("runs")
}

/// Keeps the place after every step.
struct Bookmark<'a> {
    terminal: Terminal,
    lesson: &'a Lesson,
    progress: Progress,
    state: &'a Path,
}

impl Presenter for Bookmark<'_> {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        if let Body::Step { number, .. } = event.body {
            self.progress.update(self.lesson.id, |record| record.step = number);
            self.progress.save(self.state)?;
        }
        self.terminal.show(event)
    }
}

/// Do a lesson with the learner, again from its start as often as he wants.
pub(super) fn learn(
    lesson: &'static Lesson,
    machine: &Machine,
    state: &Path,
    from: usize,
) -> Result<Ended, Problem> {
    let runs = runs(state);
    let mut from = from;
    loop {
        let options = match (machine.verdict(lesson.needs), options(machine, &runs, from)) {
            (Verdict::Cannot(refusal), _) => {
                return Err(Problem::cannot(&format!("the lesson {} cannot run here", lesson.id), &refusal));
            }
            (_, Some(options)) => options,
            (_, None) => return skip(lesson, &Verdict::Runs, &mut Terminal::new()),
        };
        let mut bookmark = Bookmark { terminal: Terminal::new(), lesson, progress: progress(state)?, state };
        writeln!(io::stdout())?;
        let ended = perform_in(lesson, &options, &mut bookmark, &mut Learner)?;
        if ended.left == Some(Left::Restart) {
            from = 1;
            continue;
        }
        if ended.left.is_none() && ended.failed == 0 {
            finish(&mut bookmark, &ended)?;
        }
        return Ok(ended);
    }
}

fn finish(bookmark: &mut Bookmark, ended: &Ended) -> Result<(), Problem> {
    let (right, of) = ended.predictions;
    bookmark.progress.update(bookmark.lesson.id, |record| {
        record.done = true;
        record.step = 0;
        (record.predicted_right, record.predicted) = (right, of);
    });
    bookmark.progress.save(bookmark.state).map_err(|error| unwritable(bookmark.state, &error))?;
    if of > 0 {
        writeln!(io::stdout(), " you predicted {right} of {of} right")?;
    }
    writeln!(io::stdout(), " its assignment: glassbox lab start {}", bookmark.lesson.id)?;
    Ok(())
}
