//! The program of glassbox itself, which no container gets into its hands.
//!
//! A container can have a program that is `/proc/self/exe`, or a script for that interpreter: then what is started in it
//! is the runtime's own file, and whoever holds that can write to it once it runs no more (CVE-2019-5736). Where a
//! container's processes could be quick enough to do that, glassbox runs from a place that cannot be written to.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use elf::abi::{EI_NIDENT, ELFMAGIC, PT_INTERP};
use elf::endian::NativeEndian;
use elf::file::{Class, FileHeader};
use elf::segment::SegmentTable;
use nix::unistd::geteuid;

use super::error::{Error, Result, doing};
use crate::kernel::process::exec_sealed;
use crate::kernel::{Errno, short};

/// The file that this process runs.
const OWN: &str = "/proc/self/exe";

/// How many scripts can be each other's interpreters: the kernel's own limit.
const SCRIPTS: usize = 5;

/// Refuse a program that would be this one, by whatever name.
///
/// It is looked at from inside of the container, before that has a process that could exchange it.
pub(super) fn refuse(program: &str) -> Result<()> {
    let Ok(own) = std::fs::metadata(OWN) else { return Ok(()) };
    let refused = |why: &str| Err(Error::NotExecutable { program: program.into(), why: why.into() });
    let mut file = PathBuf::from(program);
    for _ in 0..SCRIPTS {
        let opened = match short::open(&file) {
            Ok(opened) => opened,
            // The kernel starts what may not be read, too. Whoever is not root could not write to glassbox then.
            Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) && geteuid().is_root() => {
                return refused("it may not be read, and could be glassbox itself");
            }
            // The rest is left to execve.
            Err(_) => return Ok(()),
        };
        if opened.metadata().is_ok_and(|meta| (meta.dev(), meta.ino()) == (own.dev(), own.ino())) {
            return refused("it is glassbox itself");
        }
        match interpreter(&opened) {
            Some(next) => file = next,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// What the kernel starts to run a file: the interpreter of a script, or the loader of a dynamic program.
fn interpreter(file: &File) -> Option<PathBuf> {
    let mut head = [0; 256];
    let length = file.read_at(&mut head, 0).ok()?;
    let head = &head[..length];
    let path = match head.strip_prefix(b"#!") {
        Some(line) => {
            let line = line.split(|sign| *sign == b'\n').next()?;
            // What the kernel takes for the end of a name, and nothing else.
            line.split(|sign| b" \t\0".contains(sign)).find(|word| !word.is_empty())?.to_vec()
        }
        None => [Class::ELF64, Class::ELF32].into_iter().find_map(|class| loader(file, head, class))?,
    };
    Some(Path::new(std::ffi::OsStr::from_bytes(&path)).into())
}

/// The loader of a program of this class. The kernel takes the class from the processor, and does not look at what the
/// file says of itself, nor at its sections: neither may be wrong here.
fn loader(file: &File, head: &[u8], class: Class) -> Option<Vec<u8>> {
    let entry = match class {
        Class::ELF64 => 56,
        Class::ELF32 => 32,
    };
    let tail = head.strip_prefix(&ELFMAGIC)?.get(EI_NIDENT - ELFMAGIC.len()..)?;
    let header = FileHeader::parse_tail((NativeEndian, class, 0, 0), tail).ok()?;
    if header.e_phentsize != entry {
        return None;
    }
    let table = part(file, header.e_phoff, u64::from(header.e_phnum) * u64::from(entry))?;
    let mut segments = SegmentTable::new(NativeEndian, class, &table).iter();
    let segment = segments.find(|segment| segment.p_type == PT_INTERP)?;
    let mut path = part(file, segment.p_offset, segment.p_filesz)?;
    path.truncate(path.iter().position(|byte| *byte == 0).unwrap_or(path.len()));
    Some(path)
}

/// So much of a file, unless it is more than the kernel would take.
fn part(file: &File, offset: u64, length: u64) -> Option<Vec<u8>> {
    const LONGEST: u64 = 64 << 10;
    let mut part = vec![0; usize::try_from(length).ok().filter(|_| length <= LONGEST)?];
    file.read_exact_at(&mut part, offset).ok().map(|()| part)
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
