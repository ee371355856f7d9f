//! The steps of a build, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::instruction::{self, Command, Instruction};
use super::stages::{Stages, Step};
use super::words::{Variables, expand};
use super::{Order, Progress, Runner, Start, fault};
use crate::image::digest::Digest;
use crate::image::draft::{Draft, write_layer};
use crate::image::error::{Error, Result};
use crate::image::manifest::Descriptor;
use crate::image::store::{self, Arrival, Store, Work};
use crate::image::{Execution, History, pack};

/// What a stage has come to.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) draft: Draft,
    /// Of everything that it depends on.
    pub(super) key: Digest,
    /// Values of `ARG`s that were asked for.
    arguments: BTreeMap<String, String>,
    has_cmd: bool,
}

/// `ENV` counts before `ARG`.
impl Variables for State {
    fn value(&self, name: &str) -> Option<&str> {
        let of_name = |pair: &'_ String| pair.split_once('=').is_some_and(|(other, _)| other == name);
        let env = self.draft.config.config.env.iter().flatten().rev().find(|pair| of_name(pair));
        let env = env.and_then(|pair| pair.split_once('=')).map(|(_, value)| value);
        env.or_else(|| self.arguments.get(name).map(String::as_str))
    }
}

/// `ARG`s before the first stage.
struct Globals(BTreeMap<String, String>);

impl Variables for Globals {
    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

pub(super) struct Builder<'a> {
    pub(super) store: &'a Store,
    pub(super) order: &'a Order,
    pub(super) stages: &'a Stages,
    runner: &'a mut dyn Runner,
    progress: &'a mut dyn Progress,
    globals: Globals,
    pub(super) states: BTreeMap<usize, State>,
    /// Arguments that were asked for.
    pub(super) used: BTreeSet<String>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        store: &'a Store,
        order: &'a Order,
        stages: &'a Stages,
        runner: &'a mut dyn Runner,
        progress: &'a mut dyn Progress,
    ) -> Self {
        let globals = Globals(BTreeMap::new());
        let (states, used) = (BTreeMap::new(), BTreeSet::new());
        Self { store, order, stages, runner, progress, globals, states, used }
    }

    /// What a stage has come to.
    pub(super) fn take(&mut self, at: usize) -> Draft {
        self.states.remove(&at).map_or_else(Draft::empty, |state| state.draft)
    }

    /// Do all steps of a stage.
    pub(super) fn stage(&mut self, at: usize) -> Result<()> {
        let stages = self.stages;
        if self.globals.0.is_empty() {
            self.set_globals()?;
        }
        let stage = &stages.all[at];
        let count = stage.steps.iter().filter(|step| step.instruction.is_shown()).count();
        let prefix = match (&stage.name, stages.all.len()) {
            (_, 1) => String::new(),
            (Some(name), _) => format!("{name} "),
            (None, _) => format!("stage-{at} "),
        };
        let mut number = 0;
        let mut state = None;
        for step in &stage.steps {
            let place = stages.place(&step.line);
            let is_shown = step.instruction.is_shown();
            if is_shown {
                number += 1;
                self.progress.begin(&format!("[{prefix}{number}/{count}] {}", step.line.text));
            }
            let done = match (&step.instruction, state.take()) {
                (Instruction::From { image, .. }, _) => self.begin(image, at).map(|state| (state, false)),
                (_, Some(state)) => self.step(state, step, at),
                (_, None) => Err(fault("there is no image to begin with", "begin with FROM")),
            };
            let (next, cached) = done.map_err(|error| error.at(&place))?;
            if is_shown {
                self.progress.end(cached);
            }
            state = Some(next);
        }
        self.states.extend(state.map(|state| (at, state)));
        Ok(())
    }

    fn set_globals(&mut self) -> Result<()> {
        let stages = self.stages;
        for step in &stages.globals {
            let Instruction::Arg(arguments) = &step.instruction else { continue };
            for (name, default) in arguments {
                self.used.insert(name.clone());
                let value = match (self.order.arguments.get(name), default) {
                    (Some(given), _) => Some(given.clone()),
                    (None, Some(default)) => Some(
                        expand(default, stages.escape, &self.globals)
                            .map_err(|error| error.at(&stages.place(&step.line)))?,
                    ),
                    (None, None) => None,
                };
                self.globals.0.extend(value.map(|value| (name.clone(), value)));
            }
        }
        Ok(())
    }

    /// `FROM`: nothing, another stage, or an image.
    fn begin(&mut self, image: &str, at: usize) -> Result<State> {
        let image = expand(image, self.stages.escape, &self.globals)?;
        if image.is_empty() {
            return Err(fault("the name of the image is empty", "ARG before FROM gives a variable a value"));
        }
        let (arguments, has_cmd) = (BTreeMap::new(), false);
        if image == "scratch" {
            return Ok(State { draft: Draft::empty(), key: Digest::of(b"scratch"), arguments, has_cmd });
        }
        if let Some(stage) = self.stages.find_named(&image, at)
            && let Some(state) = self.states.get(&stage)
        {
            return Ok(State { arguments, has_cmd, ..state.clone() });
        }
        let image = self.store.image(&image)?;
        Ok(State { draft: Draft::of(&image), key: image.id, arguments, has_cmd })
    }

    /// Any other step. With what it came to, whether it had been done before.
    fn step(&mut self, mut state: State, step: &Step, at: usize) -> Result<(State, bool)> {
        let text = &step.line.text;
        let instruction = step.instruction.clone().expanded(self.stages.escape, &state)?;
        match instruction {
            Instruction::Run(command) => return self.run(state, text, &command),
            Instruction::Copy(copy) => return self.copy(state, text, &copy, at),
            Instruction::Workdir(_) => {
                instruction::apply(&mut state.draft.config.config, instruction);
                return self.workdir(state, text);
            }
            Instruction::Arg(arguments) => {
                for (name, default) in arguments {
                    self.used.insert(name.clone());
                    let global = || self.globals.0.get(&name).cloned();
                    let value = self.order.arguments.get(&name).cloned().or(default).or_else(global);
                    state.arguments.extend(value.map(|value| (name, value)));
                }
            }
            Instruction::Entrypoint(_) => {
                // What the image gave to its own entry point means nothing to another one.
                if !state.has_cmd {
                    state.draft.config.config.cmd = None;
                }
                instruction::apply(&mut state.draft.config.config, instruction);
            }
            other => {
                state.has_cmd |= matches!(other, Instruction::Cmd(_));
                instruction::apply(&mut state.draft.config.config, other);
            }
        }
        Ok((said(state, text), false))
    }

    fn run(&mut self, state: State, text: &str, command: &Command) -> Result<(State, bool)> {
        let Execution { env, working_dir, user, .. } = state.draft.config.config.clone();
        let mut env = env.unwrap_or_default();
        let is_new = |name: &str| !env.iter().any(|pair| pair.split('=').next() == Some(name));
        let arguments = state.arguments.iter().filter(|(name, _)| is_new(name));
        let arguments: Vec<String> = arguments.map(|(name, value)| format!("{name}={value}")).collect();
        env.extend(arguments.iter().cloned());
        let (args, lower) = (command.words(), self.layers(&state)?);
        let parts = [vec!["RUN".to_string()], args.clone(), arguments].concat();
        self.layered(state, text, &parts, |builder, work, arrival| {
            let [upper, own, merged] =
                [work.directory("upper")?, work.directory("work")?, work.directory("merged")?];
            let start = Start {
                lower,
                upper: upper.clone(),
                work: own,
                merged,
                args: args.clone(),
                env,
                cwd: working_dir,
                user,
            };
            let progress = &mut builder.progress;
            let code = builder.runner.run(&start, &mut |bytes| progress.output(bytes))?;
            if code != 0 {
                return Err(Error::Ended { command: command.shown(), code });
            }
            write_layer(builder.store, work, arrival, |target| {
                pack::directory(&upper, pack::Owners::Kept, &BTreeSet::new(), target)
            })
        })
    }

    /// A layer on top: the one that was made before of the same, or a new one. Whether it was there.
    pub(super) fn layered(
        &mut self,
        mut state: State,
        text: &str,
        parts: &[String],
        make: impl FnOnce(&mut Self, &Work, &mut Arrival) -> Result<Descriptor>,
    ) -> Result<(State, bool)> {
        let key = key(&state.key, parts);
        let known = if self.order.no_cache { None } else { self.store.step(&key)? };
        let cached = known.is_some();
        let step = match known {
            Some(step) => step,
            None => {
                let work = self.store.work()?;
                let mut arrival = Arrival::new(self.store, &work);
                let layer = make(self, &work, &mut arrival)?;
                let step = store::Step { layer, created: self.order.now.0.clone() };
                self.store.keep_step(arrival, &key, &step)?;
                step
            }
        };
        let history =
            History { created: Some(step.created), created_by: Some(text.into()), ..History::default() };
        let diff_id = step.layer.digest.clone();
        state.draft.put(step.layer, &diff_id, history);
        state.key = key;
        Ok((state, cached))
    }

    /// The directories of a stage's layers, the uppermost first.
    pub(super) fn layers(&self, state: &State) -> Result<Vec<PathBuf>> {
        let ids = state.draft.config.rootfs.diff_ids.iter().rev();
        ids.map(|id| Ok(self.store.layer_path(&Digest::parse(id)?))).collect()
    }
}

/// A line that changes no file. Its time is that of the last one that did: the same lines give the same image.
pub(super) fn said(mut state: State, text: &str) -> State {
    let created = state.draft.config.created.clone();
    state.key = key(&state.key, &[text.to_string(), format!("{:?}", state.draft.config.config)]);
    state.draft.say(History {
        created,
        created_by: Some(text.into()),
        empty_layer: true,
        ..History::default()
    });
    state
}

fn key(before: &Digest, parts: &[String]) -> Digest {
    let lengths = parts.iter().map(|part| format!(" {}:{part}", part.len())).collect::<String>();
    Digest::of(format!("{before}{lengths}").as_bytes())
}
