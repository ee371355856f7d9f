//! The x-ray, held against what `/proc` and `lsns` say.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::common::{eventually, finish, has_tool, text};
use crate::xray::Xray;

/// All that can be said of any process without knowing how it was made.
pub(crate) fn with_the_kernel(xray: &Xray, pid: i32) {
    let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
    let status = file("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("status has no {name}")).trim().to_string()
    };
    let numbers =
        |text: &str| -> Vec<u64> { text.split_whitespace().map(|word| word.parse().unwrap()).collect() };

    for namespace in xray.0["namespaces"].as_array().unwrap() {
        let link = fs::read_link(format!("/proc/{pid}/ns/{}", text(&namespace["kind"]))).ok();
        assert_eq!(namespace["id"].as_str(), link.as_ref().and_then(|link| link.to_str()), "{namespace}");
    }
    assert_eq!(xray.0["process"]["pids"], serde_json::json!(numbers(&field("NSpid"))));
    for (name, is) in [("uids", "Uid"), ("gids", "Gid"), ("groups", "Groups")] {
        assert_eq!(xray.0["users"][name], serde_json::json!(numbers(&field(is))), "{name}");
    }
    for map in ["uid_map", "gid_map"] {
        let ranges = xray.0["users"][map].as_array().unwrap().iter();
        let ranges: Vec<_> = ranges
            .flat_map(|range| ["inside", "outside", "count"].map(|key| range[key].as_u64().unwrap()))
            .collect();
        // From inside of the tests' own user namespace, as glassbox reads it.
        assert_eq!(ranges, numbers(&file(map)), "{map}");
    }
    let sets = [
        ("effective", "CapEff"),
        ("permitted", "CapPrm"),
        ("bounding", "CapBnd"),
        ("inheritable", "CapInh"),
        ("ambient", "CapAmb"),
    ];
    for (set, is) in sets {
        let bits = u64::from_str_radix(&field(is), 16).unwrap();
        let held = &xray.0["capabilities"][set];
        let count = held["names"].as_array().unwrap().len() + held["unknown"].as_array().unwrap().len();
        assert_eq!(count, bits.count_ones() as usize, "{set}: {held}, {bits:x}");
        assert_eq!(
            xray.capabilities(set).contains(&"CAP_SYS_ADMIN".into()),
            bits >> 21 & 1 == 1,
            "{set}: {held}"
        );
    }
    let confinement = &xray.0["confinement"];
    let mode = ["none", "strict", "filter"][numbers(&field("Seccomp"))[0] as usize];
    assert_eq!(confinement["seccomp"], mode);
    assert_eq!(confinement["no_new_privs"], field("NoNewPrivs") == "1");
    assert_eq!(xray.0["files"]["mounts"]["count"], file("mountinfo").lines().count());
    let groups = xray.0["cgroups"]["groups"].as_array().unwrap().iter();
    let groups: BTreeSet<String> =
        groups.map(|group| format!("{}:{}", text(&group["tree"]), text(&group["path"]))).collect();
    let own = file("cgroup");
    let own: BTreeSet<String> = own.lines().map(|line| line.split_once(':').unwrap().1.to_string()).collect();
    assert_eq!(groups, own);
}

/// Who else is in the namespaces that only a container's own processes are in.
pub(crate) fn with_lsns(xray: &Xray, pid: i32) {
    if !has_tool("lsns", "members of namespaces") {
        return;
    }
    let pid = pid.to_string();
    let look = || finish(Command::new("lsns").args(["-n", "-r", "-o", "NS,TYPE,NPROCS", "-p", &pid]));
    let mut lsns = look();
    // It gives up when some process ends while it looks.
    eventually("lsns looks through", || {
        if lsns.code != Some(0) {
            lsns = look();
        }
        lsns.code == Some(0)
    });
    let mut compared = 0;
    for line in lsns.out.lines() {
        let [number, kind, processes] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{lsns}")
        };
        let namespace = xray.namespace(kind);
        assert_eq!(text(&namespace["id"]), format!("{kind}:[{number}]"));
        // In shared ones processes come and go, and lsns counts the kernel's threads.
        if namespace["shared"] == false {
            let others = namespace["members"]["count"].as_u64().unwrap();
            assert_eq!(others + 1, processes.parse::<u64>().unwrap(), "{namespace}, {line}");
            compared += 1;
        }
    }
    assert!(compared > 0, "no namespace of its own: {lsns}");
}
