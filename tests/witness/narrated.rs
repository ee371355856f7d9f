//! What a lesson says that it did: the events of its stream that are calls, by the process that made them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::notation::{Action, argument, number, set, split};
use crate::common::text;

/// Calls that are narrated although they change nothing: they only ask, or wait.
const QUESTIONS: [&str; 5] = ["getpid", "getppid", "wait4", "pidfd_open", "capget"];

/// The calls of each process, in their order.
pub(crate) fn actions(events: &[Value]) -> BTreeMap<i32, Vec<Action>> {
    let mut all: BTreeMap<i32, Vec<Action>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event"] == "call") {
        let list = all.entry(event["pid"].as_i64().unwrap_or_default() as i32).or_default();
        list.extend(action(event));
    }
    all
}

/// The process of the first lane, from which all others of the lesson descend.
pub(crate) fn performer(events: &[Value]) -> i32 {
    let first = events.iter().find(|event| event["lane"] == "host" && event["pid"] != 0);
    first.and_then(|event| event["pid"].as_i64()).unwrap_or_default() as i32
}

fn action(event: &Value) -> Option<Action> {
    let (name, args) = (text(&event["name"]), text(&event["args"]));
    let result = match event["errno"].as_str() {
        Some(errno) => errno.to_string(),
        None => number(&text(&event["result"])),
    };
    if QUESTIONS.contains(&name.as_str()) || args.starts_with("PR_CAPBSET_READ") {
        return None;
    }
    let args = split(&args);
    let plain: Vec<String> = args.iter().map(|arg| argument(arg)).collect();
    let failed = event["errno"].is_string();
    let args = match name.as_str() {
        "clone3" => vec![set(args[0].trim_start_matches("flags="))],
        // `effective=permitted={A|B}, inheritable=0`
        "capset" => vec![set(args[0].trim_start_matches("effective=permitted={").trim_end_matches('}'))],
        "open" if failed => plain[..1].to_vec(),
        _ => plain,
    };
    Some(Action { call: name, args, result })
}
