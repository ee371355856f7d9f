//! Transcripts: a step of a recorded run as a figure. Where it depends on the cgroup layout of the machine, the
//! figure has all of them, the first one open; `theme/layouts.js` makes a switch of that.

use anyhow::{Context, Result, ensure};

use super::course;
use super::preprocessor::Shelf;
use super::record::{Record, records};
use crate::event::{Body, Event, Source};
use crate::lessons;
use crate::present::{Line, html};

pub(super) struct Transcript {
    lesson: String,
    records: Vec<Record>,
}

/// A step as it looks on some layouts.
struct Variant {
    layouts: Vec<&'static str>,
    lines: Vec<Line>,
}

impl Transcript {
    /// Read the records of this lesson.
    pub(super) fn of(shelf: &Shelf, lesson: &str) -> Result<Self> {
        let transcript = Self { lesson: lesson.into(), records: records(shelf, lesson)? };
        let even = transcript.records.iter().all(|record| record.count() == transcript.count());
        ensure!(
            even,
            "the records of {lesson} differ in the number of their steps: record it on every layout"
        );
        Ok(transcript)
    }

    /// Every step, one after the other.
    pub(super) fn html(&self) -> Result<String> {
        ensure!(self.count() > 0, "the record of {} has no steps", self.lesson);
        (1..=self.count()).map(|number| self.step_html(number)).collect()
    }

    /// One step; the first one is 1.
    pub(super) fn step_html(&self, number: usize) -> Result<String> {
        let variants = self.variants(number, |_| true)?;
        let id = format!(" id=\"transcript-{}-{number}\"", html::escape(&self.lesson));
        let caption = format!("{}, step {number} of {}", self.command(), self.count());
        Ok(figure(&id, &caption, &format!("Transcript of step {number}"), &variants))
    }

    /// What is done and claimed in a step, without what is said.
    pub(super) fn excerpt_html(&self, number: usize) -> Result<String> {
        let variants = self.variants(number, |body| matches!(body, Body::Call(_) | Body::Check(_)))?;
        let caption = format!("{}, from step {number} of {}", self.command(), self.count());
        Ok(figure("", &caption, "Excerpt of a transcript", &variants))
    }

    /// A step on every layout; those on which it looks the same are together.
    fn variants(&self, number: usize, wanted: impl Fn(&Body) -> bool) -> Result<Vec<Variant>> {
        let mut variants: Vec<Variant> = vec![];
        for record in &self.records {
            let step = number.checked_sub(1).and_then(|index| record.steps(&wanted).into_iter().nth(index));
            let lines = step.with_context(|| {
                format!("the lesson {:?} has {} steps, and no step {number}", self.lesson, self.count())
            })?;
            match variants.iter_mut().find(|variant| variant.lines == lines) {
                Some(variant) => variant.layouts.push(record.layout),
                None => variants.push(Variant { layouts: vec![record.layout], lines }),
            }
        }
        Ok(variants)
    }

    fn count(&self) -> usize {
        self.records.first().map_or(0, Record::count)
    }

    fn command(&self) -> String {
        format!("<code>glassbox learn {} --auto</code>", html::escape(&self.lesson))
    }

    /// What happened on the first layout.
    fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.records.iter().take(1).flat_map(|record| &record.events).map(|Event { body, .. }| body)
    }

    /// How long it takes, and how it is started.
    pub(super) fn minutes_html(&self) -> Result<String> {
        let lesson = &self.lesson;
        let minutes = self
            .bodies()
            .find_map(|body| match body {
                Body::Lesson { minutes, .. } => Some(*minutes),
                _ => None,
            })
            .with_context(|| format!("the record of {lesson} does not begin with the lesson"))?;
        let base = lessons::find(lesson).map_or(&[][..], |lesson| lesson.builds_on);
        Ok(format!(
            "<p class=\"gb-minutes\"><strong>{minutes} minutes</strong> with the tool beside you: \
             <code>glassbox learn {lesson}</code>{}</p>\n",
            course::builds_on("<br>builds on: ", base)
        ))
    }

    /// What the explanations refer to, each once.
    pub(super) fn pages_markdown(&self) -> Result<String> {
        let mut pages: Vec<&Source> = vec![];
        for body in self.bodies() {
            let Body::Why { sources, .. } = body else { continue };
            for source in sources {
                if !pages.contains(&source) {
                    pages.push(source);
                }
            }
        }
        ensure!(!pages.is_empty(), "no explanation in the record of {} names a source", self.lesson);
        Ok(pages.iter().map(|page| format!("- [{}](<{}>)\n", page.name, page.url)).collect())
    }
}

fn figure(id: &str, caption: &str, label: &str, variants: &[Variant]) -> String {
    // An empty line inside of a `pre` is text; around it, it tells Markdown where HTML begins and ends.
    let pre = |label: &str, lines| {
        format!(
            "\n<pre tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><samp>{}</samp></pre>\n\n",
            html::lines(lines)
        )
    };
    let content: String = match variants {
        [only] => pre(label, &only.lines),
        several => several
            .iter()
            .enumerate()
            .map(|(index, variant)| {
                let layouts = variant.layouts.join(" or ");
                let (outer, summary) = match index {
                    0 => ("div", String::new()),
                    _ => ("details", format!("<summary>The same with cgroup layout {layouts}</summary>\n")),
                };
                let pre = pre(&format!("{label}, cgroup layout {layouts}"), &variant.lines);
                let names = variant.layouts.join(", ");
                format!("<{outer} class=\"gb-layout\" data-layouts=\"{names}\">\n{summary}{pre}</{outer}>\n")
            })
            .collect(),
    };
    format!(
        "<figure class=\"gb-transcript\"{id}>\n<figcaption>{caption}</figcaption>\n{content}</figure>\n\n"
    )
}
