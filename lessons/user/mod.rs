//! User namespaces: root inside, nobody in particular outside.

mod lab;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::event::man;
use crate::kernel::clock::clock_settime;
use crate::kernel::fs::write;
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::process::Clone3;
use crate::kernel::user::{getuid, leave_groups, setresgid, setresuid};
use crate::kernel::uts::sethostname;
use crate::kernel::{Errno, Refused};
use crate::machine::{Mode, Need};
use crate::probe::around::has_number;
use crate::probe::file;
use crate::probe::process::{id_map, namespace, owner, status};
use crate::stage::{Lesson, Result, Shown, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "user",
    title: "User namespace",
    minutes: 8,
    builds_on: &["uts"],
    steps: 3,
    needs: &[Need::Namespace(Kind::User), Need::Namespace(Kind::Uts)],
    run,
    lab: lab::LAB,
};

/// What root inside is going to be outside: a number that no account has.
const NUMBER: u32 = 60_000;

fn run(stage: &mut Stage) -> Result<()> {
    nobody_then_root(stage)?;
    who_may_write_a_map(stage)?;
    where_power_ends(stage)
}

// ANCHOR: nobody_then_root
fn nobody_then_root(stage: &mut Stage) -> Result<()> {
    stage.step("nobody, then root");
    stage.say(
        "Every process goes by a user number, its uid, and number 0 is root. A user namespace has numbers of its
         own. Which number inside is which outside is written in its map, and a new one has no map yet.",
    );
    let guess = stage.predict(
        "A process in a new user namespace calls getuid(), before anybody has written the map. It hears",
        &["0, root", "65534, nobody", "the number that it has outside"],
    );

    let mut container = stage.child("container", Clone3::new().newuser(), |inside| {
        let uid = getuid()?;
        let nobody = file("/proc/sys/kernel/overflowuid")?;
        inside.check("without a map it is nobody").expect(&nobody).saw((uid, "getuid()"))?;
        let observed = match uid {
            0 => "0, root",
            _ if uid.to_string() == nobody.text => "65534, nobody",
            _ => "the number that it has outside",
        };
        inside.reveal(
            guess,
            observed,
            "A number that no map translates is shown as the one in /proc/sys/kernel/overflowuid. It is no
             account's: it stands for \"somebody who has no number in here\".",
        )?;
        inside.hold()?;
        // Its number outside was not in the map, if the host's root made it. Now there is one for it.
        setresgid(0)?;
        setresuid(0)?;
        inside.check("inside, it is root").expect(0).saw((getuid()?, "getuid()"))?;
        inside.hold()
    })?;

    let pid = container.pid();
    stage.check("nobody has every capability that there is").expect(all()?).saw(&status(pid, "CapEff")?)?;
    stage.say(
        "Number and power are two things: who enters a new user namespace gets every capability, for this
         namespace. Now the host writes the map: a number inside, one outside, and how many.",
    );
    let number = outside();
    let before = (id_map(pid, "uid_map")?, id_map(pid, "gid_map")?);
    let line = format!("0 {number} 1");
    write(format!("/proc/{pid}/uid_map"), &line)?;
    write(format!("/proc/{pid}/gid_map"), &line)?;
    container.go_on();

    let uids = status(pid, "Uid")?;
    stage
        .state("kernel state")
        .compare(&before.0, &id_map(pid, "uid_map")?, "root inside")
        .compare(&before.1, &id_map(pid, "gid_map")?, "its group")
        .new(&uids, "as the host sees it")
        .show();
    stage.check(format!("outside, it is number {number}")).expect([number; 4]).saw(&uids)?;
    if let Mode::UserNamespace { uid, .. } = stage.scene().mode {
        let own = id_map("self", "uid_map")?.varying();
        stage.say(
            "And who is number 0 on this stage? You are no root, so glassbox has made a user namespace for you
             before this lesson began. Its map says that its root is you.",
        );
        stage.check("root of this stage is you outside").expect(format!("0 {uid} 1")).saw(&own)?;
    }
    stage.why(
        "A uid is a number in a process and in the inode of a file. The kernel keeps the number outside, and
         translates when somebody asks: `Uid` is real, effective, saved and that for files. With one map for
         each container, root in one is nobody in the other.",
        &[man("user_namespaces", 7), man("credentials", 7)],
    );
    stage.try_it(format!("grep Uid /proc/{pid}/status"), "its numbers, as your terminal sees them");
    stage.try_it(format!("cat /proc/{pid}/uid_map"), "the map");
    stage.pause("root of the namespace waits, an ordinary process outside")?;
    container.finish()
}
// ANCHOR_END: nobody_then_root

// ANCHOR: who_may_write_a_map
fn who_may_write_a_map(stage: &mut Stage) -> Result<()> {
    stage.step("who may write a map");
    stage.say(
        "In the first step the host wrote the map. An ordinary user can do it without anybody's help, from
         inside. Then the kernel must be careful: a map must give nobody what he does not have.",
    );
    let guess = stage.predict(
        "It puts its own group into gid_map, and nobody else's. What does the kernel answer?",
        &["it is written", "EPERM", "EINVAL"],
    );
    // Who gave setgroups up, gave it up for every namespace inside of his own: an ordinary user's stage did.
    let given_up = file("/proc/self/setgroups")?.text == "deny";
    let (claim, expected, here) = if given_up {
        let here =
            "This stage's user namespace did that when it was made for you, and that is inherited: so it
                    is written. Outside of any lesson you would have got EPERM.";
        ("its own group is written", None, here)
    } else {
        ("so is its own group, for now", Some(Errno::EPERM), "Until then it is EPERM.")
    };

    let container = stage.child("container", Clone3::new().newuser(), |inside| {
        let refused = write("/proc/self/uid_map", "0 1 1").refused();
        inside
            .check("the number of somebody else is refused")
            .expect(Errno::EPERM)
            .saw((refused, "/proc/self/uid_map"))?;
        let refused = write("/proc/self/gid_map", "0 0 1").refused();
        inside.check(claim).expect(expected).saw((refused, "/proc/self/gid_map"))?;
        inside.reveal(
            guess,
            &refused.map_or("it is written".into(), |errno| errno.shown()),
            &format!(
                "With a mapped group root inside could call setgroups() and leave groups. But a file of mode 0604
                 is closed to its group and open to the rest: who leaves the group could read it. So setgroups
                 has to be given up first. {here}"
            ),
        )?;
        the_right_order(inside, refused.is_none())?;
        inside.hold()
    })?;

    let pid = container.pid();
    stage.check("the host reads the same map").expect("0 0 1").saw(&id_map(pid, "gid_map")?)?;
    stage.why(
        "A user with more numbers than his own, as /etc/subuid grants them, needs a helper: newuidmap is set-uid
         root, looks into that file, and writes the map from outside. Rootless Podman and Docker call it, and
         so get 65536 numbers for a container in place of one.",
        &[man("user_namespaces", 7), man("newuidmap", 1), man("setgroups", 2)],
    );
    let files = ["setgroups", "uid_map", "gid_map"].map(|name| format!("/proc/{pid}/{name}")).join(" ");
    stage.try_it(format!("cat {files}"), "what was written, read by you");
    stage.pause("the maps are written, and can never be changed")?;
    container.finish()
}

/// Give up `setgroups`, then map; and what does not work any more afterwards.
fn the_right_order(inside: &Stage, group_is_mapped: bool) -> Result<()> {
    inside.say("The right order: give up setgroups, then map the group, and the user.");
    let read = || -> Result<_> {
        Ok((file("/proc/self/setgroups")?, id_map("self", "gid_map")?, id_map("self", "uid_map")?))
    };
    let before = read()?;
    if !group_is_mapped {
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/gid_map", "0 0 1")?;
    }
    write("/proc/self/uid_map", "0 0 1")?;
    let after = read()?;
    inside
        .state("kernel state")
        .compare(&before.0, &after.0, "for good")
        .compare(&before.1, &after.1, "")
        .compare(&before.2, &after.2, "")
        .show();
    inside.check("setgroups is given up").expect("deny").saw(&after.0)?;
    inside.check("its group is mapped").expect("0 0 1").saw(&after.1)?;
    let refused = write("/proc/self/uid_map", "0 0 1").refused();
    inside.check("a map is written once").expect(Errno::EPERM).saw((refused, "/proc/self/uid_map"))?;
    let refused = leave_groups().refused();
    inside.check("root inside cannot leave its groups").expect(Errno::EPERM).saw((refused, "setgroups()"))
}
// ANCHOR_END: who_may_write_a_map

// ANCHOR: where_power_ends
fn where_power_ends(stage: &mut Stage) -> Result<()> {
    stage.step("where its power ends");
    stage.say(
        "Every namespace of another kind belongs to a user namespace: that of its maker. This child begins in a
         UTS namespace that we made. Then it makes a user namespace of its own, and has every capability in it.",
    );
    let guess = stage.predict(
        "Root inside, with every capability, sets the clock. What happens?",
        &["the machine's clock is set", "only the clock inside is set", "EPERM"],
    );

    let mut container = stage.child("container", Clone3::new().newuts(), |inside| {
        unshare(&[Kind::User])?;
        inside.check("it has every capability").expect(all()?).saw(&status("self", "CapEff")?)?;
        // If this were granted, the clock would be set to what it is.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let refused = clock_settime(now).refused();
        inside.check("the clock it may not set").expect(Errno::EPERM).saw((refused, "clock_settime()"))?;
        inside.reveal(
            guess,
            &refused.map_or("the machine's clock is set".into(), |errno| errno.shown()),
            "The clock is in no namespace, so no user namespace owns it but the first one of the machine. For
             this call the kernel asks for CAP_SYS_TIME there, and what the process has in here does not count.",
        )?;
        let refused = sethostname("glass").refused();
        inside
            .check("nor may it name the host: that name is ours")
            .expect(Errno::EPERM)
            .saw((refused, "sethostname()"))?;
        inside.hold()?;

        inside.say("Now it makes a UTS namespace itself, and tries the same call again.");
        unshare(&[Kind::Uts])?;
        sethostname("glass")?;
        let name = file("/proc/sys/kernel/hostname")?;
        inside.check("the name of what it owns it may change").expect("glass").saw(&name)?;
        inside.hold()
    })?;

    let pid = container.pid();
    let (ours, its) = (namespace("self", Kind::User)?, namespace(pid, Kind::User)?);
    let before = owner(pid, Kind::Uts)?;
    container.go_on();
    let after = owner(pid, Kind::Uts)?;
    stage
        .side_by_side("user namespaces", "host", "container")
        .compare(&ours, &its.clone().labelled("ns/user"), "its own")
        .show();
    stage.state("kernel state").compare(&before, &after, "made by itself, so its own").show();
    stage.check("the UTS namespace was the host's").expect(&ours).saw(&before)?;
    stage.check("the new one is the container's").expect(&its).saw(&after)?;
    stage.why(
        "A capability is never held as such, only in a user namespace, and it counts for what this namespace and
         those inside of it own. mount, network and IPC are asked for there. Clock, kernel modules, swap and
         reboot are asked for in the first namespace: to them root inside is an ordinary user.",
        &[man("capabilities", 7), man("ioctl_nsfs", 2), man("clock_settime", 2)],
    );
    stage.try_it(format!("readlink /proc/self/ns/user /proc/{pid}/ns/user"), "your user namespace, and its");
    stage.pause("root inside waits, with a host name of its own")?;
    container.finish()
}
// ANCHOR_END: where_power_ends

/// Every capability that this kernel has, as `CapEff` shows it.
fn all() -> Result<String> {
    let last = file("/proc/sys/kernel/cap_last_cap")?.innermost().unwrap_or_default();
    Ok(format!("{:016x}", (2u64 << last) - 1))
}

/// What root inside is going to be: [`NUMBER`] where we have that, or else who we are.
fn outside() -> u32 {
    if has_number(NUMBER) { NUMBER } else { 0 }
}
