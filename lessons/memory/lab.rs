//! Do: a cgroup with a memory limit, and a process in it.

use crate::error::Result;
use crate::kernel::arch::page_size;
use crate::kernel::cgroup::{
    Control, Controller, Group, MEMORY_MAX, MEMORY_PEAK, MEMORY_PROCS, MEMORY_SOFT, Place,
};
use crate::lab::{Exam, Kind, Lab, Record, Setting, lasting};
use crate::machine::Need;
use crate::probe::cgroup::{control, hierarchies};
use crate::probe::process::comm;
use crate::trace::{Ledger, Trace};

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a group with a memory limit, and a process in it",
    needs: &[Need::Controller(Controller::Memory)],
    begin,
    task,
    check,
    solve,
};

const MIB: u64 = 1 << 20;

fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "lab");
    // So many KiB are at least a page on every machine: each wrong unit leaves a number of its own.
    setting.draw("limit", 64..=120);
    let group = Group::plan(&hierarchies()?, &name, &[Controller::Memory])?;
    setting.remember("path", group.path(MEMORY_MAX)?.with_file_name("").display().to_string());
    setting.note(&Trace::StudentCgroups(name))
}

fn task(record: &Record) -> String {
    format!(
        "Make a cgroup with the name {name}, limit its memory to {limit} MiB, and put a process of yours into
         it that stays there.\n\n
         Any tools will do: mkdir and echo are enough. Here you may make it:\n\n  \
         {path}",
        name = record.value("name"),
        limit = record.value("limit"),
        path = record.value("path"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let name = record.value("name");
    let places = hierarchies()?.places();
    let (right, elsewhere): (Vec<&Place>, Vec<&Place>) = places
        .iter()
        .filter(|place| place.name() == name)
        .partition(|place| place.serves(Controller::Memory));
    let as_wanted = |place: &&&Place| limit(place, MEMORY_MAX) == Some(record.number("limit") * MIB);
    let Some(place) = right.iter().find(as_wanted).or(right.first()) else {
        not_there(record, exam, &places, elsewhere.first().copied());
        return Ok(());
    };
    exam.claim("the group exists", true, name, place.dir.display().to_string());
    check_limit(record, exam, place);
    check_process(exam, place, elsewhere.first().copied());
    Ok(())
}

fn not_there(record: &Record, exam: &mut Exam, places: &[Place], elsewhere: Option<&Place>) {
    let (name, path) = (record.value("name"), record.value("path"));
    let near = |place: &&Place| strsim::levenshtein(place.name(), name) <= 2;
    let near = places.iter().find(near);
    let mistake = match (elsewhere, near) {
        (Some(place), _) => format!(
            "{} is in a tree without the memory controller (it has: {})",
            place.dir.display(),
            place.controllers.join(", ")
        ),
        (None, Some(place)) => format!("its name is misspelt: there is {}", place.dir.display()),
        (None, None) => "no cgroup has this name".into(),
    };
    let seen = elsewhere.or(near).map_or("no such group", Place::name);
    exam.claim("the group exists", false, seen, path).mistake(mistake).hints([
        "a cgroup is a directory in the tree that has the memory controller".into(),
        format!("`mkdir` makes it; its name has to be {name}"),
        format!("mkdir {path}"),
    ]);
}

fn check_limit(record: &Record, exam: &mut Exam, place: &Place) {
    let wanted = record.number("limit");
    let found = limit(place, MEMORY_MAX);
    let file = place.dir.join(MEMORY_MAX.file(place.version));
    let handed_on = file.exists();
    let parent = Place { dir: place.dir.parent().unwrap_or(&place.dir).into(), ..place.clone() };
    let page = page_size() as u64;
    let rounded = |bytes: u64| Some(bytes / page * page);
    let mistake = match found {
        None if !handed_on => {
            "the group has no such file: its parent does not hand the memory controller on".into()
        }
        None if limit(&parent, MEMORY_MAX) == Some(wanted * MIB) => {
            format!("the limit is set on its parent, {}", parent.dir.display())
        }
        None if limit(place, MEMORY_SOFT) == Some(wanted * MIB) => {
            format!("{} is not the hard limit", MEMORY_SOFT.named(place.version))
        }
        None => "no limit is set in this group".into(),
        found if found == rounded(wanted) => format!("the unit is bytes: {wanted} is less than a page"),
        found if found == rounded(wanted * 1000 * 1000) => {
            format!("{wanted} x 1000 x 1000 bytes are megabytes; a mebibyte has 1024 x 1024 bytes")
        }
        found if found == rounded(wanted * 1024) => format!("that is {wanted} KiB: a thousandth of it"),
        found if found == rounded(wanted << 30) => format!("that is {wanted} GiB: a thousand times as much"),
        Some(_) => format!("{wanted} MiB are {} bytes", wanted * MIB),
    };
    let seen = match found {
        None => "no limit".into(),
        Some(bytes) if bytes > 0 && bytes % MIB == 0 => format!("{} MiB", bytes / MIB),
        Some(bytes) => format!("{bytes} bytes"),
    };
    let file = file.display().to_string();
    let way = if handed_on {
        format!("echo {wanted}M > {file}")
    } else {
        format!("echo +memory > {}/cgroup.subtree_control, then set the limit", parent.dir.display())
    };
    exam.claim(format!("its limit is {wanted} MiB"), found == Some(wanted * MIB), seen, &file)
        .mistake(mistake)
        .hints([
            "a limit is a number in a file of the group's directory".into(),
            format!(
                "the file is {} in {}; it takes bytes, or a number with K, M or G",
                MEMORY_MAX.named(place.version),
                place.dir.display()
            ),
            way,
        ]);
}

fn check_process(exam: &mut Exam, place: &Place, elsewhere: Option<&Place>) {
    let members = |place: &Place| {
        let procs = control(&Group::found(place, Controller::Memory), MEMORY_PROCS);
        procs.map_or_else(|_| vec![], |procs| procs.numbers())
    };
    let pids = members(place);
    let named = |pid: &u64| comm(pid).map_or_else(|_| pid.to_string(), |comm| format!("{pid} ({comm})"));
    let seen = pids.iter().map(named).collect::<Vec<_>>().join(" ");
    let mistake = match elsewhere {
        Some(other) if !members(other).is_empty() => {
            format!("the process is in {}, and its memory is counted in another tree", other.dir.display())
        }
        _ if limit(place, MEMORY_PEAK).is_some_and(|peak| peak > 0) => {
            "a process was in it and has ended: start one that stays".into()
        }
        _ => "no process is in it".into(),
    };
    let file = place.dir.join(MEMORY_PROCS.file(place.version)).display().to_string();
    let seen = if seen.is_empty() { "nobody".into() } else { seen };
    exam.claim("a process is in it", !pids.is_empty(), seen, &file).mistake(mistake).hints([
        "a process is moved by writing its number into a file of the group".into(),
        format!("the file is {file}; start a process that stays, such as `sleep 1000 &`"),
        format!("sleep 1000 & echo $! > {file}"),
    ]);
}

/// The number of bytes in a control, unless it is not there or says that there is no limit.
fn limit(place: &Place, which: Control) -> Option<u64> {
    const UNLIMITED: u64 = 1 << 60; // version 1 shows the largest number of pages instead of "max"
    let reading = control(&Group::found(place, Controller::Memory), which).ok()?;
    reading.text.parse().ok().filter(|bytes| *bytes < UNLIMITED)
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let group = Group::plan(&hierarchies()?, record.value("name"), &[Controller::Memory])?;
    if !group.path(MEMORY_PROCS)?.exists() {
        group.create()?;
    }
    group.limit_memory(record.number("limit") * MIB)?;
    lasting(ledger, || Ok(group.join()?))?;
    Ok(None)
}
