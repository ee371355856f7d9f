//! Debian's packages, fetched without root and without touching this machine's own package lists.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::common::{Ran, finish_within};

/// Where packages come from.
pub(crate) const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Why something could not be done.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// What is fetched and made once: `$XDG_CACHE_HOME/glassbox-test`, outside of the project.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = base.ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("glassbox-test");
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    Ok(cache)
}

/// A directory to work in that is gone when it is dropped. On a disk: what is made there is large.
pub(crate) fn workshop() -> Result<TempDir> {
    let dir = tempfile::Builder::new().prefix("glassbox-machines.").tempdir_in("/var/tmp");
    dir.map_err(|error| format!("a directory in /var/tmp: {error}"))
}

/// A program, also one that is not on an ordinary user's PATH.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::null());
    command
}

/// A server of packages can be slow; one that takes longer does not answer at all.
const PATIENCE: Duration = Duration::from_secs(600);

/// Run to the end; what it wrote, or what went wrong.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let Ran { code, out, err } = finish_within(PATIENCE, command);
    let ended = |code: Option<i32>| code.map_or("a signal".into(), |code| format!("exit code {code}"));
    if code == Some(0) {
        Ok(out)
    } else {
        Err(format!("{}: {}\n{err}", command.get_program().display(), ended(code)))
    }
}

/// The packages of one suite of Debian, with package lists of our own.
pub(crate) struct Suite {
    lists: PathBuf,
}

impl Suite {
    /// Its lists, as they are now.
    pub(crate) fn open(name: &str) -> Result<Self> {
        let lists = cache()?.join("apt").join(name);
        let made = ["lists/partial", "cache/archives/partial"].map(|dir| fs::create_dir_all(lists.join(dir)));
        made.into_iter().collect::<std::io::Result<()>>().map_err(|error| error.to_string())?;
        let source = format!("deb [signed-by={KEYRING}] {MIRROR} {name} main\n");
        let written = fs::write(lists.join("sources.list"), source).and(fs::write(lists.join("status"), ""));
        written.map_err(|error| format!("{}: {error}", lists.display()))?;
        let suite = Self { lists };
        output(suite.apt("apt-get").arg("update"))?;
        Ok(suite)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = command(program);
        let lists = self.lists.display();
        for option in [
            format!("Dir::State={lists}"),
            format!("Dir::State::status={lists}/status"),
            format!("Dir::Cache={lists}/cache"),
            format!("Dir::Etc::SourceList={lists}/sources.list"),
            "Dir::Etc::SourceParts=/dev/null".into(),
            "Dir::Etc::PreferencesParts=/dev/null".into(),
            "APT::Sandbox::User=".into(),
            "Acquire::Languages=none".into(),
            "Acquire::Retries=3".into(),
        ] {
            command.args(["-o", &option]);
        }
        command
    }

    /// The names of its packages that begin so.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let names = output(self.apt("apt-cache").args(["pkgnames", prefix]))?;
        Ok(names.lines().map(str::to_string).collect())
    }

    /// Fetch these packages and unpack them below `into`.
    pub(crate) fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
        let debs = workshop()?;
        output(self.apt("apt-get").arg("download").args(packages).current_dir(debs.path()))?;
        for deb in fs::read_dir(debs.path()).map_err(|error| error.to_string())?.flatten() {
            output(command("dpkg-deb").arg("-x").arg(deb.path()).arg(into))?;
        }
        Ok(())
    }
}
