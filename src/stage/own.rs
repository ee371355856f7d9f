//! Our own program, as anybody runs it: a lesson is about what it does.

use std::time::Duration;

use super::{Child, Program, Result, Stage};
use crate::kernel::Pid;
use crate::kernel::process::{Clone3, Ended};
use crate::probe::process::{children, lives};
use crate::probe::{Reading, until};
use crate::trace::{GROUP_STEM, Identity, Trace};

/// How a command of ours ended, and what it wrote.
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// All that it wrote, on both outputs.
    pub text: String,
}

impl Stage {
    /// Run `glassbox` with these arguments, and wait for its end. `home` is a directory of the lesson, where it keeps
    /// images and containers: nobody else's are seen.
    pub fn glassbox(&self, home: &str, args: &[&str]) -> Result<Ran> {
        /// An image is unpacked in less, on every machine; for more nobody wants to wait.
        const PATIENCE: Duration = Duration::from_secs(300);
        let mut pipes = Program::pipes()?;
        let argv: Vec<&str> = ["glassbox"].iter().chain(args).copied().collect();
        let env = self.own_environment(home)?;
        let env: Vec<&str> = env.iter().map(String::as_str).collect();
        let child = self.child("glassbox", Clone3::new(), |_| pipes.execve("/proc/self/exe", &argv, &env))?;
        let text = pipes.read_to_end(PATIENCE)?;
        Ok(Ran { ended: child.wait()?, text: text.trim_end().into() })
    }

    /// Wait until a command of ours has such a child; a command that ends before has none. The child ends with its maker,
    /// a moment later: whoever clears away waits for that.
    pub fn own_child(&self, command: &Child, is_such: impl Fn(u64) -> bool) -> Result<Option<Pid>> {
        let maker = command.pid();
        let look = || -> Result<Reading> {
            let found = children(maker)?.into_iter().find(|child| is_such(*child));
            let text = match found {
                Some(child) => child.to_string(),
                None if lives(maker)?.text == "no" => "none".into(),
                None => String::new(),
            };
            Ok(Reading::new("its child", "/proc/PID/status PPid", text))
        };
        let found = until(look, |child| !child.text.is_empty())?.text;
        let child = found.parse().ok().map(Pid::from_raw);
        if let Some(identity) = child.and_then(Identity::of) {
            self.scene.note(&Trace::Process(identity))?;
        }
        Ok(child)
    }

    /// The environment of a command of ours. The groups of the containers that it makes are in the ledger with that.
    pub fn own_environment(&self, home: &str) -> Result<[String; 3]> {
        let stem = format!("glassbox-{}", self.scene.run);
        self.scene.note(&Trace::CgroupsOf(stem.clone()))?;
        Ok([
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin".into(),
            format!("XDG_STATE_HOME=/tmp/{home}"),
            format!("{GROUP_STEM}={stem}"),
        ])
    }
}
