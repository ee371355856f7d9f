//! One lesson: with the learner, for nobody in particular, or left out with its reason.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::audience::Learner;
use super::keys;
use super::learn::progress;
use super::problem::{Problem, unwritable};
use crate::event::{Body, Event, SCHEMA_VERSION};
use crate::machine::{Mode, Refusal};
use crate::present::Terminal;
use crate::progress::Progress;
use crate::stage::{Audience, Ended, Left, Lesson, Options, Presenter, interrupt, perform};

/// A lesson that somebody asked for and that cannot run here.
pub(super) fn cannot(lesson: &Lesson, refusal: &Refusal) -> Problem {
    Problem::cannot(&format!("the lesson {} cannot run here", lesson.id), refusal)
}

/// Perform a lesson.
pub(super) fn give(
    lesson: &Lesson,
    options: &Options,
    presenter: &mut dyn Presenter,
    audience: &mut dyn Audience,
) -> Result<Ended, Problem> {
    guard()?;
    perform(lesson, options, presenter, audience).map_err(Problem::from)
}

/// From here on the terminal is given back as it was, whatever ends us.
pub(super) fn guard() -> Result<(), Problem> {
    interrupt::guard().map_err(|errno| Problem::system("cannot handle signals", errno))
}

/// Tell, in the stream of events, that a lesson cannot run here.
pub(super) fn skip(
    lesson: &Lesson,
    refusal: &Refusal,
    presenter: &mut dyn Presenter,
) -> Result<Ended, Problem> {
    let Lesson { id, title, minutes, steps, .. } = *lesson;
    let Refusal { why, hint } = refusal.clone();
    let bodies = [
        Body::Lesson { id: id.into(), title: title.into(), minutes, steps },
        Body::Skip { what: format!("the lesson {id}"), why, hint },
        Body::Finish { passed: 0, failed: 0, skipped: 1 },
    ];
    for body in bodies {
        let event = Event { v: SCHEMA_VERSION, lane: "host".into(), pid: 0, aside: false, body };
        presenter.show(&event)?;
    }
    Ok(Ended { skipped: 1, ..Ended::default() })
}

/// Where ledgers are kept.
pub(super) fn runs(state: &Path) -> PathBuf {
    state.join("runs")
}

/// Keeps the place after every step.
struct Bookmark<'a> {
    terminal: Terminal,
    lesson: &'a Lesson,
    progress: Progress,
    state: &'a Path,
    /// Why the place could not be kept.
    unkept: Option<Problem>,
}

impl Presenter for Bookmark<'_> {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        if let Body::Step { number, .. } = event.body {
            self.progress.update(self.lesson.id, |record| record.step = number);
            let kept = self.progress.save(self.state);
            kept.inspect_err(|error| self.unkept = Some(unwritable(self.state, error)))?;
        }
        self.terminal.show(event)
    }
}

/// The step to begin with. A lesson that was left in the middle can be gone on with; `None` if the learner would
/// rather do neither.
pub(super) fn where_to_begin(lesson: &Lesson, step: usize) -> Result<Option<usize>, Problem> {
    if step <= 1 || step > lesson.steps {
        return Ok(Some(1));
    }
    guard()?;
    let items = [format!("go on with step {step} of {}", lesson.steps), "begin again".to_string()];
    let asked = keys::choose("You have been here before", &items, 0);
    let chosen = asked.map_err(|error| Problem::failed("cannot show the menu", error, "glassbox learn"))?;
    Ok(chosen.map(|index| if index == 0 { step } else { 1 }))
}

/// What it builds on, as wide as the terminal is.
fn foundation(lesson: &Lesson) -> String {
    let options = textwrap::Options::new(Terminal::width()).initial_indent(" ").subsequent_indent(" ");
    let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(&lesson.foundation(), options)
}

/// Do a lesson with the learner, again from its start as often as he wants.
pub(super) fn learn(
    lesson: &'static Lesson,
    mode: Mode,
    state: &Path,
    from: usize,
    nodes: Option<usize>,
) -> Result<Ended, Problem> {
    let runs = runs(state);
    let mut from_step = from;
    let mut learner = Learner::default();
    loop {
        let options = Options { mode, runs: &runs, from_step, fault: None, nodes };
        let (terminal, progress) = (Terminal::new(), progress(state)?);
        let mut bookmark = Bookmark { terminal, lesson, progress, state, unkept: None };
        writeln!(io::stdout())?;
        match from_step {
            1 if lesson.builds_on.is_empty() => {}
            1 => writeln!(io::stdout(), "{}\n", foundation(lesson))?,
            2 => writeln!(io::stdout(), " step 1 is done again first, without being shown\n")?,
            _ => {
                let last = from_step - 1;
                writeln!(io::stdout(), " steps 1 to {last} are done again first, without being shown\n")?;
            }
        }
        let ended = give(lesson, &options, &mut bookmark, &mut learner);
        let ended = ended.map_err(|problem| bookmark.unkept.take().unwrap_or(problem))?;
        if ended.left == Some(Left::Restart) {
            from_step = 1;
            continue;
        }
        if ended.left == Some(Left::Quit) {
            writeln!(io::stdout(), " left at step {} of {}; the place is kept", ended.step, lesson.steps)?;
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
