//! The steps of a build, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::copy;
use super::filling::Filling;
use super::ignore::Ignore;
use super::instruction::{self, Command, Copy, Instruction};
use super::sources::Sources;
use super::stages::{Stages, Step};
use super::words::{Variables, expand};
use super::{Order, Progress, Runner, Start, fault, inside, owner};
use crate::image::digest::Digest;
use crate::image::draft::{Draft, write_layer};
use crate::image::error::{Error, Result};
use crate::image::manifest::Descriptor;
use crate::image::merged::Directory;
use crate::image::store::{self, Arrival, Store, Work};
use crate::image::{Execution, History, pack};

/// What a stage has come to.
#[derive(Debug, Clone)]
struct State {
    draft: Draft,
    /// Of everything that it depends on.
    key: Digest,
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
    store: &'a Store,
    order: &'a Order,
    stages: &'a Stages,
    runner: &'a mut dyn Runner,
    progress: &'a mut dyn Progress,
    globals: Globals,
    states: BTreeMap<usize, State>,
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

    fn copy(&mut self, state: State, text: &str, copy: &Copy, at: usize) -> Result<(State, bool)> {
        let target = {
            let slash = if copy.target.ends_with(['/', '.']) { "/" } else { "" };
            format!("/{}{slash}", inside(&state.draft.config.config.working_dir, &copy.target).display())
        };
        let mode = copy.mode.as_deref().map(octal).transpose()?;
        let from = self.from(copy, at)?;
        // The files of other stages and images are what their keys say.
        let content = match &from.key {
            Some(key) => key.to_string(),
            None => {
                let sources = from.open()?;
                let selected = copy.sources.iter().map(|source| sources.select(source));
                sources.digest(&selected.collect::<Result<Vec<_>>>()?.concat())?
            }
        };
        let mut parts = vec!["COPY".into(), target.clone(), content, copy.unpacks.to_string()];
        parts.extend([format!("{:?}", copy.owner), format!("{mode:?}")]);
        parts.extend(copy.sources.iter().cloned());
        let (lower, now) = (self.layers(&state)?, self.order.now.1);
        self.layered(state, text, &parts, |builder, work, arrival| {
            write_layer(builder.store, work, arrival, |layer| {
                let (image, sources) = (Directory::root(&lower)?, from.open()?);
                let selected = copy.sources.iter().map(|source| sources.select(source));
                let selected = selected.collect::<Result<Vec<_>>>()?.concat();
                let owner = copy.owner.as_deref().map(|owner| owner::numbers(owner, &image)).transpose()?;
                let order = copy::Order {
                    sources: &sources,
                    selected: &selected,
                    target: &target,
                    unpacks: copy.unpacks,
                    owner: owner.unwrap_or((0, 0)),
                    mode,
                    now,
                };
                copy::layer(&order, &image, layer)
            })
        })
    }

    /// Where a `COPY` takes its files from.
    fn from(&self, copy: &Copy, at: usize) -> Result<From> {
        let Some(name) = &copy.from else {
            let Some(context) = &self.order.context else {
                let hint = "build from a directory: glassbox build -f - . < Dockerfile";
                return Err(fault("there are no files to copy: the build has no context", hint));
            };
            let (layers, ignore) = (vec![context.clone()], self.order.ignore.clone());
            return Ok(From { layers, ignore, key: None, called: "the context".into() });
        };
        let (layers, key) = match self.stages.find(name, at).and_then(|stage| self.states.get(&stage)) {
            Some(state) => (self.layers(state)?, state.key.clone()),
            None => {
                let image = self.store.image(name)?;
                (image.layers.into_iter().rev().map(|layer| layer.path).collect(), image.id)
            }
        };
        Ok(From { layers, ignore: String::new(), key: Some(key), called: name.clone() })
    }

    /// `WORKDIR` makes the directory, if it is not there.
    fn workdir(&mut self, state: State, text: &str) -> Result<(State, bool)> {
        let dir = inside("/", &state.draft.config.config.working_dir);
        let (lower, now) = (self.layers(&state)?, self.order.now.1);
        let is_there = self.store.users().ask(|_| {
            let way = Directory::root(&lower)?.resolve(&dir)?;
            Ok(way.is_there() && way.last().is_none_or(|found| found.directory.is_some()))
        })?;
        if is_there {
            return Ok((said(state, text), false));
        }
        let parts = ["WORKDIR".to_string(), dir.display().to_string()];
        self.layered(state, text, &parts, |builder, work, arrival| {
            write_layer(builder.store, work, arrival, |layer| {
                let image = Directory::root(&lower)?;
                let mut filling = Filling::new(layer, &image, now);
                filling.directory(&dir)?;
                filling.finish()
            })
        })
    }

    /// A layer on top: the one that was made before of the same, or a new one. Whether it was there.
    fn layered(
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
    fn layers(&self, state: &State) -> Result<Vec<PathBuf>> {
        let ids = state.draft.config.rootfs.diff_ids.iter().rev();
        ids.map(|id| Ok(self.store.layer_path(&Digest::parse(id)?))).collect()
    }
}

/// Where files are taken from.
struct From {
    /// The uppermost first.
    layers: Vec<PathBuf>,
    ignore: String,
    /// Of all that they depend on; nothing for the context.
    key: Option<Digest>,
    called: String,
}

impl From {
    fn open(&self) -> Result<Sources> {
        let ignore = Ignore::parse(&self.ignore);
        Ok(Sources { root: Directory::root(&self.layers)?, ignore, called: self.called.clone() })
    }
}

/// A line that changes no file. Its time is that of the last one that did: the same lines give the same image.
fn said(mut state: State, text: &str) -> State {
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

fn octal(text: &str) -> Result<u32> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| fault(format!("--chmod={text} is no mode"), "write it in octal, as in: --chmod=755"))
}
