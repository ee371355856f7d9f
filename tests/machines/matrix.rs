//! Boots the machines, some at a time, and hands each cell's test what came of it.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::boot::boot;
use super::cells::{Cell, Machine};
use super::judge::{Row, judge};
use super::payload::Payload;
use super::tree;

/// The cells that were asked for, and the rows of those that are done.
pub(crate) struct Matrix {
    cells: Vec<(usize, &'static Machine, &'static Cell)>,
    done: Mutex<BTreeMap<String, Row>>,
    changed: Condvar,
}

impl Matrix {
    pub(crate) fn new(cells: Vec<(usize, &'static Machine, &'static Cell)>) -> Self {
        Self { cells, done: Mutex::default(), changed: Condvar::new() }
    }

    /// Boot the machines, one more than there are processors at a time: each does one thing at a time, and waits now and
    /// then.
    pub(crate) fn boot_all(&self) {
        let ready = tree::disk().and_then(|tree| Ok((tree, Payload::pack()?)));
        let (tree, payload) = match ready {
            Ok(ready) => ready,
            Err(why) => {
                let all = self.cells.iter();
                return all
                    .for_each(|(_, machine, cell)| self.finish(machine, cell, Row::failed(why.clone())));
            }
        };
        let queue = Mutex::new(self.machines().into_iter());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        thread::scope(|scope| {
            for _ in 0..=thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while let Some(machine) = next() {
                        self.boot(machine, &tree, &payload);
                    }
                });
            }
        });
    }

    /// The machines that the cells are on.
    fn machines(&self) -> Vec<&'static Machine> {
        let mut machines: Vec<&Machine> = self.cells.iter().map(|(_, machine, _)| *machine).collect();
        machines.dedup_by_key(|machine| machine.name);
        machines
    }

    fn boot(&self, machine: &'static Machine, tree: &std::path::Path, payload: &Payload) {
        let of_this = self.cells.iter().filter(|(_, other, _)| other.name == machine.name);
        let cells: Vec<(usize, &Cell)> = of_this.map(|(number, _, cell)| (*number, *cell)).collect();
        let booted = boot(machine, &cells, tree, payload);
        for (_, cell) in cells {
            let row = match &booted {
                Ok(results) => judge(machine, cell, &results.of(&machine.cell_slug(cell))),
                Err(why) => Row::failed(why.clone()),
            };
            self.finish(machine, cell, row);
        }
    }

    fn finish(&self, machine: &Machine, cell: &Cell, row: Row) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(machine.cell_name(cell), row);
        self.changed.notify_all();
    }

    /// Wait for a cell: whether everything is as it should be there, and what is not.
    pub(crate) fn hold(&self, machine: &Machine, cell: &Cell) -> Result<(), String> {
        let name = machine.cell_name(cell);
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.changed.wait_while(done, |done| !done.contains_key(&name));
        let failures = done.unwrap_or_else(PoisonError::into_inner)[&name].failures.join("\n");
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// Every cell that is done, in the order of the table.
    pub(crate) fn rows(&self) -> Vec<(&'static Machine, &'static Cell, Row)> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.changed.wait_while(done, |done| done.len() < self.cells.len());
        let done = done.unwrap_or_else(PoisonError::into_inner);
        let row = |machine: &Machine, cell: &Cell| done[&machine.cell_name(cell)].clone();
        self.cells.iter().map(|(_, machine, cell)| (*machine, *cell, row(machine, cell))).collect()
    }
}
