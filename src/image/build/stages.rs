//! The stages of a Dockerfile: each begins with `FROM`, and the last one is the image.

use std::collections::BTreeSet;

use super::instruction::Instruction;
use super::lines::{Line, lines};
use super::{Order, fault};
use crate::image::error::{Error, Result};

/// A Dockerfile, understood.
#[derive(Debug)]
pub(super) struct Stages {
    /// What it is called.
    name: String,
    pub(super) escape: char,
    /// `ARG`s before the first stage, for `FROM` alone.
    pub(super) globals: Vec<Step>,
    pub(super) all: Vec<Stage>,
}

/// From one `FROM` to the next.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) name: Option<String>,
    /// The first one is its `FROM`.
    pub(super) steps: Vec<Step>,
}

/// An instruction, and the line that it is in.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) line: Line,
    pub(super) instruction: Instruction,
}

impl Stages {
    pub(super) fn parse(order: &Order) -> Result<Self> {
        let (lines, escape) = lines(&order.dockerfile).map_err(|error| error.at(&order.name))?;
        let mut stages = Self { name: order.name.clone(), escape, globals: vec![], all: vec![] };
        for line in lines {
            let place = stages.place(&line);
            let parsed = Instruction::parse(&line.text, escape).and_then(|parsed| stages.fits(parsed));
            let instruction = parsed.map_err(|error| error.at(&place))?;
            let step = Step { line, instruction };
            match (&step.instruction, stages.all.last_mut()) {
                (Instruction::From { name, .. }, _) => {
                    stages.all.push(Stage { name: name.clone(), steps: vec![step] });
                }
                (_, Some(stage)) => stage.steps.push(step),
                (_, None) => stages.globals.push(step),
            }
        }
        if stages.all.is_empty() {
            return Err(fault("there is no FROM in it", "begin it with an image: FROM tiny").at(&order.name));
        }
        Ok(stages)
    }

    /// Whether an instruction may stand where it does.
    fn fits(&self, instruction: Instruction) -> Result<Instruction> {
        match &instruction {
            Instruction::From { name: Some(name), .. } => {
                let is_taken = self.all.iter().any(|stage| stage.name.as_ref() == Some(name));
                if is_taken {
                    return Err(fault(
                        format!("there are two stages {name:?}"),
                        "give this one another name",
                    ));
                }
            }
            Instruction::From { .. } | Instruction::Arg(_) => {}
            _ if self.all.is_empty() => {
                return Err(fault("nothing but ARG can stand before FROM", "begin with an image: FROM tiny"));
            }
            _ => {}
        }
        Ok(instruction)
    }

    /// Where a line is: `Dockerfile:3`.
    pub(super) fn place(&self, line: &Line) -> String {
        format!("{}:{}", self.name, line.number)
    }

    /// The stage that a name or a number means, among those before another one.
    pub(super) fn find(&self, name: &str, before: usize) -> Option<usize> {
        let named = |stage: &Stage| stage.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
        let by_name = self.all[..before].iter().rposition(named);
        by_name.or_else(|| name.parse().ok().filter(|number| *number < before))
    }

    /// The stage that is asked for.
    pub(super) fn wanted(&self, target: Option<&str>) -> Result<usize> {
        let Some(target) = target else { return Ok(self.all.len() - 1) };
        self.find(target, self.all.len()).ok_or_else(|| {
            let names: Vec<&str> = self.all.iter().filter_map(|stage| stage.name.as_deref()).collect();
            let hint = match names.as_slice() {
                [] => "stages get names by FROM IMAGE AS NAME".into(),
                names => format!("there are {}", names.join(", ")),
            };
            fault(format!("there is no stage {target:?}"), hint).at(&self.name)
        })
    }

    /// The stages that one needs, itself among them, in order.
    pub(super) fn needed(&self, wanted: usize) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut open = vec![wanted];
        while let Some(at) = open.pop() {
            if !needed.insert(at) {
                continue;
            }
            let uses = |step: &Step| match &step.instruction {
                Instruction::From { image, .. } => self.find_named(image, at),
                Instruction::Copy(copy) => self.find(copy.from.as_ref()?, at),
                _ => None,
            };
            open.extend(self.all[at].steps.iter().filter_map(uses));
        }
        needed
    }

    /// The stage of this name; a number is none for `FROM`.
    pub(super) fn find_named(&self, name: &str, before: usize) -> Option<usize> {
        self.find(name, before).filter(|at| self.all[*at].name.is_some() && name.parse::<usize>().is_err())
    }
}

impl Error {
    /// The same, and where it is.
    pub(super) fn at(self, place: &str) -> Self {
        Error::At { place: place.into(), what: Box::new(self) }
    }
}
