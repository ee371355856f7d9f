//! The commands. Their definition here is also their help and the completions.

mod audience;
mod book;
mod container;
mod doctor;
mod image;
mod inspect;
mod keys;
mod lab;
mod learn;
mod lesson;
mod list;
mod menu;
mod network;
mod problem;
mod progress;
mod scope;
mod sweep;

use std::ffi::OsStr;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use problem::Problem;
use scope::Scope;

use crate::stage::interrupt;

/// What every command returns: its exit code, or a problem to be told.
type Outcome = Result<ExitCode, Problem>;

/// A container with glass walls: learn how Linux containers work by watching one being made.
#[derive(Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    after_help = "\
Without a command: a menu of the lessons, or their list when there is no terminal.

Examples:
  glassbox                      choose a lesson
  glassbox doctor               what this machine can do
  glassbox learn pid            one lesson, step by step
  glassbox learn --all --auto   every lesson, no questions, each claim checked
  glassbox inspect $$           how contained is this shell
  glassbox lab start memory     an assignment that the kernel marks

Exit codes: 0 done, 1 a claim or check failed, 2 wrong usage, 3 cannot run here."
)]
struct Cli<C: Subcommand> {
    #[command(flatten)]
    scope: Scope,
    #[command(subcommand)]
    command: Option<C>,
}

// What a command takes is said only when it is asked for: all of them together cost a third of a start.
#[derive(Subcommand)]
#[command(defer = true)]
enum Command {
    /// Do lessons, step by step
    #[command(after_help = learn::EXAMPLES)]
    Learn(learn::Args),
    /// List the lessons
    #[command(after_help = "Examples:\n  glassbox list\n  glassbox list --format json")]
    List(list::Args),
    /// Say what this machine can do, lesson by lesson
    #[command(after_help = "Examples:\n  glassbox doctor\n  glassbox doctor --format json")]
    Doctor(doctor::Args),
    /// X-ray any process: what it is made of, and how contained that makes it; or show what is known of a container
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(inspect::Args),
    /// Do assignments that the kernel marks
    #[command(after_help = lab::EXAMPLES)]
    Lab(lab::Args),
    /// Show what you have done
    #[command(after_help = "Example:\n  glassbox progress")]
    Progress(progress::Args),
    /// Build the book that goes with the lessons
    #[command(after_help = "Examples:\n  glassbox book\n  glassbox book --open")]
    Book(book::Args),
    #[command(flatten)]
    Often(Often),
    /// Show what a detached container has written
    #[command(after_help = container::logs::EXAMPLES)]
    Logs(container::logs::Args),
    /// Ask containers to end, and see that they do
    #[command(after_help = container::signal::STOP_EXAMPLES)]
    Stop(container::signal::StopArgs),
    /// Send containers a signal
    #[command(after_help = container::signal::KILL_EXAMPLES)]
    Kill(container::signal::KillArgs),
    /// Wait until containers have ended
    #[command(after_help = container::signal::WAIT_EXAMPLES)]
    Wait(container::signal::Args),
    /// Let all of a container stand still
    #[command(after_help = container::signal::PAUSE_EXAMPLES)]
    Pause(container::signal::Args),
    /// Let it go on
    #[command(after_help = container::signal::UNPAUSE_EXAMPLES)]
    Unpause(container::signal::Args),
    /// Show how much containers use
    #[command(after_help = container::stats::EXAMPLES)]
    Stats(container::stats::Args),
    /// Show what a container has changed in the files of its image
    #[command(after_help = container::diff::EXAMPLES)]
    Diff(container::diff::Args),
    /// Make an image of what a container has changed
    #[command(after_help = container::diff::COMMIT_EXAMPLES)]
    Commit(container::diff::CommitArgs),
    /// Build an image of a Dockerfile
    #[command(after_help = image::build::EXAMPLES)]
    Build(image::build::Args),
    /// Take images in that other tools have made
    #[command(after_help = image::load::EXAMPLES)]
    Load(image::load::Args),
    /// List images
    #[command(after_help = image::list::EXAMPLES)]
    Images(image::list::Args),
    /// Write images into an archive for other engines
    #[command(after_help = image::save::EXAMPLES)]
    Save(image::save::Args),
    /// Make an image of a root file system
    #[command(after_help = image::import::EXAMPLES)]
    Import(image::import::Args),
    /// Show what an image came from
    #[command(after_help = image::history::EXAMPLES)]
    History(image::history::Args),
    /// Give an image another name
    #[command(after_help = image::remove::TAG_EXAMPLES)]
    Tag(image::remove::TagArgs),
    /// Remove images
    #[command(after_help = image::remove::RMI_EXAMPLES)]
    Rmi(image::remove::RmiArgs),
    /// Remove images that nothing needs
    #[command(after_help = image::remove::PRUNE_EXAMPLES)]
    Prune(image::remove::PruneArgs),
    /// The same commands, as docker has them below this one, and inspect
    #[command(subcommand)]
    Image(image::Command),
    /// Make, list and remove networks of containers
    #[command(subcommand, after_help = network::EXAMPLES)]
    Network(network::Command),
    /// Remove what runs left that could not do it themselves
    #[command(after_help = "Example:\n  glassbox sweep")]
    Sweep,
    /// Print completions for a shell
    #[command(after_help = "Example:\n  glassbox completions bash > /etc/bash_completion.d/glassbox")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What scripts do again and again. Whoever asks for one of these waits for no other to be defined.
#[derive(Subcommand)]
#[command(defer = true)]
enum Often {
    /// Make a container of an image, and run a program in it
    #[command(disable_help_flag = true, after_help = container::run::EXAMPLES)]
    Run(Box<container::run::Args>),
    /// List containers
    #[command(after_help = container::ps::EXAMPLES)]
    Ps(container::ps::Args),
    /// Remove containers
    #[command(after_help = container::rm::EXAMPLES)]
    Rm(container::rm::Args),
    /// Run a second program in a container
    #[command(after_help = container::exec::EXAMPLES)]
    Exec(container::exec::Args),
}

/// What the arguments say, or the end of the program with clap's words about them.
fn arguments() -> Cli<Command> {
    let first = std::env::args_os().nth(1);
    if first.as_deref().and_then(OsStr::to_str).is_some_and(Often::has_subcommand) {
        let Cli { scope, command } = parse();
        return Cli { scope, command: command.map(Command::Often) };
    }
    parse()
}

fn parse<C: Subcommand>() -> Cli<C> {
    // Its parts are not freed one by one: the process ends soon, and with it all of them.
    let mut definition = ManuallyDrop::new(Cli::<C>::command());
    let mut matches = definition.get_matches_mut();
    Cli::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.format(&mut definition).exit())
}

/// Run the command that the arguments ask for.
pub fn main() -> ExitCode {
    let Cli { scope, command } = arguments();
    keys::decide_on_colour();
    let cleans_up = match command {
        None => keys::has_terminal(),
        Some(Command::Learn(_)) => true,
        Some(_) => false,
    };
    if !cleans_up && let Err(errno) = interrupt::end_with_output() {
        return Problem::system("cannot handle signals", errno).tell();
    }
    let outcome = match command {
        None => menu::run(&scope),
        Some(Command::Learn(args)) => learn::run(&args, &scope),
        Some(Command::List(args)) => list::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args, &scope),
        Some(Command::Inspect(args)) => inspect::run(&args),
        Some(Command::Lab(args)) => lab::run(&args),
        Some(Command::Progress(args)) => progress::run(&args),
        Some(Command::Book(args)) => book::run(&args),
        Some(Command::Often(Often::Run(args))) => container::run::run(&args),
        Some(Command::Often(Often::Ps(args))) => container::ps::run(&args),
        Some(Command::Often(Often::Rm(args))) => container::rm::run(&args),
        Some(Command::Often(Often::Exec(args))) => container::exec::run(&args),
        Some(Command::Logs(args)) => container::logs::run(&args),
        Some(Command::Stop(args)) => container::signal::stop(&args),
        Some(Command::Kill(args)) => container::signal::kill(&args),
        Some(Command::Wait(args)) => container::signal::wait(&args),
        Some(Command::Pause(args)) => container::signal::pause(&args),
        Some(Command::Unpause(args)) => container::signal::unpause(&args),
        Some(Command::Stats(args)) => container::stats::run(&args),
        Some(Command::Diff(args)) => container::diff::diff(&args),
        Some(Command::Commit(args)) => container::diff::commit(&args),
        Some(Command::Build(args)) => image::build::run(&args),
        Some(Command::Load(args)) => image::load::run(&args),
        Some(Command::Images(args)) => image::list::run(&args),
        Some(Command::Save(args)) => image::save::run(&args),
        Some(Command::Import(args)) => image::import::run(&args),
        Some(Command::History(args)) => image::history::run(&args),
        Some(Command::Tag(args)) => image::remove::tag(&args),
        Some(Command::Rmi(args)) => image::remove::rmi(&args),
        Some(Command::Prune(args)) => image::remove::prune(&args),
        Some(Command::Image(command)) => image::run(&command),
        Some(Command::Network(command)) => network::run(&command),
        Some(Command::Sweep) => sweep::run(),
        Some(Command::Completions { shell }) => {
            // clap panics when it cannot write: into memory first.
            let mut script = vec![];
            clap_complete::generate(shell, &mut Cli::<Command>::command(), "glassbox", &mut script);
            std::io::stdout().write_all(&script).map(|()| ExitCode::SUCCESS).map_err(Problem::from)
        }
    };
    outcome.unwrap_or_else(|problem| problem.tell())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paragraphs are wrapped for the terminal that is there, and examples fit in every one.
    #[test]
    fn help_suits_its_terminal() {
        let mut commands = vec![Cli::<Command>::command()];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let is_text = |line: &str| !line.is_empty() && !line.starts_with(' ') && !line.ends_with(':');
            let lines: Vec<&str> = help.lines().collect();
            for pair in lines.windows(2) {
                assert!(!pair.iter().all(|line| is_text(line)), "a line of its own: {}", pair[1]);
            }
            for line in lines {
                assert!(!line.starts_with(' ') || line.len() <= 80, "longer than a terminal: {line}");
            }
        }
    }
}
