//! What a container costs, and what a virtual machine does.

use std::time::Duration;

use super::BOOT_ID;
use super::instance::Instance;
use crate::probe::memory::{available, proportional};
use crate::probe::{Reading, file};
use crate::stage::{Result, Stage};

/// Something for a processor to do.
const WORK: &str = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";

/// What was measured of one of them.
pub(super) struct Cost {
    start: Duration,
    work: Duration,
    /// In KiB.
    pub(super) memory: Reading,
    /// In bytes.
    pub(super) disk: Reading,
    kernel: Reading,
}

impl Cost {
    /// Of this one, which has `disk` for itself.
    pub(super) fn of(instance: &mut Instance, disk: Reading) -> Result<Self> {
        let shares = instance.read(BOOT_ID)?.text == file(BOOT_ID)?.text;
        let kernel = if shares { "shared kernel" } else { "own kernel" };
        Ok(Self {
            start: instance.start,
            work: instance.time(WORK)?,
            memory: in_kib(proportional(instance.pid())?),
            disk: disk.varying(),
            kernel: Reading::new("isolation", BOOT_ID, kernel),
        })
    }
}

/// The rows of the textbooks, with what was measured, and what they say.
pub(super) fn five_rows(stage: &Stage, left: &Cost, right: &Cost) -> Result<()> {
    let free = number(&available()?);
    let both = [left, right];
    let rows: [(&str, [String; 2], &str); 4] = [
        ("start-up", both.map(|cost| in_ms(cost.start)), "seconds, minutes"),
        ("disk", both.map(|cost| in_mib(number(&cost.disk))), "MB, GB"),
        ("speed", both.map(|cost| in_ms(cost.work)), "near native, weaker"),
        ("how many", both.map(|cost| (free / number(&cost.memory).max(1)).to_string()), "thousands, dozens"),
    ];
    let mut table = stage.side_by_side("five rows", "container", "virtual machine");
    for (name, values, said) in rows {
        let [left, right] =
            values.map(|value| Reading::new(name, "measured in this lesson", value).varying());
        table = table.compare(&left, &right, said);
    }
    table.compare(&left.kernel, &right.kernel, "processes, complete").show();
    Ok(())
}

/// The first number of a reading.
pub(super) fn number(reading: &Reading) -> u64 {
    reading.numbers().first().copied().unwrap_or(0)
}

/// A reading such as `MemTotal: 246316 kB` without its words.
pub(super) fn in_kib(reading: Reading) -> Reading {
    Reading { text: number(&reading).to_string(), ..reading }
}

/// An amount of bytes.
pub(super) fn in_mib(bytes: u64) -> String {
    const KIBIBYTE: f64 = 1024.0;
    match bytes as f64 / KIBIBYTE {
        kib if kib < KIBIBYTE => format!("{kib:.0} KiB"),
        kib => format!("{:.1} MiB", kib / KIBIBYTE),
    }
}

/// A time.
fn in_ms(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
