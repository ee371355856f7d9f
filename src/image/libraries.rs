//! Which shared libraries a program needs, and where this machine keeps them.
//!
//! The same search as `ld.so(8)` makes: the program's own run path, then the directories of
//! `/etc/ld.so.conf`, then those that every system has. A library for another processor, which a machine can
//! have beside its own, is passed over. Nothing is executed to find out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use elf::ElfBytes;
use elf::abi::{DT_NEEDED, DT_RPATH, DT_RUNPATH, PT_INTERP};
use elf::endian::AnyEndian;

use super::tiny::Error;

/// What the dynamic section of a file asks for.
#[derive(Default, Clone)]
struct Dynamic {
    interpreter: Option<PathBuf>,
    needed: Vec<String>,
    run_path: Vec<PathBuf>,
}

/// The search, for many programs: what they share is read once.
pub(super) struct Libraries {
    system: Vec<PathBuf>,
    read: BTreeMap<PathBuf, Dynamic>,
}

impl Libraries {
    pub(super) fn new() -> Self {
        Self { system: system_directories(), read: BTreeMap::new() }
    }

    /// The loader and every library that `program` needs, directly or not; empty for a static program.
    pub(super) fn of(&mut self, program: &Path) -> Result<BTreeSet<PathBuf>, Error> {
        let mut found = BTreeSet::new();
        let mut open = vec![program.to_path_buf()];
        while let Some(file) = open.pop() {
            let dynamic = self.read(&file)?;
            found.extend(dynamic.interpreter);
            for name in dynamic.needed {
                // The loader itself is among the libraries, under its own name.
                let known = found.iter().any(|path| path.ends_with(&name));
                let dirs = dynamic.run_path.iter().chain(&self.system);
                let Some(path) = find(&name, dirs, processor(&file)) else {
                    if known {
                        continue;
                    }
                    return Err(Error::Library { program: program.to_path_buf(), library: name });
                };
                if found.insert(path.clone()) {
                    open.push(path);
                }
            }
        }
        Ok(found)
    }

    fn read(&mut self, file: &Path) -> Result<Dynamic, Error> {
        if let Some(dynamic) = self.read.get(file) {
            return Ok(dynamic.clone());
        }
        let dynamic = read(file)?;
        self.read.insert(file.to_path_buf(), dynamic.clone());
        Ok(dynamic)
    }
}

/// The first file of this name that is for this processor.
fn find<'a>(
    name: &str,
    mut dirs: impl Iterator<Item = &'a PathBuf>,
    wanted: Option<Processor>,
) -> Option<PathBuf> {
    let wanted = wanted?;
    dirs.find_map(|dir| Some(dir.join(name)).filter(|path| processor(path) == Some(wanted)))
}

/// Class, byte order and machine, as an ELF header has them.
type Processor = [u8; 4];

/// Which processor a file is for; none if it cannot be read.
fn processor(file: &Path) -> Option<Processor> {
    let mut header = [0; 20];
    File::open(file).and_then(|mut file| file.read_exact(&mut header)).ok()?;
    Some([header[4], header[5], header[18], header[19]])
}

fn read(file: &Path) -> Result<Dynamic, Error> {
    let unreadable = |why: String| Error::Unreadable { path: file.to_path_buf(), why };
    let content = fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let parsed = || -> Result<Dynamic, elf::ParseError> {
        let elf = ElfBytes::<AnyEndian>::minimal_parse(&content)?;
        let mut dynamic = Dynamic::default();
        for segment in elf.segments().into_iter().flatten().filter(|segment| segment.p_type == PT_INTERP) {
            let text = String::from_utf8_lossy(elf.segment_data(&segment)?).into_owned();
            dynamic.interpreter = Some(PathBuf::from(text.trim_end_matches('\0')));
        }
        let (Some(table), Some((_, strings))) = (elf.dynamic()?, elf.dynamic_symbol_table()?) else {
            return Ok(dynamic);
        };
        for entry in table.iter() {
            let text = || strings.get(entry.d_val() as usize).map(str::to_string);
            match entry.d_tag {
                DT_NEEDED => dynamic.needed.push(text()?),
                DT_RUNPATH | DT_RPATH => dynamic.run_path.extend(run_path(&text()?, file)),
                _ => {}
            }
        }
        Ok(dynamic)
    };
    parsed().map_err(|error| unreadable(error.to_string()))
}

/// `$ORIGIN/../lib:/opt/lib` as directories.
fn run_path(text: &str, file: &Path) -> Vec<PathBuf> {
    let origin = file.parent().unwrap_or(Path::new("/")).display().to_string();
    text.split(':')
        .map(|dir| PathBuf::from(dir.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin)))
        .collect()
}

fn system_directories() -> Vec<PathBuf> {
    const ALWAYS: [&str; 5] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];
    let mut directories = vec![];
    configured(Path::new("/etc/ld.so.conf"), &mut directories);
    directories.extend(ALWAYS.iter().map(PathBuf::from));
    directories
}

/// The directories of a file like `/etc/ld.so.conf`, which may include others: `include ld.so.conf.d/*.conf`.
fn configured(file: &Path, directories: &mut Vec<PathBuf>) {
    for line in fs::read_to_string(file).unwrap_or_default().lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line.strip_prefix("include ") {
            Some(pattern) => {
                let pattern = Path::new("/etc").join(pattern.trim());
                let mut included: Vec<PathBuf> = pattern
                    .parent()
                    .and_then(|dir| fs::read_dir(dir).ok())
                    .into_iter()
                    .flatten()
                    .filter_map(|entry| Some(entry.ok()?.path()))
                    .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
                    .collect();
                included.sort();
                included.iter().for_each(|path| configured(path, directories));
            }
            None if line.starts_with('/') => directories.push(PathBuf::from(line)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_path_can_be_relative_to_its_file() {
        let dirs = run_path("$ORIGIN/../lib:/opt/lib", Path::new("/opt/tool/bin/tool"));
        assert_eq!(dirs, [Path::new("/opt/tool/bin/../lib"), Path::new("/opt/lib")]);
    }

    #[test]
    fn directories_come_from_included_files_too() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        let at = dir.path().display();
        fs::write(dir.path().join("ld.so.conf"), format!("# ours\ninclude {at}/parts/*.conf\n/opt/last\n"))?;
        fs::create_dir(dir.path().join("parts"))?;
        fs::write(dir.path().join("parts/b.conf"), "/opt/second\n")?;
        fs::write(dir.path().join("parts/a.conf"), "/opt/first # why\n")?;
        fs::write(dir.path().join("parts/ignored"), "/opt/ignored\n")?;
        let mut directories = vec![];
        configured(&dir.path().join("ld.so.conf"), &mut directories);
        assert_eq!(directories, ["/opt/first", "/opt/second", "/opt/last"].map(PathBuf::from));
        Ok(())
    }

    #[test]
    fn a_library_for_another_processor_is_passed_over() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        let dirs = ["other", "own"].map(|name| dir.path().join(name));
        let own = std::env::current_exe()?;
        let mut other = fs::read(&own)?;
        other[18] += 1;
        dirs.iter().try_for_each(fs::create_dir)?;
        fs::write(dirs[0].join("lib.so"), other)?;
        fs::copy(&own, dirs[1].join("lib.so"))?;
        assert_eq!(find("lib.so", dirs.iter(), processor(&own)), Some(dirs[1].join("lib.so")));
        Ok(())
    }

    #[test]
    fn the_shell_of_this_machine_has_all_that_it_needs() -> Result<(), Error> {
        let shell = crate::probe::programs::find("sh").unwrap_or_default();
        for library in Libraries::new().of(&shell)? {
            assert!(library.is_file(), "{}", library.display());
        }
        Ok(())
    }
}
