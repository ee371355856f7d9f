//! What it means to be number 1: for orphans, for signals, and for everybody else when it dies.

use crate::event::man;
use crate::kernel::namespace::{Kind, setns_file};
use crate::kernel::process::{Clone3, Ended, Sig, getpid, getppid, kill, wait4};
use crate::kernel::{Errno, Pid, Refused};
use crate::lab::try_resident;
use crate::probe::Reading;
use crate::probe::process::{children, lives, status};
use crate::stage::{Result, Stage};

// ANCHOR: orphans
pub(super) fn orphans(stage: &mut Stage) -> Result<()> {
    stage.step("orphans go to number 1");
    stage.say(
        "When a process dies before its children, somebody must adopt them, or nobody would collect their
         exit status. On a machine that is init. And in here? Number 1 has a child, the elder, who has a child, the
         parent, who has a child. Then the parent dies.",
    );
    let guess = stage.predict(
        "Who is the orphan's new parent?",
        &["the elder, its grandparent", "number 1 of the namespace", "init of the host"],
    );

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        let number_one = status("self", "Pid")?;
        let elder = inside.child("elder", Clone3::new(), |elder| {
            let parent = elder.child("parent", Clone3::new(), |parent| {
                // The handle is dropped: nobody is going to wait for this child.
                parent.child("orphan", Clone3::new(), |orphan| {
                    let before = parents()?;
                    orphan.outlive_maker()?;
                    let after = parents()?;
                    orphan
                        .state("the orphan's parent")
                        .compare(&before[0], &after[0], "number 1")
                        .compare(&before[1], &after[1], "the same, seen from the host")
                        .show();
                    orphan.check("its parent was number 3").expect(3).saw(&before[0])?;
                    orphan.check("its new parent is number 1").expect(1).saw(&after[0])?;
                    orphan.check("the host says the same").expect(&number_one).saw(&after[1])?;
                    let observed = match after[0].text.as_str() {
                        "1" => "number 1 of the namespace",
                        "2" => "the elder, its grandparent",
                        _ => "init of the host",
                    };
                    orphan.reveal(
                        guess,
                        observed,
                        "Number 1 adopts every orphan of its namespace, even when a grandparent is alive. An
                         orphan never leaves its PID namespace.",
                    )?;
                    let own = status("self", "Pid")?;
                    orphan.try_it(format!("grep PPid /proc/{own}/status"), "its parent, seen by you");
                    orphan.pause("the orphan is with its new parent; next it ends")
                })?;
                Ok(())
            })?;
            parent.finish()
        })?;
        elder.finish()?;
        let (adopted, ended) = wait4(None)?;
        inside.check("number 1 collects a child that it never made").expect(4).saw((adopted, "wait4(-1)"))?;
        let well = Ended::Exited(0).to_string();
        inside.check("the orphan ended well").expect(well).saw((ended.to_string(), "wait4(-1)"))?;
        inside.hold()
    })?;
    stage.why(
        "To adopt is a duty: a program that was not written for it never calls wait(), and dead processes pile up
         as zombies. `docker run --init` puts a small number 1 in front that does. A process can also ask to adopt
         what is below it, with PR_SET_CHILD_SUBREAPER; then the nearest one does.",
        &[man("wait", 2), man("prctl", 2)],
    );
    stage.pause("number 1 is alone again")?;
    container.finish()
}

/// The parent, as it is called inside, and as the host's `/proc` has it.
fn parents() -> Result<[Reading; 2]> {
    let inside = Reading::new("getppid()", "getppid()", getppid()?.to_string());
    Ok([inside, status("self", "PPid")?.labelled("PPid in the host's /proc")])
}
// ANCHOR_END: orphans

// ANCHOR: signals_to_number_one
pub(super) fn signals_to_number_one(stage: &mut Stage) -> Result<()> {
    stage.step("number 1 and signals");
    stage.say(
        "SIGKILL cannot be caught, blocked or ignored. A worker sends it to number 1 of its own container, which it
         may do: both belong to the same user.",
    );
    let guess = stage.predict(
        "From inside: kill -KILL 1. What happens?",
        &["number 1 is killed", "kill() fails with EPERM", "kill() says 0, and nothing happens"],
    );

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        let worker = inside.child("worker", Clone3::new(), |worker| {
            let number_one = Pid::from_raw(1);
            kill(number_one, Sig::SIGTERM)?;
            let refused = kill(number_one, Sig::SIGKILL).refused();
            worker.check("the signal was accepted").expect("granted").saw((refused, "kill(1, SIGKILL)"))?;
            worker.hold()
        })?;
        inside.hold()?;
        worker.finish()
    })?;

    let lived = lives(container.pid())?;
    stage.check("number 1 lives").saw(&lived)?;
    stage.reveal(
        guess,
        if lived.text == "yes" { "kill() says 0, and nothing happens" } else { "number 1 is killed" },
        "Number 1 gets from inside only those signals that it has set a handler for, and for SIGKILL there can be
         none. The kernel protects a container's number 1 from its children as it protects the machine's init.",
    )?;
    stage.say("Now the host sends SIGTERM, as `docker stop` does. Number 1 has no handler for that, either.");
    kill(container.pid(), Sig::SIGTERM)?;
    stage.check("SIGTERM from the host: number 1 still lives").saw(&lives(container.pid())?)?;
    stage.why(
        "So `docker stop` of a program that knows nothing of signals takes ten seconds: it waits for what SIGTERM does
         not do, and then sends SIGKILL. Of the signals without a handler, only SIGKILL and SIGSTOP from an ancestor
         namespace reach a number 1.",
        &[man("pid_namespaces", 7), man("signal", 7)],
    );
    let enter = stage.scene().nsenter(container.pid(), "-p", "sh -c 'kill -KILL 1; echo \"it says $?\"'");
    stage.try_it(enter, "you may kill it, too, and it will still be there");
    stage.pause("number 1 has survived")?;
    stage.check("whatever you have sent: number 1 lives").saw(&lives(container.pid())?)?;
    container.finish()
}
// ANCHOR_END: signals_to_number_one

// ANCHOR: death_of_number_one
pub(super) fn death_of_number_one(stage: &mut Stage) -> Result<()> {
    stage.step("when number 1 dies");
    stage.say(
        "Number 1 with two workers. A visitor from outside has joined, so that its next child will be in there, too.
         From the host we send SIGKILL to number 1, and to nobody else.",
    );
    let guess = stage.predict(
        "What becomes of the workers?",
        &["they are adopted by init of the host", "the kernel ends them too", "nothing"],
    );

    let container = stage.child("container", Clone3::new().newpid(), |inside| {
        // Workers that would go on without number 1: what ends them is the kernel, and not the lesson's engine.
        let work = |worker: &mut Stage| {
            getpid()?;
            worker.outlive_maker()
        };
        let _first = inside.child("worker", Clone3::new(), work)?;
        let _second = inside.child("worker", Clone3::new(), work)?;
        inside.hold()
    })?;
    let number_one = container.pid();
    let mut visitor = stage.child("visitor", Clone3::new(), |visitor| {
        setns_file(format!("/proc/{number_one}/ns/pid"), Kind::Pid)?;
        visitor.hold()?;
        let refused = try_resident(Clone3::new(), || Ok(()))?.err();
        visitor
            .check("and nobody can be born in the namespace any more")
            .expect(Errno::ENOMEM)
            .saw((refused, "clone3()"))
    })?;
    let workers = children(number_one)?;
    let before = alive(&workers);
    stage.check("two workers are there").expect(2).saw(&before)?;
    let worker = workers.first().copied().unwrap_or_default();
    stage.try_it(format!("grep NSpid /proc/{worker}/status"), "a worker, as long as it is there");
    stage.pause("number 1 and its two workers; next number 1 is killed")?;

    kill(number_one, Sig::SIGKILL)?;
    let ended = container.wait()?;
    stage
        .check("number 1 was killed")
        .expect(Ended::Killed(Sig::SIGKILL).to_string())
        .saw((ended.to_string(), "wait4()"))?;
    let after = alive(&workers);
    stage.state("what is left").compare(&before, &after, "nobody has sent them anything").show();
    stage.check("no worker is left").expect(0).saw(&after)?;
    let observed = if after.text == "0" { "the kernel ends them too" } else { "nothing" };
    stage.reveal(
        guess,
        observed,
        "With its number 1 the namespace is over: the kernel kills every process in it, before wait()
         returns. `docker stop` has to do no more than to end one process.",
    )?;
    visitor.go_on();
    stage.why(
        "zap_pid_ns_processes() in kernel/pid_namespace.c sends SIGKILL to all of them and waits. A namespace
         without somebody to adopt orphans cannot go on, so afterwards fork() into it fails, with an errno that
         misleads: ENOMEM. It is what a shell shows after `unshare --pid sh`, from its second command on.",
        &[man("pid_namespaces", 7), man("fork", 2)],
    );
    stage.pause("the namespace is gone")?;
    visitor.finish()
}

/// How many of these processes the host lists.
fn alive(workers: &[u64]) -> Reading {
    let count = workers.iter().filter(|pid| status(**pid, "State").is_ok()).count();
    Reading::new("workers", "/proc", count.to_string())
}
// ANCHOR_END: death_of_number_one
