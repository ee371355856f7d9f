//! Rootless: the same container, made by somebody who is not root of anything.

mod inside;
mod lab;
mod props;

use crate::event::{kernel_doc, man};
use crate::kernel::namespace::{Kind, map_self_to_root, unshare};
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Pid, Refused, fs};
use crate::machine::ordinary::ORDINARY;
use crate::machine::{Need, Refusal};
use crate::probe::Reading;
use crate::probe::around::has_number;
use crate::probe::files::{fingerprint, listing, owner};
use crate::probe::process::{self, id_map, interfaces, mount_points, mounted, namespace, status};
use crate::stage::{Child, Lesson, Prediction, Program, Result, Shown, Stage};
use inside::{CLAIMS, DEVICES, WALLS, become_contained};
use props::{KINDS, RANGE, home, image, mechanisms, on_the_host, with_his_own};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "rootless",
    title: "A container without root",
    minutes: 14,
    builds_on: &["overlay", "pivot-root", "no-new-privs"],
    steps: 4,
    needs: &[
        Need::OrdinaryUserNamespace,
        Need::Namespace(Kind::Mnt),
        Need::Namespace(Kind::Uts),
        Need::Namespace(Kind::Ipc),
        Need::Namespace(Kind::Pid),
        Need::Namespace(Kind::Net),
        Need::Namespace(Kind::Cgroup),
        Need::Proc,
        Need::Devices,
        Need::RootlessOverlay,
        Need::Seccomp,
    ],
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    home(stage)?;
    the_one_door(stage)?;
    the_same_container(stage)?;
    numbers(stage)?;
    what_cannot_be_had(stage)
}

// ANCHOR: the_one_door
fn the_one_door(stage: &mut Stage) -> Result<()> {
    stage.step("one door is open");
    stage.say(
        "Here is a process like that of any account: number 60000, without a capability. It asks for what a container is made of,
         one thing after the other. Then it makes a user namespace, maps itself to root in it, and asks again.",
    );
    let guess = stage.predict(
        "An ordinary process asks for a namespace of each kind. Which does it get?",
        &["none", "a user namespace, and no other", "all of them"],
    );
    let mut account = stage.ordinary("account", Clone3::new(), |account| {
        let before = mechanisms();
        let refused = unshare(&[Kind::User]).refused();
        let any = before.iter().any(|mechanism| mechanism.text == "granted");
        account.check("a user namespace is for everybody").expect(None::<Errno>).saw((refused, "unshare()"))?;
        account.reveal(
            guess,
            match (any, refused) {
                (true, _) => "all of them",
                (_, None) => "a user namespace, and no other",
                (_, Some(_)) => "none",
            },
            "Who makes a user namespace has every capability in it, and none outside. All other namespaces take CAP_SYS_ADMIN in
             the user namespace that they are going to belong to: from here on that is his own.",
        )?;
        account.hold()?;
        map_self_to_root(ORDINARY, ORDINARY)?;
        let after = mechanisms();
        let mut table = account.side_by_side("he asks for", "as he is", "as root");
        for (before, after) in before.iter().zip(&after) {
            table = table.compare(before, after, "");
        }
        table.show();
        let all = |word: &str, asked: &[Reading]| asked.iter().all(|reading| reading.text == word);
        account.check("as he is, nothing was granted").saw((all("EPERM", &before), "each call"))?;
        account.check("in his user namespace, all of it").saw((all("granted", &after), "each call"))?;
        account.hold()
    })?;

    let pid = account.pid();
    let read = || -> Result<_> { Ok((id_map(pid, "uid_map")?, status(pid, "Uid")?)) };
    let before = read()?;
    account.go_on();
    let after = read()?;
    stage
        .state("kernel state")
        .compare(&before.0, &after.0, "root inside")
        .compare(&before.1, &after.1, "outside")
        .show();
    stage.check("outside he is who he was").expect(&before.1).saw(&after.1)?;
    stage.why(
        "Nothing was allowed that concerns anybody else: what he has made he owns, and may break. There is no daemon and no set-uid
         program in this. So it is also the way into parts of the kernel that only root used to reach, and
         some distributions close the door again: user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor.",
        &[man("user_namespaces", 7), man("unshare", 2)],
    );
    stage.try_it(
        format!("grep -E 'Uid|CapEff' /proc/{pid}/status"),
        "every capability, and still number 60000",
    );
    stage.pause("a process waits which is root of seven namespaces")?;
    account.finish()
}
// ANCHOR_END: the_one_door

// ANCHOR: the_same_container
fn the_same_container(stage: &mut Stage) -> Result<()> {
    stage.step("the same container");
    stage.say(
        "Now the account makes a container, in its own directory: an image, a layer for what is written, and one clone3 for all
         namespaces. The steps inside are those of the lesson container. Whoever looks on from outside is the account itself: it is
         not root.",
    );
    let guess = stage.predict(
        "Root inside writes a file. Who is its owner outside?",
        &["root, 0", "the account, 60000", "nobody, 65534"],
    );
    let account = stage.ordinary("account", Clone3::new(), |account| {
        account.backstage(image)?;
        let before = fingerprint("tiny")?.varying();
        let mut shell = Program::pipes()?;
        let clone = Clone3::new().newuser().newns().newuts().newipc().newpid().newnet();
        let container = account.child("container", clone, |inside| become_contained(inside, &shell))?;
        own_namespaces(account, container.pid())?;
        shell.type_in("echo hello > /root/mine")?;
        from_inside(account, &mut shell)?;
        from_outside(account, container.pid())?;
        account.check("outside: the image is unchanged").expect(&before).saw(&fingerprint("tiny")?.varying())?;
        whose_file(account, guess)?;
        account.why(
            "It is the list of the lesson container, but for the limits, and the devices are the host's, bound. What is
             missing shows in the last step.",
            &[
                man("user_namespaces", 7),
                kernel_doc("Overlay Filesystem", "filesystems/overlayfs"),
                man("pivot_root", 2),
            ],
        );
        let pid = container.pid();
        account.try_it(format!("cat /proc/{pid}/uid_map"), "the number inside, that outside, how many");
        account.try_it(
            format!("grep -E 'Uid|CapEff|Seccomp:' /proc/{pid}/status"),
            "root inside, as your terminal sees it",
        );
        account.hold()?;
        // The end of its input is the shell's own end.
        drop(shell);
        container.finish()
    })?;
    stage.pause("a shell is root in its container; no root has helped")?;
    account.finish()
}

/// Each namespace is its own, and belongs to its user namespace.
fn own_namespaces(account: &Stage, pid: Pid) -> Result<()> {
    let users = namespace(pid, Kind::User)?;
    let mut table = account.side_by_side("namespaces", "account", "container");
    let mut allowed = true;
    for kind in KINDS {
        let (own, its) = (namespace("self", kind)?, namespace(pid, kind)?);
        table = table.compare(&own, &its.clone().labelled(format!("ns/{kind}")), "its own");
        account.check(format!("its {kind} namespace is its own")).expect_other_than(&own).saw(&its)?;
        allowed &= kind == Kind::User || process::owner(pid, kind)?.text == users.text;
    }
    table.show();
    account
        .check("who allowed the other six: its user namespace")
        .saw((allowed, format!("ioctl(NS_GET_USERNS) of /proc/{pid}/ns")))
}

fn from_inside(account: &Stage, shell: &mut Program) -> Result<()> {
    for (claim, expected, command) in CLAIMS {
        account.check(format!("inside: {claim}")).expect(expected).saw((shell.type_in(command)?, command))?;
    }
    Ok(())
}

fn from_outside(account: &Stage, pid: Pid) -> Result<()> {
    account.check("outside: it is number 60000").expect([ORDINARY; 4]).saw(&status(pid, "Uid")?)?;
    for (claim, field, expected) in WALLS {
        account.check(format!("outside: {claim}")).expect(expected).saw(&status(pid, field)?)?;
    }
    let devices = listing(format!("/proc/{pid}/root/dev"))?;
    account.check("outside: its /dev has no disk").expect(DEVICES).saw(&devices)?;
    account.check("outside: its network is a loopback").expect("lo").saw(&interfaces(pid)?)?;
    let root = mounted(pid, "/")?;
    let fstype = root.text.split(' ').next().unwrap_or_default();
    account.check("outside: its root is the overlay").expect("overlay").saw((fstype, &root.source))?;
    let hosts = mount_points(pid)?.iter().filter(|point| point.starts_with("/old")).count();
    account
        .check("outside: it mounts nothing of the host")
        .expect(0usize)
        .saw((hosts, format!("/proc/{pid}/mountinfo")))
}

/// What root inside has written, as the account finds it.
fn whose_file(account: &Stage, guess: Prediction) -> Result<()> {
    let mine = owner("upper/root/mine")?;
    account.state("in the layer").new(&mine, "by root inside").show();
    let owned = format!("{ORDINARY}:{ORDINARY}");
    account.check("outside: the file is the account's").expect(&owned).saw(&mine)?;
    account.reveal(
        guess,
        match mine.text.as_str() {
            "0:0" => "root, 0",
            text if text == owned => "the account, 60000",
            _ => "nobody, 65534",
        },
        "The inode keeps the number outside. So root inside can do to the account's files what the account can, and to
         those of others nothing. Who breaks out of such a container is an ordinary user.",
    )
}
// ANCHOR_END: the_same_container

// ANCHOR: numbers
fn numbers(stage: &mut Stage) -> Result<()> {
    stage.step("one number, or many");
    stage.say(
        "A map that somebody writes for himself has one line, and one number in it: his own. In images files belong to many. Here is
         such a root, with CAP_CHOWN, and a file of his.",
    );
    let guess = stage.predict(
        "Root inside gives his file to user 1000. What does chown answer?",
        &["0: he has CAP_CHOWN", "EPERM", "EINVAL"],
    );
    let alone = stage.ordinary("alone", Clone3::new(), |alone| {
        unshare(&[Kind::User])?;
        map_self_to_root(ORDINARY, ORDINARY)?;
        fs::create("home/his", "42\n")?;
        let refused = fs::chown("home/his", 1000, 1000).refused();
        alone.check("there is no user 1000").expect(Errno::EINVAL).saw((refused, "chown()"))?;
        alone.reveal(
            guess,
            &refused.map_or("0: he has CAP_CHOWN".into(), |errno| errno.shown()),
            "It is no matter of permission: there is no number outside that could be written into the inode. An image whose files
             belong to many cannot be unpacked as it is; setuid(1000) fails in the same way, and a database does not start.",
        )?;
        alone.hold()
    })?;
    let helped = with_a_range(stage)?;
    stage.why(
        "newuidmap is set-uid root, or has CAP_SETUID from its file: the one step for which a rootless engine needs somebody. It
         looks into /etc/subuid for what root has granted to this account, and writes the map from outside. No two accounts are
         granted the same numbers, so their containers have nothing in common.",
        &[man("newuidmap", 1), man("subuid", 5), man("user_namespaces", 7)],
    );
    let both = [Some(&alone), helped.as_ref()];
    let maps: Vec<String> =
        both.into_iter().flatten().map(|child| format!("/proc/{}/uid_map", child.pid())).collect();
    stage.try_it(format!("cat {}", maps.join(" ")), "the first number inside, the first outside, how many");
    stage.pause("who is root inside waits, and the files have got their owners")?;
    alone.finish()?;
    helped.map_or(Ok(()), Child::finish)
}

/// What newuidmap does, done by root of this stage, if that has the numbers.
fn with_a_range(stage: &Stage) -> Result<Option<Child>> {
    let (first, count) = RANGE;
    if !has_number(first + count - 1) {
        let why = "this stage has one number, and nobody who could map others".into();
        let hint = "run the lesson as root, for example with sudo".into();
        stage.skip("a range of numbers", Refusal { why, hint });
        return Ok(None);
    }
    stage.say("With a second line it goes. The account may not write it; root may, and does here what newuidmap does.");
    let mut helped = stage.ordinary("helped", Clone3::new(), |helped| {
        unshare(&[Kind::User])?;
        helped.hold()?;
        fs::create("home/given", "42\n")?;
        fs::chown("home/given", 1000, 1000)?;
        helped.check("inside, it belongs to user 1000").expect("1000:1000").saw(&owner("home/given")?)?;
        helped.hold()
    })?;
    let pid = helped.pid();
    let before = id_map(pid, "uid_map")?;
    let map = format!("0 {ORDINARY} 1\n1 {first} {count}");
    ["uid_map", "gid_map"].iter().try_for_each(|file| fs::write(format!("/proc/{pid}/{file}"), &map))?;
    helped.go_on();
    let given = owner("home/given")?;
    stage
        .state("kernel state")
        .compare(&before, &id_map(pid, "uid_map")?, "two lines")
        .new(&owner("home/his")?, "root inside")
        .new(&given, "user 1000 inside")
        .show();
    let outside = first + 999;
    stage
        .check("outside, it is the 1000th of the range")
        .expect(format!("{outside}:{outside}"))
        .saw(&given)?;
    Ok(Some(helped))
}
// ANCHOR_END: numbers

// ANCHOR: what_cannot_be_had
fn what_cannot_be_had(stage: &mut Stage) -> Result<()> {
    stage.step("what is not to be had");
    stage.say(
        "What belongs to the machine stays with the machine. The account's root tries it: devices, the clock, and the network of the
         host, whose part another namespace plays here. Then he takes a network of his own.",
    );
    let guess = stage.predict(
        "Root inside has CAP_NET_BIND_SERVICE, and takes port 80 of the host's network. bind answers",
        &["0", "EPERM", "EACCES"],
    );
    let mut account = stage.ordinary("account", Clone3::new().newnet(), |account| {
        unshare(&[Kind::User, Kind::Mnt])?;
        map_self_to_root(ORDINARY, ORDINARY)?;
        let host = on_the_host();
        let mut table = account.state("root inside tries");
        for (attempt, instead) in &host {
            table = table.new(attempt, instead);
        }
        table.show();
        for (attempt, _) in &host {
            let expected = if attempt.source == "bind()" { "EACCES" } else { "EPERM" };
            account.check(format!("refused: {}", attempt.label)).expect(expected).saw(attempt)?;
        }
        let port = host.iter().find(|(attempt, _)| attempt.source == "bind()");
        account.reveal(
            guess,
            port.map_or("0", |(attempt, _)| if attempt.text == "granted" { "0" } else { &attempt.text }),
            "The kernel asks for the capability in the user namespace that owns the network, and there he has none. EACCES, and not
             EPERM, is what bind has always said of such ports. From 1024 on they are everybody's.",
        )?;
        account.depending_on_machine(|| props::groups_of_the_machine(account))?;
        account.hold()?;

        unshare(&[Kind::Net])?;
        let own: Vec<Reading> = with_his_own();
        for attempt in &own {
            account.check(format!("in a network of his own: {}", attempt.label)).expect("granted").saw(attempt)?;
        }
        account.hold()
    })?;

    let pid = account.pid();
    let read = || -> Result<_> { Ok((namespace(pid, Kind::Net)?, process::owner(pid, Kind::Net)?)) };
    let before = read()?;
    account.go_on();
    let after = read()?;
    stage.state("kernel state").compare(&before.0, &after.0, "").compare(&before.1, &after.1, "").show();
    let users = namespace(pid, Kind::User)?;
    stage.check("the network was not his").expect_other_than(&users).saw(&before.1)?;
    stage.check("now it is").expect(&users).saw(&after.1)?;
    stage.why(
        "For each of these there is a way around. Devices are bound from the host. A network of one's own leads nowhere, so
         slirp4netns or pasta sits outside as an ordinary program, and carries what comes out of it through its own sockets. Limits
         want a cgroup that was handed on, which systemd does for a login on version 2. The clock stays as it is.",
        &[man("capabilities", 7), man("ip", 7), man("mknod", 2), kernel_doc("Control Group v2", "admin-guide/cgroup-v2")],
    );
    stage.try_it(format!("readlink /proc/self/ns/net /proc/{pid}/ns/net"), "your network, and his");
    stage.pause("root waits in a network of his own, with a loopback and nothing else")?;
    account.finish()
}
// ANCHOR_END: what_cannot_be_had
