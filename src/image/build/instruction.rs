//! The instructions of a Dockerfile, and what they say of how containers start.
//! <https://docs.docker.com/reference/dockerfile/>

use super::words::{Variables, expand};
use crate::image::Execution;
use crate::image::error::Result;

/// What one line says. Variables are still in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instruction {
    /// Begin with an image, under a name for other stages.
    From { image: String, name: Option<String> },
    /// Start a program, and keep what it changes.
    Run(Command),
    /// What containers start, or give to their entry point.
    Cmd(Command),
    /// What containers start.
    Entrypoint(Command),
    /// Put files in.
    Copy(Copy),
    /// Variables of containers.
    Env(Vec<(String, String)>),
    /// What is to be known of the image.
    Label(Vec<(String, String)>),
    /// Variables of the build alone, and what they are if nobody says so.
    Arg(Vec<(String, Option<String>)>),
    /// Where programs start.
    Workdir(String),
    /// Who they are.
    User(String),
    /// Ports that they listen on.
    Expose(Vec<String>),
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// Words for the shell.
    Shell(String),
    /// As they are.
    Exec(Vec<String>),
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) sources: Vec<String>,
    pub(super) target: String,
    /// `user` or `user:group`, by name or number.
    pub(super) owner: Option<String>,
    /// Permission bits in octal.
    pub(super) mode: Option<String>,
    /// A stage or an image; otherwise the context.
    pub(super) from: Option<String>,
    /// Whether archives are unpacked.
    pub(super) unpacks: bool,
}

impl Command {
    /// As a person writes it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Shell(text) => text.clone(),
            Self::Exec(words) => words.join(" "),
        }
    }

    /// What is started.
    pub(super) fn words(&self) -> Vec<String> {
        match self {
            Self::Shell(text) => ["/bin/sh", "-c", text].map(String::from).into(),
            Self::Exec(words) => words.clone(),
        }
    }
}

impl Instruction {
    /// Whether it is a step that takes its time.
    pub(super) fn is_shown(&self) -> bool {
        matches!(self, Self::From { .. } | Self::Run(_) | Self::Copy(_) | Self::Workdir(_))
    }

    /// The same with variables put in. Commands are for the shell, which has variables of its own.
    pub(super) fn expanded(self, escape: char, variables: &dyn Variables) -> Result<Self> {
        let word = |word: String| expand(&word, escape, variables);
        let words = |list: Vec<String>| list.into_iter().map(word).collect::<Result<Vec<_>>>();
        let pairs = |list: Vec<(String, String)>| {
            list.into_iter().map(|(key, value)| Ok((word(key)?, word(value)?))).collect::<Result<Vec<_>>>()
        };
        Ok(match self {
            Self::Copy(copy) => Self::Copy(Copy {
                sources: words(copy.sources)?,
                target: word(copy.target)?,
                owner: copy.owner.map(word).transpose()?,
                mode: copy.mode.map(word).transpose()?,
                from: copy.from.map(word).transpose()?,
                ..copy
            }),
            Self::Env(list) => Self::Env(pairs(list)?),
            Self::Label(list) => Self::Label(pairs(list)?),
            Self::Arg(list) => {
                let argument =
                    |(name, value): (String, Option<String>)| Ok((name, value.map(word).transpose()?));
                Self::Arg(list.into_iter().map(argument).collect::<Result<_>>()?)
            }
            Self::Workdir(dir) => Self::Workdir(word(dir)?),
            Self::User(user) => Self::User(word(user)?),
            Self::Expose(ports) => Self::Expose(words(ports)?),
            Self::From { .. } | Self::Run(_) | Self::Cmd(_) | Self::Entrypoint(_) => self,
        })
    }
}

/// Put what a line says of how containers start into `execution`.
pub(super) fn apply(execution: &mut Execution, instruction: Instruction) {
    match instruction {
        Instruction::Cmd(command) => execution.cmd = Some(command.words()),
        Instruction::Entrypoint(command) => execution.entrypoint = Some(command.words()),
        Instruction::User(user) => execution.user = user,
        Instruction::Workdir(dir) => {
            let before = if execution.working_dir.is_empty() { "/" } else { &execution.working_dir };
            execution.working_dir = format!("/{}", super::inside(before, &dir).display());
        }
        Instruction::Env(pairs) => pairs.into_iter().for_each(|(name, value)| {
            let env = execution.env.get_or_insert_default();
            let of_name = |pair: &String| pair.split_once('=').is_some_and(|(other, _)| other == name);
            let pair = format!("{name}={value}");
            match env.iter().position(of_name) {
                Some(at) => env[at] = pair,
                None => env.push(pair),
            }
        }),
        Instruction::Label(pairs) => execution.labels.get_or_insert_default().extend(pairs),
        Instruction::Expose(ports) => {
            let port = |port: String| if port.contains('/') { port } else { format!("{port}/tcp") };
            let nothing = || serde_json::Value::Object(serde_json::Map::new());
            let ports = ports.into_iter().map(|text| (port(text), nothing()));
            execution.exposed_ports.get_or_insert_default().extend(ports);
        }
        Instruction::From { .. } | Instruction::Run(_) | Instruction::Copy(_) | Instruction::Arg(_) => {}
    }
}
