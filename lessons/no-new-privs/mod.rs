//! no_new_privs: what a program can gain by being executed, and the promise that ends that.

mod lab;
mod props;

use crate::event::{kernel_doc, man};
use crate::kernel::capability::{Set, capset};
use crate::kernel::process::{Clone3, set_no_new_privs, unset_no_new_privs};
use crate::kernel::{Errno, Refused};
use crate::machine::ordinary::{self, ORDINARY};
use crate::machine::{Need, Refusal};
use crate::probe::link;
use crate::probe::process::{comm, status};
use crate::stage::{Child, Lesson, Program, Result, Stage};
use props::{ALL, AS_OWNER, CAPABLE, CAT, Cat, Held, executed, provide};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "no-new-privs",
    title: "No new privileges",
    minutes: 10,
    builds_on: &["capabilities", "seccomp"],
    steps: 3,
    needs: &[Need::NewPrivileges, Need::FileCapabilities, Need::Program("cat")],
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    what_a_file_gives(stage)?;
    the_promise(stage)?;
    for_good(stage)
}

/// The marks that a copy can have here: what it is called in tables, and the file.
fn marks() -> &'static [(&'static str, &'static str)] {
    const MARKS: [(&str, &str); 2] = [("set-uid", AS_OWNER), ("capable", CAPABLE)];
    if no_set_uid().is_none() { &MARKS } else { &MARKS[1..] }
}

/// Why the first one cannot be shown here, if it cannot.
fn no_set_uid() -> Option<Refusal> {
    let refusal = |why: &str, hint: &str| Some(Refusal { why: why.into(), hint: hint.into() });
    if !ordinary::has_one() {
        return refusal(
            "this stage has one number, root's, and the mark wants two: the user's and the owner's",
            "run the lesson as root, for example with sudo",
        );
    }
    if link(CAT).is_ok_and(|link| link.text.contains("busybox")) {
        return refusal(
            "cat is busybox here, which gives up at once what the mark gave it",
            "install the cat of coreutils",
        );
    }
    None
}

// ANCHOR: what_a_file_gives
fn what_a_file_gives(stage: &mut Stage) -> Result<()> {
    stage.step("what a file can give");
    stage.say(
        "A program runs with the power of whoever executes it, unless its file has a mark. With the set-uid bit in its mode it
         runs with the number of its owner: so sudo, su and passwd are root's. With capabilities in an attribute it has those. Here
         are two copies of cat, one with each mark, and a file that is closed to everybody but root.",
    );
    provide(stage)?;
    stage.say(
        "An ordinary user executes them. cat shows the file if it may read it, and then waits for its input. Uid has four numbers:
         real, effective, saved, and that for files.",
    );
    if let Some(refusal) = no_set_uid() {
        stage.skip("the set-uid bit", refusal);
    }
    let mut cats = vec![];
    for &(name, file) in marks() {
        let cat = executed(stage, name, file, false)?;
        stage.output("cat", &cat.text);
        across(stage, &cat);
        stage.check("it has read what is closed to its user").expect("42").saw((&cat.text, "its output"))?;
        match file {
            AS_OWNER => {
                let root = [ORDINARY, 0, 0, 0];
                stage
                    .check("its real number is the user's, the others are root's")
                    .expect(root)
                    .saw(&cat.after.uid)?;
                stage.check("and so is its power").expect(ALL).saw(&cat.after.effective)?;
                stage.check("the kernel tells it to trust nobody").expect("1").saw(&cat.secure()?)?;
            }
            _ => {
                stage.check("its number is its user's").expect(&cat.before.uid).saw(&cat.after.uid)?;
                stage.check("it has the capability").expect("DAC_OVERRIDE").saw(&cat.after.effective)?;
            }
        }
        cats.push(cat);
    }
    stage.why(
        "Every such program is a door, and as good as its lock: whoever finds a fault in one is root. AT_SECURE tells the C
         library that the program has more power than its user, so it does not load what LD_PRELOAD names. Where no such door
         is wanted a file system is mounted nosuid, as /tmp of this stage is: there the kernel looks at neither mark.",
        &[man("execve", 2), man("capabilities", 7), man("getauxval", 3), man("mount", 8)],
    );
    stage.try_it(watch(&cats), "as your terminal sees it");
    stage.pause("cat waits, with a power that its user does not have")?;
    cats.into_iter().try_for_each(Cat::end)
}

/// What execve has made of the user.
fn across(stage: &Stage, cat: &Cat) {
    let Cat { before, after, .. } = cat;
    stage
        .state("its status")
        .compare(&before.uid, &after.uid, "")
        .compare(&before.effective, &after.effective, "")
        .compare(&before.promise, &after.promise, "")
        .show();
}

/// A command that shows the numbers and the power of these.
fn watch(cats: &[Cat]) -> String {
    let files: Vec<String> = cats.iter().map(|cat| format!("/proc/{}/status", cat.pid())).collect();
    format!("grep -E 'Uid|CapEff|NoNew' {}", files.join(" "))
}
// ANCHOR_END: what_a_file_gives

// ANCHOR: the_promise
fn the_promise(stage: &mut Stage) -> Result<()> {
    stage.step("the promise");
    stage.say(
        "Now the user makes a promise first, which nobody has to allow: prctl(PR_SET_NO_NEW_PRIVS). Then he executes the same
         files.",
    );
    let guess = stage.predict(
        "After no_new_privs a user executes a program that gives power. What happens?",
        &["execve answers EPERM", "it runs, and has the power", "it runs, and has no more than its user"],
    );
    let mut cats = vec![];
    for &(name, file) in marks() {
        let cat = executed(stage, name, file, true)?;
        stage.depending_on_machine(|| stage.output("cat", &cat.text));
        across(stage, &cat);
        stage.check("it has been executed").expect("yes").saw((is_running(&cat, file)?, "/proc/PID/comm"))?;
        stage.check("its number is its user's").expect([ordinary_here(); 4]).saw(&cat.after.uid)?;
        stage.check("it has no capability").expect("(none)").saw(&cat.after.effective)?;
        let refused = cat.text.contains("ermission denied");
        stage.check("it may not read the file either").saw((refused, "its output"))?;
        cats.push(cat);
    }
    let gained = cats.iter().any(|cat| cat.after.effective.text != "(none)");
    stage.reveal(
        guess,
        if gained { "it runs, and has the power" } else { "it runs, and has no more than its user" },
        "execve succeeds, and the kernel overlooks the mark. The program finds out later, when a call is refused. Hardly one says
         why; sudo does: the \"no new privileges\" flag is set, which prevents it from running as root.",
    )?;
    stage.why(
        "To refuse would break programs that do well without their mark most of the time: ping and ssh-keysign want it for a
         single thing. And nothing happens to the file: the next user, who has promised nothing, gets its power.",
        &[kernel_doc("No New Privileges Flag", "userspace-api/no_new_privs"), man("prctl", 2), man("execve", 2)],
    );
    stage.try_it(watch(&cats), "the line that tells: NoNewPrivs");
    stage.pause("cat waits, and is nothing more than its user")?;
    cats.into_iter().try_for_each(Cat::end)
}

/// What the host lane calls an ordinary user.
fn ordinary_here() -> u32 {
    if ordinary::has_one() { ORDINARY } else { 0 }
}

fn is_running(cat: &Cat, file: &str) -> Result<bool> {
    Ok(file.ends_with(&comm(cat.pid())?.text))
}
// ANCHOR_END: the_promise

// ANCHOR: for_good
fn for_good(stage: &mut Stage) -> Result<()> {
    stage.step("for good, and for root too");
    stage.say(
        "The promise is a bit of the process. This one is root, has every capability, and promises. Then it tries to take that back,
         and has a child.",
    );
    let guess = stage.predict(
        "Root with every capability has promised, and executes cat, an ordinary program. What may cat do?",
        &["nothing that takes a capability", "all that root may", "what docker leaves to root"],
    );
    let (whole, keeper) = becoming_cat(stage, "root", |inside| {
        set_no_new_privs()?;
        let refused = unset_no_new_privs().refused();
        inside.check("there is no way back").expect(Errno::EINVAL).saw((refused, "prctl()"))?;
        let heir = inside.child("heir", Clone3::new(), |heir| {
            heir.check("a child has promised too").expect("1").saw(&status("self", "NoNewPrivs")?)
        })?;
        heir.finish()
    })?;
    let had = Held::by(whole.pid())?;
    stage.reveal(
        guess,
        if had.effective.text == ALL { "all that root may" } else { "nothing that takes a capability" },
        "The promise is about what execve gives. What a process has it keeps, and so do its programs: root stays root. To make
         less of root is the work of capabilities, and of the filter.",
    )?;
    stage.check("root's program has all of root's power").expect(ALL).saw(&had.effective)?;

    stage.say(
        "A second root gives up its capabilities before it executes cat. In the lesson on capabilities such a root got them back:
         for number 0 every file counts as marked.",
    );
    let (bare, other) = becoming_cat(stage, "bare", |_| {
        capset(Set::empty())?;
        Ok(set_no_new_privs()?)
    })?;
    let has = Held::by(bare.pid())?;
    stage
        .side_by_side("two roots", "root", "bare")
        .compare(&had.uid, &has.uid, "")
        .compare(&had.effective, &has.effective, "")
        .compare(&had.promise, &has.promise, "kept")
        .show();
    stage.check("its number is 0").expect([0; 4]).saw(&has.uid)?;
    stage.check("it gets nothing back").expect("(none)").saw(&has.effective)?;
    stage.why(
        "So the promise shuts what the bounding set only narrows. And as nobody who made it becomes more than he is, the kernel lets
         him do things that could mislead a set-uid program: load a filter for system calls, or confine himself with Landlock.
         Runtimes make it last before the filter, systemd for services, browsers for each page.",
        &[kernel_doc("No New Privileges Flag", "userspace-api/no_new_privs"), man("seccomp", 2), man("landlock", 7)],
    );
    let files = [&whole, &bare].map(|child| format!("/proc/{}/status", child.pid())).join(" ");
    stage.try_it(format!("grep -E 'Uid|CapEff|NoNew' {files}"), "both roots, in numbers");
    stage.pause("two programs of root wait: one has it all, one has nothing")?;
    // The end of its input is a program's own end.
    drop((keeper, other));
    whole.finish()?;
    bare.finish()
}

/// A root that does something, and then becomes an ordinary cat.
fn becoming_cat(
    stage: &Stage,
    lane: &str,
    work: impl FnOnce(&mut Stage) -> Result<()>,
) -> Result<(Child, Program)> {
    let program = Program::pipes()?;
    let child = stage.child(lane, Clone3::new(), |inside| {
        work(inside)?;
        program.execve(CAT, &["cat"], &[])
    })?;
    Ok((child, program))
}
// ANCHOR_END: for_good
