//! A host of containers that one test has for itself.

use std::path::{Path, PathBuf};

use super::{Home, Ran, finish, is_root, skip};

/// A home, and the containers and networks in it. They are gone when this is dropped.
pub(crate) struct Host {
    pub(crate) home: Home,
}

impl Host {
    /// A host without containers, on a machine that may be unable to have any.
    pub(crate) fn bare() -> Self {
        Self { home: Home::new() }
    }

    /// The same of an ordinary user whom root plays.
    pub(crate) fn of_ordinary_user() -> Self {
        Self { home: Home::of_ordinary_user() }
    }

    /// A host without containers; nothing, with a reason, where this machine can have none.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let host = Self::bare();
        host.has_containers(test).then_some(host)
    }

    /// Whether this machine can have containers; says so if not.
    pub(crate) fn has_containers(&self, test: &str) -> bool {
        let tried = self.glassbox(&["run", "--rm", "tiny", "true"]);
        match tried.code {
            Some(0) => true,
            // Root can have containers on every machine that has overlayfs, and is no container itself.
            Some(125) if !is_root() || tried.err.contains("overlay") || tried.err.contains("this is a") => {
                skip(test, tried.err.lines().next().unwrap_or_default());
                false
            }
            _ => panic!("{test}: {tried}"),
        }
    }

    /// The program under test, to its end.
    pub(crate) fn glassbox(&self, arguments: &[&str]) -> Ran {
        finish(self.home.glassbox([]).args(arguments))
    }

    /// The same, which has to succeed: what it says.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let ran = self.glassbox(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran}");
        ran.out.trim_end().into()
    }

    /// The same, which has to fail, with an error and a hint in a line each.
    pub(crate) fn refuses(&self, arguments: &[&str], why: &str) {
        self.refuses_with(1, arguments, why);
    }

    /// The same with another exit code.
    pub(crate) fn refuses_with(&self, code: i32, arguments: &[&str], why: &str) {
        let ran = self.glassbox(arguments);
        let lines: Vec<&str> = ran.err.lines().collect();
        let [error, hint] = lines.as_slice() else { panic!("{arguments:?}: {ran}") };
        assert!(error.starts_with("error: ") && error.contains(why), "{arguments:?}: {why:?} is said: {ran}");
        assert!(hint.starts_with("hint: ") && ran.out.is_empty(), "{arguments:?}: {ran}");
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran}");
    }

    /// A container that does nothing, with these flags: its process 1.
    pub(crate) fn container(&self, name: &str, flags: &[&str]) -> String {
        let run = [&["run", "-d", "--name", name], flags, &["tiny", "sleep", "1000"]].concat();
        self.says(&run);
        self.of(name, "{{.State.Pid}}")
    }

    /// A field of a container.
    pub(crate) fn of(&self, name: &str, field: &str) -> String {
        self.says(&["inspect", "--format", field, name])
    }

    /// What a container says when a program is run in it.
    pub(crate) fn inside(&self, name: &str, command: &[&str]) -> String {
        self.says(&[&["exec", name], command].concat())
    }

    /// Remove every container.
    pub(crate) fn clear(&self) {
        let ids = self.says(&["ps", "-aq"]);
        let ids: Vec<&str> = ids.lines().collect();
        if !ids.is_empty() {
            self.says(&[&["rm", "-f"], ids.as_slice()].concat());
        }
    }

    /// What a shell in a new container says, with these flags for `run`.
    pub(crate) fn shell(&self, flags: &[&str], script: &str) -> Ran {
        let run = [&["run", "--rm"], flags, &["tiny", "sh", "-c", script]].concat();
        self.glassbox(&run)
    }

    /// Whether limits can be set here; says so if not.
    pub(crate) fn has_limits(&self, test: &str) -> bool {
        let tried = self.shell(&["--memory", "64m", "--pids-limit", "50", "--cpus", "0.5"], "true");
        if tried.code == Some(125) {
            skip(test, tried.err.lines().next().unwrap_or_default());
        }
        tried.code != Some(125)
    }

    /// Everything that containers have left: records, layers, names, cgroups.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let state = self.home.state();
        let mut left: Vec<PathBuf> =
            ["containers", "uppers", "names"].iter().flat_map(|dir| listed(&state.join(dir))).collect();
        let ids = left.iter().filter_map(|path| path.file_name()?.to_str()).filter(|name| name.len() == 64);
        let ids: Vec<String> = ids.map(|id| format!("glassbox-{}", &id[..12])).collect();
        left.extend(groups().into_iter().filter(|group| ids.iter().any(|id| group.ends_with(id))));
        left
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let ids = self.glassbox(&["ps", "-aq", "--no-trunc"]).out;
        let ids: Vec<&str> = ids.lines().collect();
        if !ids.is_empty() {
            self.glassbox(&[&["rm", "-f"], ids.as_slice()].concat());
        }
        let networks = self.glassbox(&["network", "ls", "-q"]).out;
        let networks: Vec<&str> = networks.lines().collect();
        if !networks.is_empty() {
            self.glassbox(&[&["network", "rm"], networks.as_slice()].concat());
        }
        self.glassbox(&["prune", "--all", "--force"]);
    }
}

fn listed(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The cgroups of containers, wherever they are.
pub(crate) fn groups() -> Vec<PathBuf> {
    let places = glassbox::probe::cgroup::hierarchies().unwrap().places();
    places.into_iter().filter(|place| place.name().starts_with("glassbox-")).map(|place| place.dir).collect()
}

/// Those of this host's containers.
pub(crate) fn groups_of(host: &Host) -> Vec<PathBuf> {
    host.left().into_iter().filter(|path| path.starts_with("/sys/fs/cgroup")).collect()
}
