//! The steps that put files in: `COPY`, `ADD` and `WORKDIR`.

use std::path::PathBuf;

use super::filling::Filling;
use super::ignore::Ignore;
use super::instruction::Copy;
use super::sources::Sources;
use super::step::{Builder, State, said};
use super::{copy, fault, inside, owner};
use crate::image::digest::Digest;
use crate::image::draft::write_layer;
use crate::image::error::Result;
use crate::image::merged::Directory;

impl Builder<'_> {
    /// `COPY` and `ADD`.
    pub(super) fn copy(&mut self, state: State, text: &str, copy: &Copy, at: usize) -> Result<(State, bool)> {
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
    pub(super) fn workdir(&mut self, state: State, text: &str) -> Result<(State, bool)> {
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

fn octal(text: &str) -> Result<u32> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| fault(format!("--chmod={text} is no mode"), "write it in octal, as in: --chmod=755"))
}
