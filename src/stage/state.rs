//! Kernel state before and after, as a table of differences.

use super::Stage;
use crate::event::{Body, Row};
use crate::probe::Reading;

/// A table that is being filled; `show` completes it.
#[must_use = "a table is seen only after `show`"]
pub struct StateTable<'a> {
    stage: &'a Stage,
    title: String,
    columns: [String; 2],
    rows: Vec<Row>,
}

impl Stage {
    /// Begin a table of kernel state.
    pub fn state(&self, title: &str) -> StateTable<'_> {
        self.side_by_side(title, "before", "after")
    }

    /// Begin a table of two sides, such as host and container.
    pub fn side_by_side(&self, title: &str, left: &str, right: &str) -> StateTable<'_> {
        StateTable { stage: self, title: title.into(), columns: [left.into(), right.into()], rows: vec![] }
    }
}

impl StateTable<'_> {
    fn row(mut self, before: Option<&Reading>, after: Option<&Reading>, note: &str) -> Self {
        let Some(named) = after.or(before) else { return self };
        self.rows.push(Row {
            what: named.label.clone(),
            source: named.source.clone(),
            before: before.map(|reading| reading.text.clone()),
            after: after.map(|reading| reading.text.clone()),
            note: note.into(),
            elsewhere: named.elsewhere.clone(),
            before_varies: before.is_some_and(|reading| reading.varies),
            after_varies: after.is_some_and(|reading| reading.varies),
        });
        self
    }

    /// Something that was not there before.
    pub fn new(self, now: &Reading, note: &str) -> Self {
        let note = if note.is_empty() { "new" } else { note };
        self.row(None, Some(now), note)
    }

    /// Something that was there before; without a note, whether it changed.
    pub fn compare(self, before: &Reading, after: &Reading, note: &str) -> Self {
        let verdict = if before.text == after.text { "same" } else { "changed" };
        let note = if note.is_empty() { verdict } else { note };
        self.row(Some(before), Some(after), note)
    }

    /// Something that is not there any more.
    pub fn gone(self, before: &Reading, note: &str) -> Self {
        let note = if note.is_empty() { "gone" } else { note };
        self.row(Some(before), None, note)
    }

    /// Show the table.
    pub fn show(self) {
        self.stage.show(Body::State { title: self.title, columns: self.columns, rows: self.rows });
    }
}
