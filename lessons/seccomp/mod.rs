//! Seccomp: a small program that the kernel asks before every system call.

mod lab;
mod props;

use crate::container::profile;
use crate::event::{kernel_doc, man};
use crate::kernel::capability::{Set, capset};
use crate::kernel::fs::chdir;
use crate::kernel::fs::fchdir;
use crate::kernel::fs::open;
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::process::{Clone3, Sig, execve, kill, set_no_new_privs};
use crate::kernel::seccomp::{Action, switch_off};
use crate::kernel::{Errno, Refused};
use crate::machine::Need;
use crate::probe::Reading;
use crate::probe::process::{comm, status};
use crate::stage::{Lesson, Result, Shown, Stage};
use props::{ENV, answering, clone_refused, ended, numbers, refusing, shown, way};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "seccomp",
    title: "A filter for system calls",
    minutes: 12,
    builds_on: &["process"],
    steps: 4,
    needs: &[Need::Kernel(5, 9), Need::Seccomp],
    run,
    lab: lab::LAB,
};

/// What filters make of a process, in its status.
const FIELDS: [&str; 3] = ["NoNewPrivs", "Seccomp", "Seccomp_filters"];

fn run(stage: &mut Stage) -> Result<()> {
    seven_instructions(stage)?;
    for_good(stage)?;
    other_answers(stage)?;
    the_filter_of_a_container(stage)
}

// ANCHOR: seven_instructions
fn seven_instructions(stage: &mut Stage) -> Result<()> {
    stage.step("seven instructions");
    stage.say(
        "A process may hand a program to the kernel, which then runs it before each of its system calls. The program sees
         the number of the call and its six arguments, and answers: allow, refuse, or end the process. This one refuses
         chdir() with EPERM, and allows the rest. It is in the language of packet filters, classic BPF.",
    );
    let filter = refusing(&["chdir"], Errno::EPERM);
    shown(stage, "the filter", &filter.listing());
    stage.say(
        "Each instruction is a code, two distances for a jump that is taken and one that is not, and a value k. Where k is the
         number of a call or of an architecture, it is another one on other machines.",
    );
    let guess = stage.predict(
        "A process without any privilege hands it in. It only takes something away from itself. The kernel",
        &["loads it", "says EPERM", "says EACCES"],
    );

    let mut guest = stage.child("guest", Clone3::new(), |inside| {
        // On this stage it may be root: it gives up every capability, and is like anybody.
        capset(Set::empty())?;
        inside.check("without a filter, chdir passes").saw((chdir("/").is_ok(), "chdir()"))?;
        // Who was started with no_new_privs cannot be without it.
        let is_free = status("self", "NoNewPrivs")?.text == "0";
        let refused = filter.install().refused();
        inside
            .check("what the kernel says to a filter from anybody")
            .expect(is_free.then_some(Errno::EACCES))
            .saw((refused, "seccomp()"))?;
        inside.reveal(
            guess,
            &refused.map_or("loads it".into(), |errno| format!("says {}", errno.shown())),
            "A filter is inherited, by set-uid programs too. One that makes setuid() seem to work, and do nothing, would keep
             such a program root where it believes that it is not. So whoever loads a filter needs CAP_SYS_ADMIN, or has to
             promise first that no program it becomes gains privileges: no_new_privs.",
        )?;
        inside.hold()?;
        set_no_new_privs()?;
        filter.install()?;
        inside.check("chdir is refused").expect(Errno::EPERM).saw((chdir("/").refused(), "chdir()"))?;
        let root = open("/")?;
        let by_descriptor = fchdir(&root).refused();
        inside.check("a call with another number passes").expect("granted").saw((by_descriptor, "fchdir()"))?;
        inside.hold()
    })?;

    let pid = guest.pid();
    let read = || FIELDS.map(|field| status(pid, field));
    let before = read();
    guest.go_on();
    let mut table = stage.state("kernel state");
    for (before, after) in before.into_iter().zip(read()) {
        table = table.compare(&before?, &after?, "");
    }
    table.show();
    stage.check("mode 2 is: filters").expect("2").saw(&status(pid, "Seccomp")?)?;
    stage.check("the promise is in its status").expect("1").saw(&status(pid, "NoNewPrivs")?)?;
    stage.why(
        "fchdir() leads to another directory as chdir() does, and the filter lets it pass: it knows numbers, and no meaning. It
         cannot look at the path either, for that is a pointer, and what it points to may change after the look. So filters
         decide which calls there are; which files, is for permissions, mounts and Landlock.",
        &[man("seccomp", 2), kernel_doc("Seccomp BPF", "userspace-api/seccomp_filter"), man("chdir", 2)],
    );
    stage.try_it(format!("grep -E 'NoNewPrivs|Seccomp' /proc/{pid}/status"), "the same, read by you");
    stage.pause("the guest waits, with a filter before each of its calls")?;
    guest.finish()
}
// ANCHOR_END: seven_instructions

// ANCHOR: for_good
fn for_good(stage: &mut Stage) -> Result<()> {
    stage.step("for good");
    stage.say(
        "Here is one more process with this filter. It tries to be rid of it, and has a child. Then it loads a second filter,
         which allows chdir() by name and refuses fchdir().",
    );
    let guess = stage.predict(
        "The second filter allows chdir(). What does chdir() answer now?",
        &["0: the last filter counts", "EPERM: each one is asked", "0: to allow goes before to refuse"],
    );
    let mut guest = stage.child("guest", Clone3::new(), |inside| {
        set_no_new_privs()?;
        refusing(&["chdir"], Errno::EPERM).install()?;
        inside
            .check("there is no way back")
            .expect(Errno::EINVAL)
            .saw((switch_off().refused(), "prctl(PR_SET_SECCOMP)"))?;
        let heir = inside.child("heir", Clone3::new(), |heir| {
            heir.check("a child has it too").expect(Errno::EPERM).saw((chdir("/").refused(), "chdir()"))
        })?;
        heir.finish()?;
        inside.hold()?;

        answering(&[("chdir", Action::Allow), ("fchdir", Action::refuse(Errno::EPERM))]).install()?;
        let refused = chdir("/").refused();
        inside.check("chdir is refused as before").expect(Errno::EPERM).saw((refused, "chdir()"))?;
        let root = open("/")?;
        let second = fchdir(&root).refused();
        inside.check("and so is fchdir now").expect(Errno::EPERM).saw((second, "fchdir()"))?;
        inside.reveal(
            guess,
            if refused.is_some() { "EPERM: each one is asked" } else { "0: the last filter counts" },
            "The kernel runs every filter at every call, the newest first, and takes the strictest of the answers. To kill goes
             before to refuse, and to allow comes last. So a filter never gives back what another one has taken.",
        )?;
        inside.hold()?;
        Err(execve("/bin/sleep", &["sleep", "1000"], &ENV).into())
    })?;

    let pid = guest.pid();
    let first = status(pid, "Seccomp_filters")?;
    guest.go_on();
    let second = status(pid, "Seccomp_filters")?;
    stage.check("one more filter").expect(first.numbers()[0] + 1).saw(&second)?;
    let program = comm(pid)?.varying();
    guest.go_on();
    let third = status(pid, "Seccomp_filters")?;
    stage
        .state("kernel state")
        .compare(&program, &comm(pid)?, "execve()")
        .compare(&second, &third, "")
        .compare(&first, &third, "as it was, and now")
        .show();
    stage.check("another program, the same filters").expect(&second).saw(&third)?;
    stage.check("it is another program").expect("sleep").saw(&comm(pid)?)?;
    stage.why(
        "There is no call that removes a filter, and none that changes one. A process makes its way down: browsers load one before
         they look at a page, service managers before they start a service, and runtimes before the program of the container. Of
         two answers of the same kind the newer filter's counts, with its errno.",
        &[man("seccomp", 2), man("execve", 2), man("fork", 2)],
    );
    stage.try_it(format!("grep Seccomp /proc/{pid}/status"), "sleep(1), which has never heard of filters");
    stage.pause("sleep runs, with two filters that it has not loaded")?;
    kill(pid, Sig::SIGKILL)?;
    guest.wait().map(drop)
}
// ANCHOR_END: for_good

// ANCHOR: other_answers
fn other_answers(stage: &mut Stage) -> Result<()> {
    stage.step("other answers");
    stage.say(
        "The same filter three times, each with another answer to chdir(). The process then becomes a shell with this to do:
         `cd / || exit 7`. First it is refused, as before; then it is let through and written down, LOG; then KILL_PROCESS.",
    );
    let guess = stage.predict(
        "The filter answers KILL_PROCESS. How does the shell end?",
        &["exited with 7", "killed by SIGKILL", "killed by SIGSYS", "killed by SIGSEGV"],
    );

    // A process that is ended so would leave an image of its memory, if it may.
    const SCRIPT: &str = "ulimit -c 0; cd / || exit 7";
    let answers = [
        ("refused", "ERRNO(EPERM)", Action::refuse(Errno::EPERM), "an error, to be handled"),
        ("logged", "LOG", Action::Log, "as without a filter"),
        ("killed", "KILL_PROCESS", Action::KillProcess, "nobody is left to handle it"),
    ];
    let mut seen = vec![];
    for (lane, name, action, note) in answers {
        let ran = ended(stage, lane, &answering(&[("chdir", action)]), SCRIPT)?;
        seen.push((Reading::new(name, "wait4()", ran.ended.to_string()), note));
    }
    let mut table = stage.side_by_side("answers", "call", "shell");
    let call = Reading::new("", "", "chdir(\"/\")");
    for (ended, note) in &seen {
        table = table.compare(&call, ended, note);
    }
    table.show();
    let expected = ["exited with 7", "exited with 0", "killed by SIGSYS"];
    let claims = ["an error can be handled", "what is logged is allowed", "bad system call"];
    for ((claim, expected), (ended, _)) in claims.into_iter().zip(expected).zip(&seen) {
        stage.check(claim).expect(expected).saw(ended)?;
    }
    stage.reveal(
        guess,
        &seen[2].0.text,
        "SIGSYS is the signal for bad system calls, and a shell says just that: Bad system call. As an answer of KILL_PROCESS it
         cannot be caught. TRAP sends the same signal so that it can: Chromium's sandbox answers calls in its handler.",
    )?;
    stage.why(
        "To kill is safe and hard to find out about: the program says nothing more. So filters for programs that somebody else has
         written refuse, those that a program writes for itself kill, and LOG is for finding out what a filter has to allow. The
         last two are in the audit log, or in that of the kernel, with the number of the call. And two more answers ask somebody
         else: TRACE a debugger, USER_NOTIF a supervisor.",
        &[man("seccomp", 2), man("signal", 7)],
    );
    stage.try_it(
        "cat /proc/sys/kernel/seccomp/actions_avail",
        "every answer that this kernel has, the strictest first",
    );
    stage.pause("three shells have ended, each in its way")
}
// ANCHOR_END: other_answers

// ANCHOR: the_filter_of_a_container
fn the_filter_of_a_container(stage: &mut Stage) -> Result<()> {
    stage.step("the filter of a container");
    stage.say(
        "A container's filter allows a list of calls by name, and refuses the rest with EPERM. A list walked from the front would
         cost hundreds of comparisons for each call. This one is a tree: from the middle, left or right.",
    );
    let filter = profile::default_filter();
    stage.measure("the whole filter, in instructions", filter.program().len(), "its program");
    stage.measure("the longest way in it", filter.depth(), "its program");
    stage.depending_on_machine(|| shown(stage, "unshare()", &way(&filter, "unshare")));
    numbers(stage, "chdir")?;
    stage.say(
        "A call has one number for each architecture, and a kernel may run programs of several. A filter that looks at the number
         alone can be passed with the numbers of another one. So the first instructions always ask for the architecture.",
    );
    stage.say(
        "What it cannot find out, it refuses altogether: clone3() makes processes, and namespaces if its flags say so. They are
         in memory, where a filter cannot look.",
    );
    let guess = stage.predict(
        "The filter of a container refuses clone3(), in every case. With which errno?",
        &["EPERM", "ENOSYS", "EINVAL"],
    );

    let guest = stage.child("container", Clone3::new(), |inside| {
        set_no_new_privs()?;
        profile::default_filter().install()?;
        let namespace = unshare(&[Kind::Uts]).refused();
        inside.check("it makes no namespaces").expect(Errno::EPERM).saw((namespace, "unshare()"))?;
        let clone = clone_refused()?;
        inside.check("clone3 is not there").expect(Errno::ENOSYS).saw((clone, "clone3()"))?;
        inside.reveal(
            guess,
            &clone.map_or("granted".into(), |errno| errno.shown()),
            "The C library tries clone3() first. ENOSYS tells it that this kernel is too old for it, and it takes clone(), whose flags
             are in a register: the filter sees them, and refuses those of namespaces. With EPERM it gives up: in 2021 programs with
             a new C library could start no thread in containers, until the runtimes had learned the difference.",
        )?;
        inside.hold()
    })?;

    let pid = guest.pid();
    let shell = ended(
        stage,
        "shell",
        &filter,
        "(exit 0) & wait $! && cd / && echo 'made a child, and changed directory'",
    )?;
    stage.output("sh", &shell.text);
    stage
        .check("a shell in it can do its work")
        .expect("exited with 0")
        .saw((shell.ended.to_string(), "wait4()"))?;
    stage.say("And a filter whose author has forgotten something: it does not allow to open files.");
    let forgetful = refusing(&["open", "openat", "openat2"], Errno::EPERM);
    let broken = ended(stage, "broken", &forgetful, "read word < /proc/sys/kernel/ostype")?;
    // Whose words these are depends on the C library of the shell.
    stage.depending_on_machine(|| stage.output("sh", &broken.text));
    let how = Reading::new("shell", "wait4()", broken.ended.to_string()).varying();
    stage.check("without open files a shell is of no use").expect_other_than("exited with 0").saw(&how)?;
    stage.check("the container waits, filtered").expect("2").saw(&status(pid, "Seccomp")?)?;
    stage.why(
        "A program says that it cannot open a file, that it cannot make a thread, or nothing: no message names the filter. So in a
         container EPERM has three causes: permissions, capabilities, the filter. To find out, run it once with seccomp=unconfined,
         or with a filter that answers LOG.",
        &[
            man("clone", 2),
            kernel_doc("Seccomp BPF", "userspace-api/seccomp_filter"),
            kernel_doc("Linux Socket Filtering aka Berkeley Packet Filter (BPF)", "networking/filter"),
        ],
    );
    stage.try_it(
        format!("grep -E 'NoNewPrivs|Seccomp' /proc/{pid}/status"),
        "as any process of a container has it",
    );
    stage.pause("a process waits, with the filter of a container")?;
    guest.finish()
}
// ANCHOR_END: the_filter_of_a_container
