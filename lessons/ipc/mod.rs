//! IPC namespaces: what they hold, and what they do not.

mod lab;

use crate::event::man;
use crate::kernel::ipc::{Missing, mq_open, msgget, msgsnd, semget, shmget};
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::process::{Clone3, Sig, getpid, kill};
use crate::kernel::{Errno, Pid, Refused, fs, talk};
use crate::machine::{Need, explain};
use crate::probe::file;
use crate::probe::files::listing;
use crate::probe::ipc::{SystemV, keys, messages};
use crate::probe::process::namespace;
use crate::stage::{Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "ipc",
    title: "IPC namespace",
    minutes: 8,
    builds_on: &["process"],
    steps: 4,
    needs: &[Need::Namespace(Kind::Ipc)],
    run,
    lab: lab::LAB,
};

/// A key is a number on which programs agree, most often made by ftok() from the path of a file.
const KEY: i32 = 0x676c_6173;
const BYTES: usize = 64;

fn run(stage: &mut Stage) -> Result<()> {
    a_key_that_means_nothing(stage)?;
    the_same_key_twice(stage)?;
    posix_is_half_inside(stage)?;
    what_it_does_not_isolate(stage)
}

// ANCHOR: a_key_that_means_nothing
fn a_key_that_means_nothing(stage: &mut Stage) -> Result<()> {
    stage.step("a key that means nothing inside");
    stage.say(
        "System V IPC is older than Linux: shared memory, semaphores and message queues that are found by a key,
         a number. Databases use it to this day. We make one of each. So that nothing of it is left on your
         machine, the lesson's host first moves into an IPC namespace of its own.",
    );
    unshare(&[Kind::Ipc])?;
    let before = [keys(SystemV::Shm)?, keys(SystemV::Sem)?, keys(SystemV::Msg)?];
    let shm = shmget(KEY, BYTES, Missing::Create)?;
    semget(KEY, 1, Missing::Create)?;
    msgget(KEY, Missing::Create)?;
    let after = [keys(SystemV::Shm)?, keys(SystemV::Sem)?, keys(SystemV::Msg)?];
    stage
        .state("what the host lists")
        .compare(&before[0], &after[0], "shared memory")
        .compare(&before[1], &after[1], "semaphores")
        .compare(&before[2], &after[2], "message queues")
        .show();
    let neighbour = stage.child("neighbour", Clone3::new(), |neighbour| {
        let found = shmget(KEY, 0, Missing::Refuse)?;
        let claim = "an ordinary child finds the segment by its key";
        neighbour.check(claim).expect(shm).saw((found, format!("shmget({KEY:#x})")))
    })?;
    neighbour.finish()?;
    let guess = stage.predict(
        "A child in a new IPC namespace asks for the segment with the same key. What does it get?",
        &["the segment", "EACCES", "ENOENT"],
    );

    let container = stage.child("container", Clone3::new().newipc(), |inside| {
        let segment = shmget(KEY, 0, Missing::Refuse).refused();
        let semaphores = semget(KEY, 0, Missing::Refuse).refused();
        let queue = msgget(KEY, Missing::Refuse).refused();
        inside.check("no segment has this key").expect(Errno::ENOENT).saw((segment, "shmget()"))?;
        inside.check("nor have semaphores").expect(Errno::ENOENT).saw((semaphores, "semget()"))?;
        inside.check("nor has a message queue").expect(Errno::ENOENT).saw((queue, "msgget()"))?;
        inside.check("the list is empty").expect("(none)").saw(&keys(SystemV::Shm)?)?;
        let observed = match segment {
            None => "the segment",
            Some(Errno::EACCES) => "EACCES",
            Some(_) => "ENOENT",
        };
        inside.reveal(
            guess,
            observed,
            "Not \"you may not\" but \"there is none\": a new IPC namespace begins empty, and keys are looked up
             in one's own. The permissions of the segment have nothing to do with it.",
        )?;
        inside.hold()
    })?;

    let (own, its) = (namespace("self", Kind::Ipc)?, namespace(container.pid(), Kind::Ipc)?);
    stage.check("it is another IPC namespace").expect_other_than(&own).saw(&its)?;
    stage.check("the host has its segment as before").expect(&after[0]).saw(&keys(SystemV::Shm)?)?;
    stage.why(
        "The lists in /proc/sysvipc are those of whoever opens them, unlike the processes in /proc, which are those
         of whoever mounted it. So `ipcs` is right inside without any mount.",
        &[man("ipc_namespaces", 7), man("sysvipc", 7), man("shmget", 2)],
    );
    stage.try_it(in_host(stage, "ipcs")?, "the host of this lesson");
    stage.try_it(stage.scene().nsenter(container.pid(), "-i", "ipcs"), "and the container");
    stage.pause("one of each kind on the host, none in the container")?;
    container.finish()
}
// ANCHOR_END: a_key_that_means_nothing

// ANCHOR: the_same_key_twice
fn the_same_key_twice(stage: &mut Stage) -> Result<()> {
    stage.step("the same key twice");
    stage
        .say("A message is put into the host's queue. The process that does it ends, and the message waits.");
    let sender = stage.child("sender", Clone3::new(), |_| {
        let queue = msgget(KEY, Missing::Refuse)?;
        Ok(msgsnd(queue, "for the host")?)
    })?;
    sender.finish()?;
    let waiting = messages(KEY)?;
    stage.check("the message outlives its sender").expect(1).saw(&waiting)?;
    let queue = msgget(KEY, Missing::Refuse)?;
    let guess = stage.predict(
        "The container makes a queue with the same key. How many messages wait in it?",
        &["1", "0", "it cannot make one: EEXIST"],
    );

    let container = stage.child("container", Clone3::new().newipc(), |inside| {
        let own = msgget(KEY, Missing::Create)?;
        let empty = messages(KEY)?;
        inside.check("its queue is empty").expect(0).saw(&empty)?;
        inside.check("the kernel has given it the same number").expect(queue).saw((own, "msgget()"))?;
        inside.reveal(
            guess,
            &empty.text,
            "Two queues, one key, and even one number: each namespace counts for itself. Two databases that use
             the same key run side by side, each in its own container.",
        )?;
        msgsnd(own, "for me")?;
        msgsnd(own, "for me, too")?;
        let two = messages(KEY)?;
        inside.state("what the container lists").compare(&empty, &two, "its own").show();
        inside.check("two messages wait inside").expect(2).saw(&two)?;
        inside.hold()
    })?;

    let still = messages(KEY)?;
    stage.state("what the host lists").compare(&waiting, &still, "").show();
    stage.check("and one on the host, as before").expect(1).saw(&still)?;
    stage.why(
        "System V objects outlive every process that uses them: a server that crashes leaves its segments behind
         until somebody calls `ipcrm`, or the machine is started anew. In a container they end with the
         namespace, when its last process does. That alone is a good reason for it.",
        &[man("msgget", 2), man("ipcrm", 1)],
    );
    stage.try_it(in_host(stage, "ipcs -q")?, "one message for the host");
    stage.try_it(stage.scene().nsenter(container.pid(), "-i", "ipcs -q"), "two in the container");
    stage.pause("two queues with one key")?;
    container.finish()
}
// ANCHOR_END: the_same_key_twice

// ANCHOR: posix_is_half_inside
fn posix_is_half_inside(stage: &mut Stage) -> Result<()> {
    stage.step("POSIX is half inside");
    stage.say(
        "POSIX has newer calls, which use names. A message queue is made by mq_open(\"/orders\"). Shared memory is
         made by shm_open(\"/price\"), which is no system call: the C library opens a file in /dev/shm. The lesson
         mounts an empty /dev/shm for its own host, and makes both.",
    );
    if let Err(missing) = listing("/dev/shm") {
        stage.skip("POSIX shared memory", explain(&missing));
        return stage.pause("this machine has no place for POSIX shared memory");
    }
    mount("shm", "/dev/shm", "tmpfs", Flags::MS_NOSUID | Flags::MS_NODEV, "size=1m")?;
    fs::mkdir("queues")?;
    let _orders = match mq_open("/orders", Missing::Create) {
        Err(error) if error.errno == Errno::ENOSYS => {
            stage.skip("POSIX message queues", explain(&error));
            return stage.pause("this kernel has no POSIX message queues");
        }
        opened => opened?,
    };
    fs::create("/dev/shm/price", "42\n")?;
    mount("mqueue", "/tmp/queues", "mqueue", Flags::empty(), "")?;
    let ours = listing("/tmp/queues")?;
    stage.check("the host has a queue").expect("orders").saw(&ours)?;
    let guess = stage.predict(
        "A child in a new IPC namespace looks for the queue and for the shared memory. What does it find?",
        &["neither", "the queue", "the shared memory", "both"],
    );

    let container = stage.child("container", Clone3::new().newipc().newns(), |inside| {
        let queue = mq_open("/orders", Missing::Refuse).refused();
        inside.check("the queue is not there").expect(Errno::ENOENT).saw((queue, "mq_open()"))?;
        let price = file("/dev/shm/price")?;
        inside.check("but the host's shared memory is").expect("42").saw(&price)?;
        let observed = if queue.is_none() { "both" } else { "the shared memory" };
        inside.reveal(
            guess,
            observed,
            "Queues are the IPC namespace's. Shared memory by name is a file like any other, and files are the
             mount namespace's: an IPC namespace alone leaves it open to everybody with the same /dev/shm.",
        )?;
        inside.say("So a container needs a /dev/shm of its own, and may want to see its own queues.");
        let before = [listing("/dev/shm")?, listing("/tmp/queues")?];
        mount("shm", "/dev/shm", "tmpfs", Flags::MS_NOSUID | Flags::MS_NODEV, "size=1m")?;
        mount("mqueue", "/tmp/queues", "mqueue", Flags::empty(), "")?;
        let after = [listing("/dev/shm")?, listing("/tmp/queues")?];
        inside
            .state("what the container lists")
            .compare(&before[0], &after[0], "a file system of its own")
            .compare(&before[1], &after[1], "the queues of its namespace")
            .show();
        inside.check("the host's shared memory is gone").expect("(empty)").saw(&after[0])?;
        inside.check("and no queue of the host is listed").expect("(empty)").saw(&after[1])?;
        inside.hold()
    })?;

    stage.check("the host's shared memory is untouched").expect("42").saw(&file("/dev/shm/price")?)?;
    stage.check("and its queue is there").expect(&ours).saw(&listing("/tmp/queues")?)?;
    stage.why(
        "`docker run` mounts both for every container: a tmpfs of 64 MiB at /dev/shm, whose size is what --shm-size
         sets, and an mqueue at /dev/mqueue. `--ipc=container:NAME` shares the namespace and that /dev/shm with it.",
        &[man("mq_overview", 7), man("shm_overview", 7), man("ipc_namespaces", 7)],
    );
    stage.try_it(in_host_files(stage, "ls -l /tmp/queues /dev/shm")?, "the host of this lesson");
    stage.try_it(
        stage.scene().nsenter(container.pid(), "-m", "ls -l /tmp/queues /dev/shm"),
        "and the container",
    );
    stage.pause("two kinds of POSIX objects, in two kinds of namespace")?;
    container.finish()
}
// ANCHOR_END: posix_is_half_inside

// ANCHOR: what_it_does_not_isolate
fn what_it_does_not_isolate(stage: &mut Stage) -> Result<()> {
    stage.step("what it does not isolate");
    stage.say(
        "Textbooks have tables in which the IPC namespace isolates \"signals, pipes, sockets\" as well: they are
         interprocess communication, after all. The kernel has a say in this, too.",
    );
    let guess = stage.predict(
        "Pipes, signals, sockets: how many of the three does a new IPC namespace cut off?",
        &["all three", "signals only", "none"],
    );
    let host = stage.backstage(getpid)?;
    let (reader, writer) = talk::pipe2()?;
    let listener = talk::bind("/tmp/socket")?;

    let container = stage.child("container", Clone3::new().newipc(), |inside| {
        let piped = talk::write("pipe", &writer, "through the pipe").refused();
        inside.check("it may write into the host's pipe").expect("granted").saw((piped, "write()"))?;
        let signalled = kill(Pid::from_raw(host.as_raw()), Sig::SIGCONT).refused();
        inside.check("it may send the host a signal").expect("granted").saw((signalled, "kill()"))?;
        let stream = talk::connect("/tmp/socket");
        let connected = stream.refused();
        inside
            .check("it may connect to the host's socket")
            .expect("granted")
            .saw((connected, "connect()"))?;
        talk::write("socket", stream?, "through the socket")?;
        let observed = match (piped, signalled, connected) {
            (None, None, None) => "none",
            (None, Some(_), None) => "signals only",
            _ => "all three",
        };
        inside.reveal(
            guess,
            observed,
            "The IPC namespace holds two things, System V objects and POSIX message queues, and nothing else.
             Whatever the table in the book says: its name promises more than it does.",
        )?;
        inside.hold()
    })?;

    let (own, its) = (namespace("self", Kind::Ipc)?, namespace(container.pid(), Kind::Ipc)?);
    stage.check("the child was in another IPC namespace").expect_other_than(&own).saw(&its)?;
    let piped = talk::read("pipe", &reader)?;
    let sent = talk::read("socket", talk::accept(&listener)?)?;
    stage.check("the host has read it").expect("through the pipe").saw((piped, "read()"))?;
    stage.check("and this as well").expect("through the socket").saw((sent, "read()"))?;
    stage.why(
        "Each has another keeper. A signal needs a number: the PID namespace. A socket with a path is a file: the
         mount namespace. Other sockets, and those with an abstract name: the network namespace. A pipe has no
         name at all: who has the descriptor may use it, in whatever namespace he is. That is how `docker logs`
         gets at what a container writes.",
        &[man("namespaces", 7), man("unix", 7), man("pipe", 7), man("signal", 7)],
    );
    stage.try_it(
        format!("ls -l /proc/{}/fd /proc/{}/fd", host, container.pid()),
        "one pipe, with the same number on both sides",
    );
    stage.pause("the pipe is still open on both sides")?;
    container.finish()
}
// ANCHOR_END: what_it_does_not_isolate

/// A command for another terminal that sees the System V objects of the lesson's host.
fn in_host(stage: &Stage, command: &str) -> Result<String> {
    Ok(stage.scene().nsenter(stage.backstage(getpid)?, "-i", command))
}

/// The same for its files.
fn in_host_files(stage: &Stage, command: &str) -> Result<String> {
    Ok(stage.scene().nsenter(stage.backstage(getpid)?, "-m", command))
}
