//! Find: what containers take on the disk, beside their image.

use crate::error::Result;
use crate::kernel::fs;
use crate::kernel::mount::{Flags, mount};
use crate::lab::{Exam, Kind, Lab, Record, Setting};
use crate::machine::Need;
use crate::probe::files::length;
use crate::probe::layers::{disk_use, tree};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "what four containers take on the disk",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

const NAMES: [&str; 4] = ["one", "two", "three", "four"];
const KIB: u64 = 1 << 10;

/// Four containers: one has written a file, one has appended to a file of the image, one has made a file that is a
/// hole for the most part, and one has deleted something.
fn begin(setting: &mut Setting) -> Result<()> {
    let app = 4 * setting.draw("app pages", 20..=90);
    let written = 4 * setting.draw("pages", 11..=80);
    let hole = 4 * setting.draw("hole pages", 100..=200);
    setting.hold(move |_| {
        ["image", "image/bin", "image/etc"].iter().try_for_each(fs::mkdir)?;
        fs::create_filled("image/bin/app", (app * KIB) as usize)?;
        fs::create("image/etc/motd", "welcome\n")?;
        for name in NAMES {
            ["", "/upper", "/work", "/root"].iter().try_for_each(|dir| fs::mkdir(format!("{name}{dir}")))?;
            let layers = format!(
                "lowerdir=/tmp/image,upperdir=/tmp/{name}/upper,workdir=/tmp/{name}/work,metacopy=off"
            );
            mount("overlay", format!("/tmp/{name}/root"), "overlay", Flags::empty(), &layers)?;
        }
        fs::create_filled("one/root/data", (written * KIB) as usize)?;
        fs::append("two/root/bin/app", "+")?;
        fs::create_sparse("three/root/disk", hole * KIB)?;
        Ok(fs::unlink("four/root/etc/motd")?)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "Four containers have been started from the image /tmp/image, and have changed one thing or another. This
brings you to the mount namespace where they are:

  {enter}

Each has a directory in /tmp: one, two, three, four. Its upper directory is upper in there, and what it sees
is root. How many KiB do the four containers take on the disk together, beside the image?
Answer with: glassbox lab check one-image NUMBER",
        enter = record.value("enter"),
    )
}

/// What was counted, in KiB: the sum over the four containers.
fn sum(tmp: &str, count: impl Fn(&str) -> Result<u64>) -> Result<u64> {
    let counts = NAMES.iter().map(|name| count(&format!("{tmp}/{name}")));
    Ok(counts.sum::<Result<u64>>()? / KIB)
}

fn on_disk(tmp: &str) -> Result<u64> {
    sum(tmp, |dir| Ok(disk_use(format!("{dir}/upper"))?))
}

/// The lengths of all files in the upper directories.
fn lengths(tmp: &str) -> Result<u64> {
    let of_file = |path: String| Ok(length(path)?.innermost().unwrap_or(0));
    sum(tmp, |dir| {
        let upper = format!("{dir}/upper");
        tree(&upper)?.into_iter().map(|file| of_file(format!("{upper}/{file}"))).sum()
    })
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let tmp = format!("/proc/{}/root/tmp", record.holder_pid());
    let wanted = on_disk(&tmp)?;
    let image = disk_use(format!("{tmp}/image"))? / KIB;
    let copied = disk_use(format!("{tmp}/two/upper"))? / KIB;
    let seen_in_roots = sum(&tmp, |dir| Ok(disk_use(format!("{dir}/root"))?))?;
    let answer = exam.answer.clone();
    let given =
        answer.as_deref().and_then(|text| text.trim().trim_end_matches("KiB").trim().parse::<u64>().ok());
    let lengths = lengths(&tmp)?;
    // Lengths are of bytes, and space is of pages: a file more or less makes that difference.
    let near = |sum: u64| given.is_some_and(|given| given.abs_diff(sum) <= 4);
    let mistake = match given {
        None => "an answer is a number of KiB: glassbox lab check one-image NUMBER",
        Some(given) if given == seen_in_roots => {
            "what a container sees in its root is for the most part the image's"
        }
        Some(given) if given == wanted + image => "the image is counted as well",
        Some(given) if given == wanted * KIB => "that is in bytes",
        _ if near(lengths) => "a hole has a length, and takes no space: three has a file that is one",
        _ if near(wanted - copied) => {
            "one byte was appended in two, and that file is in its upper directory as a whole"
        }
        _ => "what a container takes is what is in its upper directory",
    };
    let seen = answer.as_ref().map_or("no answer".into(), |answer| format!("your answer {answer}"));
    exam.claim("what the containers take", given == Some(wanted), seen, format!("{tmp}/*/upper st_blocks"))
        .mistake(mistake)
        .hints([
            "a container takes what is in its upper directory, and nothing else",
            "count what files take, which is not how long they are: du does, and ls does not",
            "inside: du -skc /tmp/*/upper; the last line is the sum, in KiB",
        ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    Ok(Some(on_disk(&format!("/proc/{}/root/tmp", record.holder_pid()))?.to_string()))
}
