//! From an event to lines.

use super::line::{Line, Style, wrapped};
use super::{chart, table};
use crate::event::{Body, Call, Check, Event, Source};

/// Where the text of a lane begins.
const LANE: usize = 12;

/// Lays events out. It remembers which lesson and which lanes there are.
#[derive(Debug, Default)]
pub struct Renderer {
    title: String,
    minutes: u32,
    steps: usize,
    lanes: Vec<String>,
    last: Option<Kind>,
    run: Run,
}

/// Calls of one name in one lane, one after the other: dropping capabilities takes a score of them.
#[derive(Debug, Default)]
struct Run {
    lane: String,
    name: String,
    length: usize,
}

impl Run {
    /// How many of a run are shown.
    const SHOWN: usize = 6;

    /// How many were not shown.
    fn hidden(&self) -> usize {
        self.length.saturating_sub(Self::SHOWN)
    }
}

/// Kinds of events that stand together without an empty line between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    Check,
    Measure,
    Other,
}

impl Renderer {
    /// For the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The lines of one event at this width. Calls behind the stage and pauses have none.
    pub fn lines(&mut self, event: &Event, width: usize) -> Vec<Line> {
        if !self.continues_run(event) {
            return self.fold(width).into_iter().chain(self.spaced(event, width)).collect();
        }
        self.run.length += 1;
        if self.run.hidden() > 0 { vec![] } else { self.spaced(event, width) }
    }

    /// The learner is asked something, which is not laid out here: what comes next stands apart. Returns what has
    /// to be shown before.
    pub fn interrupted(&mut self, width: usize) -> Vec<Line> {
        let before = self.fold(width);
        self.last = self.last.map(|_| Kind::Other);
        before
    }

    /// Whether this is one more call of the same name; begins a new run if it is a call of another.
    fn continues_run(&self, event: &Event) -> bool {
        matches!(&event.body, Body::Call(call) if call.errno.is_none()
            && call.name == self.run.name && event.lane == self.run.lane)
    }

    /// The end of a run: how many calls of it were not shown.
    fn fold(&mut self, width: usize) -> Vec<Line> {
        let run = std::mem::take(&mut self.run);
        if run.hidden() == 0 {
            return vec![];
        }
        let text = format!("… {} more calls of {}()", run.hidden(), run.name);
        wrapped(self.lane(&run.lane), Style::Dim, &text, LANE, width)
    }

    fn spaced(&mut self, event: &Event, width: usize) -> Vec<Line> {
        let (kind, lines) = self.body(event, width);
        if lines.is_empty() {
            return lines;
        }
        if let Body::Call(call) = &event.body
            && self.run.length == 0
        {
            self.run = Run { lane: event.lane.clone(), name: call.name.clone(), length: 1 };
        }
        let together = kind != Kind::Other && self.last == Some(kind);
        let space = (!together && self.last.is_some()).then(Line::new);
        self.last = Some(kind);
        space.into_iter().chain(lines).collect()
    }

    fn body(&mut self, event: &Event, width: usize) -> (Kind, Vec<Line>) {
        let lines = match &event.body {
            Body::Lesson { title, minutes, steps, .. } => {
                self.title.clone_from(title);
                (self.minutes, self.steps) = (*minutes, *steps);
                vec![]
            }
            Body::Step { number, title } => self.step(*number, title, width),
            Body::Say { text } => self.say(&event.lane, text, width),
            Body::Predict { question, choices } => predict(question, choices, width),
            Body::Reveal { observed, predicted, why, .. } => reveal(observed, predicted.as_ref(), why, width),
            Body::Call(call) if call.backstage => vec![],
            Body::Call(call) => return (Kind::Call, self.call(&event.lane, call, width)),
            Body::State { title, columns, rows } => table::state(title, columns, rows, width),
            Body::Check(claim) => return (Kind::Check, check(claim, width)),
            Body::Measure { what, value, source } => {
                return (Kind::Measure, measure(what, value, source, width));
            }
            Body::Gauge { label, value, max, unit } => vec![gauge(label, *value, *max, unit, width)],
            Body::Chart { title, unit, source, bars } => chart::chart(title, unit, source, bars, width),
            Body::Output { program, text } => output(program, text, width),
            Body::TryIt { command, shows } => try_it(command, shows, width),
            Body::Why { text, sources } => why(text, sources, width),
            Body::Pause { .. } | Body::Lane { .. } => vec![],
            Body::Skip { what, why, hint } => skip(what, why, hint, width),
            Body::Failed { error, hint } => failed(error, hint, width),
            Body::Finish { passed, failed, skipped } => finish(*passed, *failed, *skipped, width),
        };
        (Kind::Other, lines)
    }

    fn step(&self, number: usize, title: &str, width: usize) -> Vec<Line> {
        let minutes = if self.minutes > 0 { format!(" · {} min", self.minutes) } else { String::new() };
        let place = format!("step {number} of {}{minutes}", self.steps);
        let name = format!(" {} · {title}", self.title);
        let mut lines = wrapped(Line::new(), Style::Title, &name, 1, width);
        let fits = lines.len() == 1 && lines[0].width() + 2 + place.chars().count() <= width;
        if fits {
            let line = lines.remove(0).pad_to(width.saturating_sub(place.chars().count()));
            lines.push(line.with(Style::Dim, place));
        } else {
            lines.push(Line::new().with(Style::Dim, format!(" {place}")));
        }
        lines.push(Line::new().with(Style::Dim, format!(" {}", "─".repeat(width.saturating_sub(1)))));
        lines
    }

    fn lane(&mut self, lane: &str) -> Line {
        let number = self.lanes.iter().position(|known| known == lane).unwrap_or_else(|| {
            self.lanes.push(lane.into());
            self.lanes.len() - 1
        });
        Line::new().with(Style::Lane(number), format!(" {lane}")).pad_to(LANE.max(lane.len() + 2))
    }

    fn say(&mut self, lane: &str, text: &str, width: usize) -> Vec<Line> {
        let indent = if lane == "host" { 1 } else { LANE };
        let mut lines = vec![];
        for (number, paragraph) in text.split("\n\n").enumerate() {
            let blank = Line::new().pad_to(indent);
            let first = if number == 0 && indent == LANE { self.lane(lane) } else { blank };
            if number > 0 {
                lines.push(Line::new());
            }
            lines.extend(wrapped(first, Style::Plain, paragraph, indent, width));
        }
        lines
    }

    fn call(&mut self, lane: &str, call: &Call, width: usize) -> Vec<Line> {
        let first = self.lane(lane);
        let indent = first.width() + 2;
        let text = format!("{}({})", call.name, call.args);
        let (result, style) = match &call.errno {
            Some(errno) => (format!("= -1 {errno}"), Style::Bad),
            None => (format!("= {}", call.result), Style::Dim),
        };
        let mut lines = wrapped(first, Style::Call, &text, indent, width);
        let Some(last) = lines.pop() else { return lines };
        if last.width() + 1 + result.len() <= width {
            let column = width.saturating_sub(result.len().max(8)).max(last.width() + 1);
            lines.push(last.pad_to(column).with(style, result));
        } else {
            lines.push(last);
            lines.push(Line::new().pad_to(indent).with(style, result));
        }
        lines
    }
}

fn labelled(label: &str, style: Style, text: &str, width: usize) -> Vec<Line> {
    wrapped(Line::new().with(Style::Ask, format!(" {label}")).pad_to(LANE), style, text, LANE, width)
}

fn measure(what: &str, value: &str, source: &str, width: usize) -> Vec<Line> {
    let label = Line::new().with(Style::Ask, " measured").pad_to(LANE);
    wrapped(
        label.with(Style::Plain, format!("{what}: ")),
        Style::Title,
        &format!("{value} ({source})"),
        LANE,
        width,
    )
}

/// A question to the learner; at a terminal a menu stands in for the choices.
pub fn question(text: &str, width: usize) -> Vec<Line> {
    labelled("predict", Style::Title, text, width)
}

fn predict(text: &str, choices: &[String], width: usize) -> Vec<Line> {
    let mut lines = question(text, width);
    for choice in choices {
        let bullet = Line::new().pad_to(LANE).with(Style::Dim, "○ ");
        lines.extend(wrapped(bullet, Style::Plain, choice, LANE + 2, width));
    }
    lines
}

fn reveal(observed: &str, predicted: Option<&String>, why: &str, width: usize) -> Vec<Line> {
    let (style, verdict) = match predicted {
        None => (Style::Plain, format!("the kernel says: {observed}")),
        Some(predicted) if predicted == observed => (Style::Good, format!("you predicted {observed}: right")),
        Some(predicted) => (Style::Bad, format!("you predicted {predicted}: the kernel says {observed}")),
    };
    let mut lines = wrapped(Line::new().with(Style::Plain, " "), style, &verdict, 1, width);
    lines.extend(wrapped(Line::new().with(Style::Plain, " "), Style::Plain, why, 1, width));
    lines
}

fn check(check: &Check, width: usize) -> Vec<Line> {
    const CLAIM: usize = 46;
    const SEEN: usize = 60;
    let (mark, style) = if check.passed { ("✔", Style::Good) } else { ("✘", Style::Bad) };
    let first = Line::new().with(style, format!(" {mark} "));
    let seen = if check.passed {
        format!("saw {}", check.seen)
    } else {
        format!("saw {}, expected {}", check.seen, check.expected)
    };
    let claim = first.clone().with(Style::Plain, &check.claim);
    if claim.width() < CLAIM {
        let seen = claim.pad_to(CLAIM).with(style, &seen);
        let one = seen.pad_to(SEEN).with(Style::Plain, "  ").with(Style::Dim, &check.source);
        if one.width() <= width {
            return vec![one];
        }
    }
    let mut lines = wrapped(first, Style::Plain, &check.claim, 3, width);
    let below = Line::new().pad_to(5).with(style, format!("{seen} "));
    if below.width() + check.source.len() + 2 <= width {
        lines.push(below.with(Style::Dim, format!("· {}", check.source)));
    } else {
        lines.extend(wrapped(Line::new().pad_to(5), style, &seen, 5, width));
        let bullet = Line::new().pad_to(5).with(Style::Dim, "· ");
        lines.extend(wrapped(bullet, Style::Dim, &check.source, 7, width));
    }
    lines
}

fn gauge(label: &str, value: u64, max: u64, unit: &str, width: usize) -> Line {
    let figures = format!(" {value} / {max} {unit}");
    let room = width.saturating_sub(LANE + figures.len() + 3).clamp(8, 40);
    let full = ((value.min(max) as usize) * room).checked_div(max as usize).unwrap_or(0);
    Line::new()
        .with(Style::Plain, format!(" {label}"))
        .pad_to(LANE)
        .with(Style::Good, "█".repeat(full))
        .with(Style::Dim, "░".repeat(room - full))
        .with(Style::Plain, figures)
}

fn output(program: &str, text: &str, width: usize) -> Vec<Line> {
    let mut lines = labelled("output", Style::Dim, program, width);
    for line in text.lines() {
        lines.extend(wrapped(
            Line::new().pad_to(LANE).with(Style::Dim, "│ "),
            Style::Plain,
            line,
            LANE + 2,
            width,
        ));
    }
    lines
}

fn try_it(command: &str, shows: &str, width: usize) -> Vec<Line> {
    let mut lines = vec![Line::new().with(Style::Ask, " try it").pad_to(LANE).with(Style::Dim, shows)];
    if lines[0].width() > width {
        lines = labelled("try it", Style::Dim, shows, width);
    }
    // Never wrapped: it is to be copied.
    lines.extend(command.lines().map(|line| Line::new().pad_to(LANE).with(Style::Call, line)));
    lines
}

fn why(text: &str, sources: &[Source], width: usize) -> Vec<Line> {
    let mut lines = labelled("why", Style::Plain, text, width);
    for Source { name, url } in sources {
        let both = if LANE + url.len() + 2 <= width { format!("{name} <{url}>") } else { name.clone() };
        lines.extend(wrapped(Line::new().pad_to(LANE), Style::Dim, &both, LANE, width));
        if both == *name {
            // Never wrapped: a part of an address leads nowhere.
            let fits = |indent: &usize| indent + url.len() <= width;
            let indent = [LANE, 1].into_iter().find(fits).unwrap_or(0);
            lines.push(Line::new().pad_to(indent).with(Style::Dim, url));
        }
    }
    lines
}

fn hinted(first: Line, style: Style, text: &str, hint: &str, width: usize) -> Vec<Line> {
    let indent = first.width();
    let mut lines = wrapped(first, style, text, indent, width);
    if !hint.is_empty() {
        let label = Line::new().pad_to(indent).with(Style::Ask, "hint: ");
        lines.extend(wrapped(label, Style::Plain, hint, indent + 6, width));
    }
    lines
}

fn skip(what: &str, why: &str, hint: &str, width: usize) -> Vec<Line> {
    let first = Line::new().with(Style::Ask, " skipped").pad_to(LANE);
    hinted(first, Style::Plain, &format!("{what}: {why}"), hint, width)
}

fn failed(error: &str, hint: &str, width: usize) -> Vec<Line> {
    hinted(Line::new().with(Style::Bad, " ✘ "), Style::Bad, error, hint, width)
}

fn finish(passed: usize, failed: usize, skipped: usize, width: usize) -> Vec<Line> {
    let claims = if passed + failed == 1 { "claim" } else { "claims" };
    let mut text = format!("{} {claims} checked", passed + failed);
    if failed > 0 {
        text += &format!(", {failed} failed");
    }
    if skipped > 0 {
        text += &format!(", {skipped} skipped");
    }
    let (mark, style) = match (passed, failed) {
        (0, 0) => (" – ", Style::Ask), // nothing was done: no pass
        (_, 0) => (" ✔ ", Style::Good),
        _ => (" ✘ ", Style::Bad),
    };
    wrapped(Line::new().with(style, mark), style, &text, 3, width)
}

#[cfg(test)]
mod tests;
