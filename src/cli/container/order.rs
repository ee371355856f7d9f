//! A container's specification: what its image says, and what the command line says otherwise.

use std::collections::BTreeMap;

use super::create::Flags;
use crate::cli::problem::Problem;
use crate::container::Records;
use crate::container::error::Error;
use crate::container::spec::{Limits, Network, Process, Seccomp, Security, Spec};
use crate::image::{Execution, Image};

/// What is to be made of an image.
pub(super) fn spec(
    flags: &Flags,
    image: &Image,
    command: &[String],
    terminal: bool,
) -> Result<Spec, Problem> {
    let config = &image.config.config;
    if let Some(name) = &flags.name {
        Records::check_name(name)?;
    }
    let process = Process {
        args: args(flags, config, command)?,
        env: env(flags, config)?,
        cwd: flags.workdir.clone().unwrap_or_else(|| config.working_dir.clone()),
        user: flags.user.clone().unwrap_or_else(|| config.user.clone()),
        terminal,
        init: flags.init,
    };
    let mut mounts: Vec<_> =
        [&flags.volume, &flags.mount, &flags.tmpfs].into_iter().flatten().cloned().collect();
    // What is above is mounted before what is below it.
    mounts.sort_by_key(|mount| mount.target.components().count());
    let security = Security {
        cap_add: flags.cap_add.clone(),
        cap_drop: flags.cap_drop.clone(),
        seccomp: seccomp(flags)?,
    };
    // What is wrong with them is said before anything is made.
    security.capabilities()?;
    if let Seccomp::Profile(_) = security.seccomp {
        security.filter()?;
    }
    let network = flags.network.spec()?;
    Ok(Spec {
        hostname: hostname(flags, &network),
        process,
        network,
        limits: limits(flags),
        mounts,
        storage: flags.storage_driver.into(),
        read_only: flags.read_only,
        security,
        labels: labels(flags, config),
        stop_signal: flags.stop_signal.clone().or_else(|| config.stop_signal.clone()).unwrap_or_default(),
    })
}

fn hostname(flags: &Flags, network: &Network) -> String {
    let hosts = || {
        let host = nix::unistd::gethostname().ok().filter(|_| *network == Network::Host);
        host.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    flags.hostname.clone().unwrap_or_else(hosts)
}

/// The entry point, and behind it the command. Whoever gives another entry point does not want the image's command.
fn args(flags: &Flags, config: &Execution, command: &[String]) -> Result<Vec<String>, Problem> {
    let entrypoint = match &flags.entrypoint {
        Some(program) if program.is_empty() => vec![],
        Some(program) => vec![program.clone()],
        None => config.entrypoint.clone().unwrap_or_default(),
    };
    let images = || config.cmd.clone().filter(|_| flags.entrypoint.is_none()).unwrap_or_default();
    let command = if command.is_empty() { images() } else { command.to_vec() };
    let args: Vec<String> = entrypoint.into_iter().chain(command).collect();
    if args.is_empty() {
        let hint = "name one behind the image: glassbox run IMAGE PROGRAM";
        return Err(Error::usage("the image says nothing of a program to start", hint).into());
    }
    Ok(args)
}

fn env(flags: &Flags, config: &Execution) -> Result<Vec<String>, Problem> {
    let mut env = config.env.clone().unwrap_or_default();
    for file in &flags.env_file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Problem::system(&format!("cannot read {}", file.display()), error))?;
        let lines =
            text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.for_each(|line| set(&mut env, line));
    }
    flags.env.iter().for_each(|entry| set(&mut env, entry));
    Ok(env)
}

/// One variable; without a value it is ours, if we have it.
pub(super) fn set(env: &mut Vec<String>, entry: &str) {
    let name = entry.split('=').next().unwrap_or_default();
    let value = if entry.contains('=') {
        Some(entry.to_string())
    } else {
        std::env::var(name).ok().map(|value| format!("{name}={value}"))
    };
    let Some(value) = value else { return };
    let is_it = |other: &String| other.split('=').next() == Some(name);
    match env.iter_mut().find(|other| is_it(other)) {
        Some(other) => *other = value,
        None => env.push(value),
    }
}

fn seccomp(flags: &Flags) -> Result<Seccomp, Problem> {
    let mut seccomp = Seccomp::Default;
    for option in &flags.security_opt {
        match option.as_str() {
            "seccomp=unconfined" | "seccomp:unconfined" => seccomp = Seccomp::Unconfined,
            "seccomp=default" | "no-new-privileges" | "no-new-privileges:true" | "no-new-privileges=true" => {
            }
            option if option.starts_with("seccomp=") => {
                let file = &option["seccomp=".len()..];
                let text = std::fs::read_to_string(file);
                let text = text.map_err(|why| Problem::system(&format!("cannot read {file}"), why))?;
                seccomp = Seccomp::Profile(text);
            }
            other => {
                let hint = "seccomp=FILE, seccomp=unconfined and no-new-privileges are";
                return Err(Error::usage(format!("the security option {other:?} is not known"), hint).into());
            }
        }
    }
    Ok(seccomp)
}

fn limits(flags: &Flags) -> Limits {
    let pids = flags.pids_limit.and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
    Limits { memory: flags.memory, cpu_quota: flags.cpus, pids }
}

fn labels(flags: &Flags, config: &Execution) -> BTreeMap<String, String> {
    let mut labels = config.labels.clone().unwrap_or_default();
    let pairs = flags.label.iter().map(|label| label.split_once('=').unwrap_or((label, "")));
    labels.extend(pairs.map(|(name, value)| (name.to_string(), value.to_string())));
    labels
}
