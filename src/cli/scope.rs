//! On in a scope of the user's service manager, where the session's own cgroup is no place for limits.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::problem::note;
use crate::machine::scope::{self, Way};
use crate::machine::{Need, Refusal};
use crate::stage::Lesson;

#[derive(clap::Args)]
pub(super) struct Scope {
    /// Stay in this session's cgroup, even if lessons can set no limits in it
    #[arg(long, global = true)]
    no_scope: bool,
    /// This process has moved itself into a scope, from this cgroup
    #[arg(long, global = true, hide = true, value_name = "GROUP")]
    moved_from: Option<PathBuf>,
}

impl Scope {
    /// The cgroup that this process has left for a scope, if it has: the one of the shell that it was started in.
    pub(super) fn left(&self) -> Option<&Path> {
        self.moved_from.as_deref()
    }

    /// Begin again in a scope, if lessons want a controller that cannot be used here and can be used there.
    ///
    /// Without a scope this process just goes on: a lesson that cannot run then says why, and what to do.
    pub(super) fn enter<'a>(&self, lessons: impl IntoIterator<Item = &'a Lesson>) {
        if self.moved_from.is_some() {
            if let Err(Refusal { why, .. }) = scope::make_room() {
                note(&format!("the scope cannot be divided: {why}"));
            }
            return;
        }
        let needs = lessons.into_iter().flat_map(|lesson| lesson.needs);
        let controllers: Vec<_> = needs.copied().filter_map(Need::controller).collect();
        if let Some(way) = scope::better_place(&controllers).filter(|_| !self.no_scope)
            && let Err(error) = begin_again(&way)
        {
            note(&format!("systemd-run makes no scope for this session: {error}"));
        }
    }
}

/// Become systemd-run, which becomes glassbox again: the same process, with its number, its terminal, its
/// signals and, in the end, its exit code.
fn begin_again(way: &Way) -> io::Result<()> {
    let program = std::env::current_exe()?;
    let in_scope = || {
        let mut command = Command::new(&way.systemd_run);
        command.args(["--user", "--scope", "--quiet", "--collect", "--no-ask-password"]);
        command.args(["-p", "Delegate=yes", "--"]).arg(&program);
        command.env("XDG_RUNTIME_DIR", &way.runtime);
        command
    };
    // There is no way back from the real one: try it first.
    let tried = in_scope().arg("--version").stdin(Stdio::null()).output()?;
    if !tried.status.success() {
        let said = String::from_utf8_lossy(&tried.stderr);
        return Err(io::Error::other(said.lines().next().unwrap_or("it does not say why").to_string()));
    }
    note("going on in a scope of its own, in which lessons can set limits; --no-scope switches that off");
    Err(in_scope().arg("--moved-from").arg(&way.from).args(std::env::args_os().skip(1)).exec())
}
