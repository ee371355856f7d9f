//! The program of a container: looked for inside, and started.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::identity::Identity;
use super::volumes;
use crate::container::error::{Error, Result};
use crate::container::own_program;
use crate::container::spec::Process;
use crate::kernel::process::execve;
use crate::kernel::{Errno, fs};

/// Where programs are looked for, unless the image says otherwise: docker's list.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The directory in which the program is to start: made, as docker makes it, if it is not there.
pub(crate) fn make_directory(cwd: &str) -> Result<()> {
    if cwd.is_empty() || Path::new(cwd).is_dir() {
        return Ok(());
    }
    volumes::directory(&fs::open("/")?, Path::new(cwd)).map(drop)
}

/// Become the program. Returns only if that failed.
pub(crate) fn exec(process: &Process, who: &Identity) -> Error {
    let start = || -> Result<Error> {
        if !process.cwd.is_empty() {
            fs::chdir(&process.cwd)?;
        }
        let env = environment(process, who);
        let path = env.iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or(PATH);
        let name = process.args.first().map(String::as_str).unwrap_or_default();
        let program = find(name, path)?;
        own_program::refuse(&program)?;
        let argv: Vec<&str> = process.args.iter().map(String::as_str).collect();
        let env: Vec<&str> = env.iter().map(String::as_str).collect();
        let error = execve(&program, &argv, &env);
        Ok(match error.errno {
            Errno::ENOENT | Errno::ENOTDIR => Error::NotFound(name.into()),
            errno => not_executable(name, errno),
        })
    };
    start().unwrap_or_else(|error| error)
}

/// What a program finds in its environment: what was asked for, and what every program relies on.
fn environment(process: &Process, who: &Identity) -> Vec<String> {
    let mut env = process.env.clone();
    let lacks = |env: &[String], name: &str| !env.iter().any(|entry| entry.starts_with(name));
    if lacks(&env, "PATH=") {
        env.push(format!("PATH={PATH}"));
    }
    if lacks(&env, "HOME=") {
        env.push(format!("HOME={}", who.home));
    }
    if process.terminal && lacks(&env, "TERM=") {
        env.push("TERM=xterm".into());
    }
    env
}

fn not_executable(name: &str, errno: Errno) -> Error {
    Error::NotExecutable { program: name.into(), why: format!("{errno:?}, {}", errno.desc()) }
}

/// The file that a name means, as a shell looks for it.
fn find(name: &str, path: &str) -> Result<String> {
    if name.contains('/') {
        return Ok(name.into());
    }
    let mut denied = false;
    for dir in path.split(':').filter(|_| !name.is_empty()) {
        let file = format!("{}/{name}", if dir.is_empty() { "." } else { dir });
        match std::fs::metadata(&file) {
            Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => return Ok(file),
            Ok(meta) if meta.is_file() => denied = true,
            _ => {}
        }
    }
    Err(if denied { not_executable(name, Errno::EACCES) } else { Error::NotFound(name.into()) })
}
