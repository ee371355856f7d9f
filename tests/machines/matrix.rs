//! Boots the machines, some at a time, and hands each cell's test what came of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::Chosen;
use super::boot::boot;
use super::cells::Machine;
use super::judge::{Row, judge};
use super::payload::Payload;
use super::tree;

/// The cells that were asked for, and the rows of those that are done.
pub(crate) struct Matrix {
    cells: Vec<Chosen>,
    done: Mutex<BTreeMap<String, Row>>,
    changed: Condvar,
}

impl Matrix {
    pub(crate) fn new(cells: Vec<Chosen>) -> Self {
        Self { cells, done: Mutex::default(), changed: Condvar::new() }
    }

    /// Boot the machines, one more than there are processors at a time: each does one thing at a time, and waits now and
    /// then.
    pub(crate) fn boot_all(&self) {
        let ready = tree::disk().and_then(|tree| Ok((tree, Payload::pack()?)));
        let (tree, payload) = match ready {
            Ok(ready) => ready,
            Err(why) => {
                return self.cells.iter().for_each(|cell| self.finish(cell, Row::failed(why.clone())));
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

    /// The machines that the cells are on, first those that have most to do.
    fn machines(&self) -> Vec<&'static Machine> {
        let mut machines: Vec<&Machine> = self.cells.iter().map(|cell| cell.machine).collect();
        machines.dedup_by_key(|machine| machine.name);
        let to_do = |machine: &&Machine| -> usize {
            let of_this = self.cells.iter().filter(|cell| cell.machine.name == machine.name);
            of_this.map(|cell| cell.lessons().len()).sum()
        };
        machines.sort_by_key(|machine| Reverse(to_do(machine)));
        machines
    }

    fn boot(&self, machine: &'static Machine, tree: &std::path::Path, payload: &Payload) {
        let of_this = self.cells.iter().filter(|cell| cell.machine.name == machine.name);
        let cells: Vec<Chosen> = of_this.copied().collect();
        let booted = boot(machine, &cells, tree, payload);
        for cell in cells {
            let judged = booted.as_ref().map(|results| {
                // Whatever goes wrong here, somebody waits for this cell.
                std::panic::catch_unwind(|| judge(&cell, &results.of(&cell.slug())))
                    .unwrap_or_else(|_| Row::failed("what came of it cannot be read: see above".into()))
            });
            self.finish(&cell, judged.unwrap_or_else(|why| Row::failed(why.clone())));
        }
    }

    fn finish(&self, cell: &Chosen, row: Row) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(cell.name(), row);
        self.changed.notify_all();
    }

    /// Wait for a cell: whether everything is as it should be there, and what is not.
    pub(crate) fn hold(&self, name: &str) -> Result<(), String> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.changed.wait_while(done, |done| !done.contains_key(name));
        let failures = done.unwrap_or_else(PoisonError::into_inner)[name].failures.join("\n");
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// Every cell that is done, in the order of the table.
    pub(crate) fn rows(&self) -> Vec<(Chosen, Row)> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.changed.wait_while(done, |done| done.len() < self.cells.len());
        let done = done.unwrap_or_else(PoisonError::into_inner);
        self.cells.iter().map(|cell| (*cell, done[&cell.name()].clone())).collect()
    }
}
