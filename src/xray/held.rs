//! A set of capabilities, by name, and compared with those that are well known.

use serde::Serialize;

use super::Fact;
use crate::kernel::capability::{self, DOCKER_DEFAULT, Set};
use crate::probe;

/// A set of capabilities.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Held {
    pub(super) names: Vec<String>,
    /// Those that glassbox has no name for, by number.
    pub(super) unknown: Vec<u32>,
    /// Compared with all that this kernel has, and with docker's default.
    pub(super) summary: String,
    #[serde(skip)]
    pub(super) set: Set,
}

impl Held {
    /// `/proc/PID/status` has each set as a hexadecimal number.
    pub(super) fn read(pid: i32, field: &str, all: u64) -> Fact<Self> {
        let bits = probe::process::status(pid, field);
        Fact::from(bits.and_then(|reading| match u64::from_str_radix(&reading.text, 16) {
            Ok(bits) => Ok(Self::of(bits, all)),
            Err(error) => {
                Err(probe::Unreadable { path: reading.source, why: error.to_string(), errno: None })
            }
        }))
    }

    fn of(bits: u64, all: u64) -> Self {
        let set = Set::from_bits_retain(bits);
        let (names, unknown) = (capability::names(set), capability::unnamed(set));
        Self { names, unknown, summary: summary(bits, all), set }
    }

    /// Every name, and the numbers of those that have none.
    pub(super) fn listed(&self) -> Vec<String> {
        listed(self.set)
    }

    /// What there is beyond docker's default.
    pub(super) fn beyond(&self) -> Vec<String> {
        listed(self.set.difference(DOCKER_DEFAULT))
    }
}

fn listed(set: Set) -> Vec<String> {
    let numbers = capability::unnamed(set).into_iter().map(|number| format!("number {number}"));
    capability::names(set).into_iter().chain(numbers).collect()
}

/// All that this kernel has.
pub(super) fn all() -> u64 {
    let last =
        probe::file("/proc/sys/kernel/cap_last_cap").ok().and_then(|reading| reading.text.parse().ok());
    last.map_or(u64::MAX, |last: u32| u64::MAX >> (u64::BITS - 1 - last.min(u64::BITS - 1)))
}

fn summary(bits: u64, all: u64) -> String {
    let docker = DOCKER_DEFAULT.bits() & all;
    let few = |bits: u64| bits.count_ones() <= 5;
    match bits {
        0 => "none".into(),
        _ if bits == all => format!("all {}", all.count_ones()),
        _ if bits == docker => format!("docker's default, {}", docker.count_ones()),
        _ if all & !bits != 0 && few(all & !bits) && bits & !all == 0 => {
            format!("all but {}", listed(Set::from_bits_retain(all & !bits)).join(" "))
        }
        _ if bits & !docker == 0 => format!("{} of docker's {}", bits.count_ones(), docker.count_ones()),
        _ if docker & !bits == 0 => format!("docker's default, and {} more", (bits & !docker).count_ones()),
        _ => format!(
            "{} of docker's {}, and {} more",
            (bits & docker).count_ones(),
            docker.count_ones(),
            (bits & !docker).count_ones()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = (1 << 41) - 1;

    #[test]
    fn what_has_no_name_yet_has_its_number() {
        let held = Held::of(1 << 21 | 1 << 63 | 1 << 45, ALL);
        assert_eq!((held.names, held.unknown), (vec!["CAP_SYS_ADMIN".to_string()], vec![45, 63]));
    }

    #[test]
    fn a_set_is_compared_with_those_that_are_well_known() {
        let docker = DOCKER_DEFAULT.bits();
        let cases = [
            (0, "none"),
            (ALL, "all 41"),
            (ALL & !(1 << 16), "all but CAP_SYS_MODULE"),
            (docker, "docker's default, 14"),
            (docker & !1, "13 of docker's 14"),
            (docker | 1 << 21, "docker's default, and 1 more"),
            (1 | 1 << 21 | 1 << 50, "1 of docker's 14, and 2 more"),
        ];
        for (bits, summary) in cases {
            assert_eq!(Held::of(bits, ALL).summary, summary, "{bits:x}");
        }
    }
}
