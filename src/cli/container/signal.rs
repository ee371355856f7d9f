//! `glassbox stop`, `kill`, `wait`, `pause` and `unpause`: what is done to containers that run.

use std::time::Duration;

use super::{Outcome, each};
use crate::container::error::Error;
use crate::container::life;
use crate::kernel::process::Sig;

pub(in crate::cli) const STOP_EXAMPLES: &str = "\
Examples:
  glassbox stop web
  glassbox stop -t 1 web other  killed if they have not ended in a second";

pub(in crate::cli) const KILL_EXAMPLES: &str = "\
Examples:
  glassbox kill web
  glassbox kill -s HUP web";

pub(in crate::cli) const WAIT_EXAMPLES: &str = "Example:\n  glassbox wait web             its exit code";
pub(in crate::cli) const PAUSE_EXAMPLES: &str = "Example:\n  glassbox pause web";
pub(in crate::cli) const UNPAUSE_EXAMPLES: &str = "Example:\n  glassbox unpause web";

#[derive(clap::Args)]
pub(in crate::cli) struct StopArgs {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
    /// How many seconds they have
    #[arg(short, long, default_value = "10")]
    time: u64,
    /// What asks them to end, if not what they or their image say
    #[arg(short, long, value_parser = parse_signal)]
    signal: Option<Sig>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct KillArgs {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
    /// The signal
    #[arg(short, long, default_value = "KILL", value_parser = parse_signal)]
    signal: Sig,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// By name, with or without `SIG`, or by number.
pub(super) fn parse_signal(text: &str) -> Result<Sig, String> {
    let upper = text.to_uppercase();
    let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    let by_number = || text.parse::<i32>().ok().and_then(|number| Sig::try_from(number).ok());
    name.parse().ok().or_else(by_number).ok_or_else(|| "there is no such signal".into())
}

pub(in crate::cli) fn stop(args: &StopArgs) -> Outcome {
    each(&args.containers, |records, container| {
        // What an image says can be wrong: then it is what it would be without that.
        let own = parse_signal(&container.created.spec.stop_signal).unwrap_or(Sig::SIGTERM);
        match life::stop(records, container, args.signal.unwrap_or(own), Duration::from_secs(args.time)) {
            // It is what was wanted.
            Err(Error::NotRunning(_)) => Ok(None),
            stopped => stopped.map(|()| None),
        }
    })
}

pub(in crate::cli) fn kill(args: &KillArgs) -> Outcome {
    each(&args.containers, |_, container| life::kill(container, args.signal).map(|()| None))
}

pub(in crate::cli) fn wait(args: &Args) -> Outcome {
    each(&args.containers, |records, container| Ok(Some(life::wait(records, container)?.to_string())))
}

pub(in crate::cli) fn pause(args: &Args) -> Outcome {
    each(&args.containers, |records, container| life::pause(records, container).map(|()| None))
}

pub(in crate::cli) fn unpause(args: &Args) -> Outcome {
    each(&args.containers, |records, container| life::unpause(records, container).map(|()| None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for text in ["TERM", "sigterm", "SIGTERM", "15"] {
            assert_eq!(parse_signal(text), Ok(Sig::SIGTERM), "{text}");
        }
        assert!(parse_signal("").is_err() && parse_signal("FLY").is_err() && parse_signal("99").is_err());
    }
}
