//! The program of glassbox itself, which no container gets into its hands.
//!
//! A container can have a program that is `/proc/self/exe`, or a script for that interpreter: then what is started in it
//! is the runtime's own file, and whoever holds that can write to it once it runs no more (CVE-2019-5736). Where a
//! container's processes could be quick enough to do that, glassbox runs from a place that cannot be written to.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use elf::ElfStream;
use elf::abi::PT_INTERP;
use elf::endian::AnyEndian;

use super::error::{Error, Result, doing};
use crate::kernel::process::exec_sealed;

/// The file that this process runs.
const OWN: &str = "/proc/self/exe";

/// How many scripts can be each other's interpreters: the kernel's own limit.
const SCRIPTS: usize = 5;

/// Refuse a program that would be this one, by whatever name.
///
/// It is looked at from inside of the container, before that has a process that could exchange it.
pub(super) fn refuse(program: &str) -> Result<()> {
    let Ok(own) = std::fs::metadata(OWN) else { return Ok(()) };
    let mut file = PathBuf::from(program);
    for _ in 0..SCRIPTS {
        // What cannot be read is left to execve.
        let Ok(mut opened) = File::open(&file) else { return Ok(()) };
        if opened.metadata().is_ok_and(|meta| (meta.dev(), meta.ino()) == (own.dev(), own.ino())) {
            let why = "it is glassbox itself".into();
            return Err(Error::NotExecutable { program: program.into(), why });
        }
        match interpreter(&mut opened) {
            Some(next) => file = next,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// What the kernel starts to run a file: the interpreter of a script, or the loader of a dynamic program.
fn interpreter(file: &mut File) -> Option<PathBuf> {
    let mut head = vec![];
    file.take(256).read_to_end(&mut head).ok()?;
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|sign| *sign == b'\n').next()?;
        let path = line.split(|sign| sign.is_ascii_whitespace()).find(|word| !word.is_empty())?;
        return Some(Path::new(std::ffi::OsStr::from_bytes(path)).into());
    }
    loader(file)
}

fn loader(file: &mut File) -> Option<PathBuf> {
    let mut elf = ElfStream::<AnyEndian, _>::open_stream(file).ok()?;
    let segment = elf.segments().iter().find(|segment| segment.p_type == PT_INTERP).copied()?;
    let path = elf.segment_data(&segment).ok()?;
    let path = path.split(|byte| *byte == 0).next()?;
    Some(Path::new(std::ffi::OsStr::from_bytes(path)).into())
}

/// Run on from a sealed copy in memory, with the same arguments: for commands that enter a container whose processes are
/// at work. Returns when that is so.
pub fn seal() -> Result<()> {
    let is_sealed =
        std::fs::read_link(OWN).is_ok_and(|path| path.as_os_str().as_bytes().starts_with(b"/memfd:"));
    if is_sealed {
        return Ok(());
    }
    let program = doing("cannot read glassbox itself", File::open(OWN))?;
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    Err(exec_sealed(&program, &arguments, &environment).into())
}
