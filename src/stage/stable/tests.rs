//! What varies gets a name, and nothing else does.

use super::*;
use crate::event::SCHEMA_VERSION;

/// Keeps what it is shown.
#[derive(Default)]
struct Kept(Vec<Event>);

impl Presenter for Kept {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        self.0.push(event.clone());
        Ok(())
    }
}

fn stable(events: &[(&str, i32, Body)]) -> Vec<Body> {
    let mut stable = Stable::new(Kept::default());
    for (lane, pid, body) in events {
        let event =
            Event { v: SCHEMA_VERSION, lane: (*lane).into(), pid: *pid, aside: false, body: body.clone() };
        stable.show(&event).unwrap_or_else(|error| panic!("{error}"));
    }
    stable.next.0.into_iter().map(|event| event.body).collect()
}

fn say(text: &str) -> Body {
    Body::Say { text: text.into() }
}

#[test]
fn a_pid_becomes_the_name_of_its_lane_where_it_stands_alone() {
    let shown = stable(&[
        ("container", 4242, say("NSpid 4242 1")),
        ("host", 77, say("/proc/4242/ns/pid, 14242, 4242.5, x4242, [4242], 77 KiB")),
    ]);
    assert_eq!(shown[0], say("NSpid <container> 1"));
    assert_eq!(shown[1], say("/proc/<container>/ns/pid, 14242, 4242.5, x4242, [4242], <host> KiB"));
}

#[test]
fn a_number_that_clone3_returns_is_known_where_it_is_the_hosts() {
    let call = |name: &str, args: &str, result: &str| {
        let (name, args, result) = (name.into(), args.into(), result.into());
        Body::Call(Call { name, args, result, errno: None, micros: 0, backstage: false, varies: false })
    };
    let lane = |name: &str| Body::Lane { name: name.into() };
    let shown = stable(&[
        ("host", 1, lane("maker")),
        ("host", 1, call("clone3", "flags=0", "40")),
        ("maker", 40, lane("first")),
        ("maker", 40, call("clone3", "flags=CLONE_NEWPID", "41")),
        ("first", 41, lane("second")),
        ("first", 41, call("clone3", "flags=0", "2")),
        ("host", 1, say("40 41 2")),
        ("maker", 40, call("unshare", "CLONE_NEWPID", "0")),
        ("maker", 40, lane("third")),
        ("maker", 40, call("clone3", "flags=0", "43")),
        ("third", 43, lane("fourth")),
        ("third", 43, call("clone3", "flags=0", "3")),
        ("host", 1, say("43 3")),
    ]);
    assert_eq!(shown[6], say("<maker> <first> 2"));
    assert_eq!(shown[12], say("<third> 3"));
}

#[test]
fn namespaces_are_numbered_by_kind_and_anew_in_each_step() {
    let step = Body::Step { number: 2, title: "next".into() };
    let shown = stable(&[
        ("host", 1, say("pid:[4026531836] pid:[4026532178] mnt:[4026532177]")),
        ("host", 1, step),
        ("host", 1, say("pid:[4026532178]")),
    ]);
    assert_eq!(shown[0], say("pid:[1] pid:[2] mnt:[1]"));
    assert_eq!(shown[2], say("pid:[1]"));
}

#[test]
fn the_number_of_a_child_is_known_before_the_child_speaks() {
    let lane = |name: &str| Body::Lane { name: name.into() };
    let clone3 = |flags: &str, result: &str| {
        Body::Call(Call {
            name: "clone3".into(),
            args: flags.into(),
            result: result.into(),
            errno: None,
            micros: 0,
            backstage: false,
            varies: false,
        })
    };
    let shown = stable(&[
        ("host", 1, lane("plain")),
        ("host", 1, clone3("flags=0", "50")),
        ("plain", 50, lane("child")),
        ("plain", 50, clone3("flags=0", "51")),
        ("host", 1, lane("apart")),
        ("host", 1, clone3("flags=CLONE_NEWPID", "60")),
        ("apart", 60, lane("second")),
        ("apart", 60, clone3("flags=0", "2")),
        ("host", 1, say("50 51 60 2")),
    ]);
    assert_eq!(shown.last(), Some(&say("<plain> <child> <apart> 2")));
}

#[test]
fn a_cgroup_keeps_its_tree_and_its_own_name() {
    let v1 = run_names("/sys/fs/cgroup/memory/user.slice/x/glassbox-k3f9-hog/memory.limit_in_bytes");
    assert_eq!(v1, "/sys/fs/cgroup/memory/glassbox-RUN-hog/memory.limit_in_bytes");
    let v2 = run_names("/sys/fs/cgroup/system.slice/glassbox-k3f9-hog/memory.max");
    assert_eq!(v2, "/sys/fs/cgroup/glassbox-RUN-hog/memory.max");
    let place = run_names("/user.slice/x/glassbox-k3f9-hog/leaf");
    assert_eq!(place, "/…/glassbox-RUN-hog/leaf");
}

#[test]
fn devices_are_counted_in_their_order() {
    let shown = stable(&[
        (
            "host",
            99,
            say("/dev/loop7, \"7:9 wbps=1\", loop device, /sys/block/loop7/loop/backing_file, loop3"),
        ),
        ("host", 99, say("7:0 17:0 7:9, 0:45 and 0:0, 10:0:7, loop-control, loop12x")),
    ]);
    let first = "/dev/loop1, \"7:1 wbps=1\", loop device, /sys/block/loop1/loop/backing_file, loop2";
    assert_eq!(shown[0], say(first));
    assert_eq!(shown[1], say("7:2 17:0 7:1, 0:1 and 0:0, 10:0:7, loop-control, loop12x"));
}
