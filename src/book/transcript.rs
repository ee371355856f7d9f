//! A recorded run of a lesson, as the book shows it. The record is the snapshot that the tests hold the lesson
//! against, so the book shows what the lesson does.

use anyhow::{Context, Result, ensure};

use super::preprocessor::Shelf;
use crate::event::{Body, Event, Source};
use crate::present::{Line, Renderer, html};

/// As wide as the text of a page.
const WIDTH: usize = 78;

/// Which record is shown where there are several: how the lesson looks to root on a machine of today first.
const VARIANTS: [&str; 3] = ["root-v2", "root-mixed", "root-v1"];

pub(super) struct Transcript {
    lesson: String,
    events: Vec<Event>,
}

impl Transcript {
    /// Read the record of this lesson.
    pub(super) fn of(shelf: &Shelf, lesson: &str) -> Result<Self> {
        let path = VARIANTS
            .iter()
            .map(|variant| format!("tests/snapshots/transcripts__{lesson}@{variant}.jsonl.snap"))
            .find(|path| shelf.has(path))
            .with_context(|| {
                format!("the lesson {lesson:?} has no record: no tests/snapshots/transcripts__{lesson}@*.jsonl.snap")
            })?;
        let snapshot = shelf.source(&path)?;
        // What insta notes about a snapshot is in front, between two lines of dashes.
        let (_, lines) = snapshot
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---\n"))
            .with_context(|| format!("{path} is not a snapshot"))?;
        let events = lines
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).with_context(|| format!("{path}: {line}")))
            .collect::<Result<Vec<Event>>>()?;
        for Event { body, .. } in &events {
            let failed =
                matches!(body, Body::Failed { .. }) || matches!(body, Body::Check(check) if !check.passed);
            ensure!(!failed, "{path} is the record of a run that failed");
        }
        Ok(Self { lesson: lesson.into(), events })
    }

    /// Every step, one after the other.
    pub(super) fn html(&self) -> Result<String> {
        let steps = self.steps(|_| true);
        ensure!(!steps.is_empty(), "the record of {} has no steps", self.lesson);
        Ok((1..=steps.len()).map(|number| self.figure(number, &steps)).collect())
    }

    /// One step; the first one is 1.
    pub(super) fn step_html(&self, number: usize) -> Result<String> {
        let steps = self.steps(|_| true);
        self.has_step(number, &steps)?;
        Ok(self.figure(number, &steps))
    }

    /// What is done and claimed in a step, without what is said.
    pub(super) fn excerpt_html(&self, number: usize) -> Result<String> {
        let steps = self.steps(|body| matches!(body, Body::Call(_) | Body::Check(_)));
        let lines = self.has_step(number, &steps)?;
        let caption = format!("{}, from step {number} of {}", self.command(), steps.len());
        Ok(figure("", &caption, "Excerpt of a transcript", lines))
    }

    fn has_step<'a>(&self, number: usize, steps: &'a [Vec<Line>]) -> Result<&'a [Line]> {
        let found = number.checked_sub(1).and_then(|index| steps.get(index));
        found.map(Vec::as_slice).with_context(|| {
            format!("the lesson {:?} has {} steps, and no step {number}", self.lesson, steps.len())
        })
    }

    fn command(&self) -> String {
        format!("<code>glassbox learn {} --auto</code>", html::escape(&self.lesson))
    }

    fn figure(&self, number: usize, steps: &[Vec<Line>]) -> String {
        let lines = steps.get(number - 1).map(Vec::as_slice).unwrap_or_default();
        let id = format!(" id=\"transcript-{}-{number}\"", html::escape(&self.lesson));
        let caption = format!("{}, step {number} of {}", self.command(), steps.len());
        figure(&id, &caption, &format!("Transcript of step {number}"), lines)
    }

    /// The lines of each step. Lanes keep their colours from step to step, so all are laid out in one go.
    fn steps(&self, wanted: impl Fn(&Body) -> bool) -> Vec<Vec<Line>> {
        let mut renderer = Renderer::new();
        let mut steps: Vec<Vec<Line>> = vec![];
        for event in &self.events {
            let lines = renderer.lines(event, WIDTH);
            if matches!(event.body, Body::Step { .. }) {
                steps.push(vec![]);
            }
            if let Some(step) = steps.last_mut()
                && wanted(&event.body)
            {
                step.extend(lines);
            }
        }
        for step in &mut steps {
            let blank = step.iter().take_while(|line| line.text().is_empty()).count();
            step.drain(..blank);
        }
        steps
    }

    /// How long it takes, and how it is started.
    pub(super) fn minutes_html(&self) -> Result<String> {
        let lesson = &self.lesson;
        let minutes = self
            .events
            .iter()
            .find_map(|event| match &event.body {
                Body::Lesson { minutes, .. } => Some(*minutes),
                _ => None,
            })
            .with_context(|| format!("the record of {lesson} does not begin with the lesson"))?;
        Ok(format!(
            "<p class=\"gb-minutes\"><strong>{minutes} minutes</strong> with the tool beside you: \
             <code>glassbox learn {lesson}</code></p>\n"
        ))
    }

    /// What the explanations refer to, each once.
    pub(super) fn pages_markdown(&self) -> Result<String> {
        let mut pages: Vec<&Source> = vec![];
        for Event { body, .. } in &self.events {
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

fn figure(id: &str, caption: &str, label: &str, lines: &[Line]) -> String {
    // An empty line inside of a `pre` is text; around it, it tells Markdown where HTML begins and ends.
    format!(
        "<figure class=\"gb-transcript\"{id}>\n<figcaption>{caption}</figcaption>\n\n\
         <pre tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><samp>{}</samp></pre>\n\n</figure>\n\n",
        html::lines(lines)
    )
}
