//! `glassbox list`: the lessons by parts, with a mark for what is done.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;
use textwrap::{Options, WordSplitter};
use unicode_width::UnicodeWidthStr;

use super::Outcome;
use super::learn::progress;
use super::problem::{Problem, state_directory};
use crate::lessons;
use crate::present::Terminal;
use crate::progress::Progress;
use crate::stage::Lesson;

/// What stands before a lesson.
pub(super) const DONE: char = '✔';
pub(super) const CANNOT: char = '–';
pub(super) const NEITHER: char = ' ';

/// Between a line about a lesson and what it builds on.
const GAP: usize = 2;

#[derive(clap::Args)]
pub(super) struct Args {
    /// How to say it
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// The course.
#[derive(Serialize)]
struct Course {
    version: u32,
    minutes: u32,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    title: &'static str,
    minutes: u32,
    lessons: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    lesson: &'static str,
    title: &'static str,
    minutes: u32,
    steps: usize,
    builds_on: &'static [&'static str],
    done: bool,
}

/// Minutes as people say them.
pub(super) fn duration(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{rest} min"),
        (hours, rest) => format!("{hours} h {rest} min"),
    }
}

/// The title of a part, and how long it takes.
pub(super) fn heading(part: &lessons::Part) -> String {
    format!("{} · {}", part.title, duration(part.minutes()))
}

/// As wide as the widest of all lessons.
pub(super) fn widest(text: fn(&Lesson) -> &str) -> usize {
    lessons::all().map(|lesson| text(lesson).width()).max().unwrap_or_default()
}

/// One lesson in one line, in columns that all of them share.
pub(super) fn line(lesson: &Lesson, mark: char) -> String {
    let (id, title) = (widest(|lesson| lesson.id), widest(|lesson| lesson.title));
    format!("{mark} {:<id$} {:<title$} {:>2} min", lesson.id, lesson.title, lesson.minutes)
}

pub(super) fn run(args: &Args) -> Outcome {
    let progress = progress(&state_directory()?)?;
    match args.format {
        Format::Text => tell(&progress)?,
        Format::Json => {
            let json = serde_json::to_string_pretty(&course(&progress));
            let json = json.map_err(|error| Problem::system("cannot write the list", error))?;
            writeln!(io::stdout(), "{json}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// As text.
pub(super) fn tell(progress: &Progress) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let column = widest(|lesson| lesson.id) + "  ✔  ".width();
    for part in lessons::PARTS {
        writeln!(out, "{}", heading(part))?;
        for lesson in part.lessons {
            let mark = if progress.lesson(lesson.id).done { DONE } else { NEITHER };
            writeln!(out, "{}", with_foundation(&format!("  {}", line(lesson, mark)), lesson, column))?;
        }
    }
    writeln!(out, "\n{} lessons, {} in all", lessons::all().count(), duration(lessons::minutes()))?;
    writeln!(out, "\nStart one:   glassbox learn {}", lessons::all().next().map_or("", |lesson| lesson.id))?;
    writeln!(out, "All of them: glassbox learn --all --auto")
}

/// A line about a lesson, and what it builds on beside it, or below it from this column on.
pub(super) fn with_foundation(line: &str, lesson: &Lesson, column: usize) -> String {
    let foundation = lesson.foundation();
    let width = Terminal::width();
    if foundation.is_empty() {
        return line.into();
    }
    if line.width() + GAP + foundation.width() <= width {
        return format!("{line}{}{foundation}", " ".repeat(GAP));
    }
    let indent = " ".repeat(column);
    let options = Options::new(width).initial_indent(&indent).subsequent_indent(&indent);
    format!("{line}\n{}", textwrap::fill(&foundation, options.word_splitter(WordSplitter::NoHyphenation)))
}

fn course(progress: &Progress) -> Course {
    let entry = |lesson: &Lesson| {
        let Lesson { id, title, minutes, steps, builds_on, .. } = *lesson;
        Entry { lesson: id, title, minutes, steps, builds_on, done: progress.lesson(id).done }
    };
    let part = |part: &lessons::Part| Part {
        title: part.title,
        minutes: part.minutes(),
        lessons: part.lessons.iter().map(|lesson| entry(lesson)).collect(),
    };
    Course { version: 1, minutes: lessons::minutes(), parts: lessons::PARTS.iter().map(part).collect() }
}
