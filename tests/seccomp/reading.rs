//! A profile as one reads it: from the JSON, rule by rule, without a program.

use std::collections::{BTreeSet, HashMap};

use glassbox::kernel::arch::Architecture;
use glassbox::kernel::capability::{Set, names};
use serde_json::Value;

/// A profile, for one architecture and set of capabilities.
pub(crate) struct Reading {
    profile: Value,
    names: HashMap<u32, &'static str>,
    newest: u32,
    /// The rules that count, for each call.
    rules: HashMap<String, Vec<Value>>,
}

impl Reading {
    pub(crate) fn new(text: &str, arch: &Architecture, capabilities: Set, kernel: (u32, u32)) -> Self {
        let profile: Value = serde_json::from_str(text).unwrap();
        let names: HashMap<u32, &str> = (arch.calls)().into_iter().collect();
        let newest = *names.keys().max().unwrap();
        let mut rules: HashMap<String, Vec<Value>> = HashMap::new();
        for rule in profile["syscalls"].as_array().unwrap() {
            let caps = self::names(capabilities);
            if counts(rule, arch.name_in_images(), &caps, kernel) {
                for name in strings(&rule["names"]) {
                    rules.entry(name).or_default().push(rule.clone());
                }
            }
        }
        Self { profile, names, newest, rules }
    }

    pub(crate) fn name(&self, number: u32) -> &'static str {
        self.names.get(&number).copied().unwrap_or("a call without a name")
    }

    fn rules(&self, number: u32) -> &[Value] {
        self.rules.get(self.name(number)).map_or(&[], Vec::as_slice)
    }

    /// What the profile says to a call.
    pub(crate) fn answer(&self, number: u32, args: &[u64; 6]) -> u32 {
        let rules = self.rules(number);
        let always = rules.iter().find(|rule| conditions(rule).is_empty());
        let first =
            || rules.iter().find(|rule| conditions(rule).iter().all(|condition| holds(condition, args)));
        if let Some(rule) = always.or_else(first) {
            return action(&rule["action"], &rule["errnoRet"]);
        }
        const ENOSYS: u32 = 0x0005_0000 | 38;
        match action(&self.profile["defaultAction"], &self.profile["defaultErrnoRet"]) {
            errno if errno >> 16 == 5 && number > self.newest => ENOSYS,
            other => other,
        }
    }

    /// Arguments that make a difference to a call: around each value that a rule about it names.
    pub(crate) fn arguments(&self, number: u32) -> Vec<[u64; 6]> {
        let mut all: Vec<[u64; 6]> = vec![[0; 6]];
        for condition in self.rules(number).iter().flat_map(|rule| conditions(rule)) {
            let index = condition["index"].as_u64().unwrap() as usize;
            let (value, two) =
                (condition["value"].as_u64().unwrap(), condition["valueTwo"].as_u64().unwrap_or(0));
            let around = |value: u64| {
                let swapped = value.rotate_left(32);
                [
                    value,
                    value.wrapping_sub(1),
                    value.wrapping_add(1),
                    value ^ (1 << 32),
                    value ^ (1 << 63),
                    swapped,
                ]
            };
            let values: BTreeSet<u64> =
                around(value).into_iter().chain(around(two)).chain([0, !value]).collect();
            let known: BTreeSet<[u64; 6]> = all.iter().copied().collect();
            for base in known {
                all.extend(values.iter().map(|value| {
                    let mut args = base;
                    args[index] = *value;
                    args
                }));
            }
            all.sort_unstable();
            all.dedup();
            all.truncate(5000);
        }
        all
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_string()).collect()
}

fn conditions(rule: &Value) -> Vec<&Value> {
    rule["args"].as_array().into_iter().flatten().collect()
}

fn counts(rule: &Value, arch: &str, caps: &[String], kernel: (u32, u32)) -> bool {
    let (with, without) = (&rule["includes"], &rule["excludes"]);
    let arches = strings(&with["arches"]);
    let new_enough = with["minKernel"].as_str().is_none_or(|version| {
        let (major, minor) = version.split_once('.').unwrap();
        kernel >= (major.parse().unwrap(), minor.parse().unwrap())
    });
    (arches.is_empty() || arches.iter().any(|name| name == arch))
        && !strings(&without["arches"]).iter().any(|name| name == arch)
        && strings(&with["caps"]).iter().all(|name| caps.contains(name))
        && !strings(&without["caps"]).iter().any(|name| caps.contains(name))
        && new_enough
}

fn holds(condition: &Value, args: &[u64; 6]) -> bool {
    let seen = args[condition["index"].as_u64().unwrap() as usize];
    let (value, two) = (condition["value"].as_u64().unwrap(), condition["valueTwo"].as_u64().unwrap_or(0));
    match condition["op"].as_str().unwrap() {
        "SCMP_CMP_EQ" => seen == value,
        "SCMP_CMP_NE" => seen != value,
        "SCMP_CMP_LT" => seen < value,
        "SCMP_CMP_LE" => seen <= value,
        "SCMP_CMP_GT" => seen > value,
        "SCMP_CMP_GE" => seen >= value,
        "SCMP_CMP_MASKED_EQ" => seen & value == two,
        other => panic!("{other}"),
    }
}

/// The values of `linux/seccomp.h`.
fn action(name: &Value, errno: &Value) -> u32 {
    match name.as_str().unwrap() {
        "SCMP_ACT_ALLOW" => 0x7fff_0000,
        "SCMP_ACT_LOG" => 0x7ffc_0000,
        "SCMP_ACT_ERRNO" => 0x0005_0000 | errno.as_u64().unwrap_or(1) as u32,
        "SCMP_ACT_TRAP" => 0x0003_0000,
        "SCMP_ACT_KILL_PROCESS" => 0x8000_0000,
        other => panic!("{other}"),
    }
}
