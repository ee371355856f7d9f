//! What a lesson says that it did: the events of its stream that are calls, by the process that made them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::netlink;
use super::notation::{Action, argument, brief, messages, number, set, split};
use crate::common::text;

/// Calls that are narrated although they change nothing: they only ask, or wait.
const QUESTIONS: [&str; 11] = [
    "access",
    "getpid",
    "getppid",
    "getuid",
    "wait4",
    "pidfd_open",
    "capget",
    "mmap",
    "recvfrom",
    "recvmmsg",
    "setsockopt",
];

/// Calls that are narrated and are talk over sockets and pipes, unless it is TCP or UDP; a write is, by what it
/// writes to.
const TALK: [&str; 5] = ["pipe2", "bind", "connect", "accept", "read"];
const TALKED_TO: [&str; 2] = ["pipe", "socket"];

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
    // Without flags that say so, nothing is opened for writing.
    let only_read = name == "openat2" && !["WRONLY", "RDWR", "CREATE"].iter().any(|flag| args.contains(flag));
    let asks =
        args.starts_with("PR_CAPBSET_READ") || (name == "open" && args.ends_with("O_RDONLY")) || only_read;
    // Versions of strace write the number of the last descriptor in different ways, and that a process ends with its
    // maker is armed in each of them.
    let is_armed = args.starts_with("PR_SET_PDEATHSIG") || name == "close_range";
    if asks || is_armed || QUESTIONS.contains(&name.as_str()) {
        return None;
    }
    let to_network = args.contains("AF_INET");
    let args = split(&args);
    let talked_to = args.first().is_some_and(|first| TALKED_TO.contains(&first.as_str()));
    if (TALK.contains(&name.as_str()) && !to_network) || (name == "write" && talked_to) {
        return None;
    }
    let plain: Vec<String> = args.iter().map(|arg| argument(arg)).collect();
    let failed = event["errno"].is_string();
    let to_filter = messages(args.get(1).map_or("", String::as_str));
    if !to_filter.is_empty() && failed {
        return None; // a kernel without a packet filter has no socket for it either
    }
    let request = args.get(1).and_then(|request| netlink::narrated(request));
    let args = match name.as_str() {
        // How many there are, of several, stands behind them.
        "sendto" if request.is_some() => [request.unwrap_or_default(), args[2..].to_vec()].concat(),
        "sendto" if !to_filter.is_empty() => to_filter,
        "socket" => plain[..2].to_vec(),
        "clone3" => vec![set(args[0].trim_start_matches("flags="))],
        // `3, [{AF_INET, 10.9.0.3:7000}, …], 99`
        "sendmmsg" => {
            let first = args[1].trim_start_matches('[').split(", …").next().unwrap_or_default();
            vec![args[0].clone(), argument(first), args[2].clone()]
        }
        // `effective=permitted={A|B}, inheritable=0`
        "capset" => vec![set(args[0].trim_start_matches("effective=permitted={").trim_end_matches('}'))],
        call if brief(call, &args).is_some() => brief(call, &args).unwrap_or_default(),
        "open" if failed => plain[..1].to_vec(),
        // How much it is stands behind it when only the beginning is told.
        "write" => plain[..2].to_vec(),
        _ => plain,
    };
    Some(Action { call: name, args, result })
}
