//! The memory controller: a limit, and what the kernel does when a group is at it.

mod lab;
mod props;

use std::hint::black_box;

use crate::event::{kernel_doc, man};
use crate::kernel::arch::page_size;
use crate::kernel::cgroup::{
    Controller, Group, MEMORY_ANON, MEMORY_CURRENT, MEMORY_KILLS, MEMORY_MAX, MEMORY_PROCS, MEMORY_STAT,
    MEMORY_SWAP,
};
use crate::kernel::process::{Clone3, Ended, Sig, kill};
use crate::machine::Need;
use crate::probe::cgroup::{anonymous, control, limit_hits, oom_kills, page_cache, usage};
use crate::probe::files::read_through;
use crate::probe::memory;
use crate::probe::process::lives;
use crate::stage::{Lesson, LessonGroup, Result, Stage};
use props::{MOMENT, big_file, eventually, is_inside, touched};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "memory",
    title: "Memory limit",
    minutes: 8,
    builds_on: &["cgroup-tree"],
    steps: 4,
    needs: &[Need::Controller(Controller::Memory)],
    run,
    lab: lab::LAB,
};

const MIB: u64 = 1 << 20;
const LIMIT: u64 = 32 * MIB;
/// What the reader takes for itself.
const OWN: u64 = 24 * MIB;
/// Each CPU counts for itself, and what it has not handed in yet is missing from `memory.stat`.
const SLACK: u64 = 4 * MIB;

fn run(stage: &mut Stage) -> Result<()> {
    let group = a_number_in_a_file(stage)?;
    page_cache_goes_first(stage, &group)?;
    let death = up_to_the_limit(stage, &group)?;
    who_was_told(stage, group, death)
}

// ANCHOR: a_number_in_a_file
fn a_number_in_a_file(stage: &mut Stage) -> Result<LessonGroup> {
    stage.step("a limit is a number in a file");
    stage.say(
        "A control group is a directory in a file system that the kernel makes up. `mkdir` makes the group, and
         the kernel fills the directory with its controls. To limit memory is to write a number into one.",
    );
    let guess = stage.predict(
        "Inside a group limited to 32 MiB a process reads in /proc/meminfo how much memory there is. It sees",
        &["32 MiB", "all of the machine's memory"],
    );

    let group = stage.cgroup("hog", &[Controller::Memory])?;
    let before = control(&group, MEMORY_MAX)?;
    group.limit_memory(LIMIT)?;
    let after = control(&group, MEMORY_MAX)?;
    stage.say(format!(
        "The interface has two versions, with other names for the same thing: below each name stands the other
         one. Swap is set to none in {}: a group at its limit would otherwise go on in swap, and slowly.",
        MEMORY_SWAP.named(group.version(Controller::Memory)?),
    ));
    stage
        .state("control group")
        .compare(&before, &after, "from no limit to 32 MiB")
        .new(&oom_kills(&group)?, "nobody has been killed yet")
        .show();
    stage.check("the limit reads back").expect(LIMIT).saw(&after)?;

    let outside = memory::total()?;
    let member = stage.child_in(&group, "member", Clone3::new(), |inside| {
        is_inside(inside, &group)?;
        let total = memory::total()?;
        inside
            .side_by_side("how much memory there is", "host", "inside")
            .compare(&outside, &total, "")
            .show();
        inside.check("inside, /proc/meminfo says the same as outside").expect(&outside).saw(&total)?;
        let observed = if total == outside { "all of the machine's memory" } else { "32 MiB" };
        inside.reveal(
            guess,
            observed,
            "A limit is not a smaller machine. A program that sizes its heap by what `free` shows takes too
             much and is killed: that is why language runtimes have learned to read the limit in the cgroup.",
        )?;
        inside.hold()
    })?;
    stage.why(
        "`docker run --memory 32m` writes this very file. A group without a number has no limit but that of its
         parents.",
        &[kernel_doc("Control Group v2", "admin-guide/cgroup-v2"), man("cgroups", 7), man("proc_meminfo", 5)],
    );
    stage.try_it(format!("cat {}", group.path(MEMORY_MAX)?.display()), "the limit, read by you");
    stage.try_it(format!("cat {}", group.path(MEMORY_PROCS)?.display()), "the process inside");
    stage.pause("a process waits inside of the group")?;
    member.finish()?;
    Ok(group)
}
// ANCHOR_END: a_number_in_a_file

// ANCHOR: page_cache_goes_first
fn page_cache_goes_first(stage: &mut Stage, group: &Group) -> Result<()> {
    stage.step("the page cache goes first");
    stage.say(
        "The kernel keeps what was read from files in memory, the page cache, and counts it for the group that
         read it. So a program that only reads files can fill its group, too.",
    );
    let Some(file) = big_file(stage, 2 * LIMIT)? else {
        return stage.pause("nothing to be seen here; the next step needs no file");
    };
    let guess = stage.predict(
        "The limit is 32 MiB. A process inside reads a file of 64 MiB. What happens?",
        &["it is killed at 32 MiB", "it reads to the end", "read() fails with ENOMEM"],
    );

    let mut reader = stage.child_in(group, "reader", Clone3::new(), |inside| {
        is_inside(inside, group)?;
        let length = read_through(&file)?;
        inside.check("it reads to the end of the file").expect(2 * LIMIT).saw((length, "read()"))?;
        inside.hold()?;
        let memory = touched(OWN);
        inside.hold()?;
        drop(black_box(memory));
        Ok(())
    })?;

    let full = eventually(|| Ok(page_cache(group)?), |bytes| bytes >= LIMIT / 2)?;
    let own = anonymous(group)?;
    stage.check("the group was at its limit").expect_at_least(1).saw(&limit_hits(group)?)?;
    stage.check("and the page cache fills most of it").expect_at_least(LIMIT / 2).saw(&full)?;
    stage.check("nobody was killed").expect(0).saw(&oom_kills(group)?)?;
    let alive = lives(reader.pid())?;
    stage.check("the reader is alive").saw(&alive)?;
    let observed = if alive.text == "yes" { "it reads to the end" } else { "it is killed at 32 MiB" };
    stage.reveal(
        guess,
        observed,
        "At the limit the kernel first takes back what it can get again. Content of a file is in the file, so
         the oldest pages of the cache go, and the reading goes on.",
    )?;

    stage.say("Now the same process asks for 24 MiB of memory of its own, and writes to every page of it.");
    reader.go_on();
    let owned = eventually(|| Ok(anonymous(group)?), |bytes| bytes >= OWN - SLACK)?;
    let left = eventually(|| Ok(page_cache(group)?), |bytes| bytes <= LIMIT - OWN + SLACK)?;
    stage
        .state("memory of the group")
        .compare(&full, &left, "reclaimed: it made room")
        .compare(&own, &owned, "the process's own")
        .show();
    stage.check("its own memory is there").expect_at_least(OWN - SLACK).saw(&owned)?;
    stage.check("page cache was reclaimed first").expect_at_most(LIMIT - OWN + SLACK).saw(&left)?;
    stage.check("and still nobody was killed").expect(0).saw(&oom_kills(group)?)?;
    stage.why(
        &format!(
            "So a container that is \"full\" may be quite well: much of it can be cache. What counts is what
             cannot be given back, {}: no file has a copy of it.",
            MEMORY_ANON.named(group.version(Controller::Memory)?),
        ),
        &[kernel_doc("Control Group v2: memory", "admin-guide/cgroup-v2")],
    );
    stage
        .try_it(format!("cat {}", group.path(MEMORY_STAT)?.display()), "what the group's memory is used for");
    stage.pause("the reader waits with its 24 MiB")?;
    reader.finish()
}
// ANCHOR_END: page_cache_goes_first

// ANCHOR: up_to_the_limit
fn up_to_the_limit(stage: &mut Stage, group: &Group) -> Result<Ended> {
    stage.step("up to the limit");
    stage.say(
        "Now memory that cannot be given back. A process in the group takes it a mebibyte at a time and writes
         to each page. A neighbour outside of the group holds twice as much as the group may have.",
    );
    let guess = stage.predict(
        "The hog asks malloc for 64 MiB and fills them up. The limit is 32 MiB. What happens to it?",
        &["malloc returns NULL", "its memory is swapped out", "it is killed"],
    );
    let neighbour = stage.child("neighbour", Clone3::new(), |outside| {
        let memory = touched(2 * LIMIT);
        outside.hold()?;
        let whole = black_box(&memory).iter().step_by(page_size()).all(|byte| *byte == 1);
        outside.check("the neighbour's memory is untouched").saw((whole, "its own pages"))
    })?;
    let before = [limit_hits(group)?, oom_kills(group)?, usage(group)?];

    let hog = stage.child_in(group, "hog", Clone3::new(), |inside| {
        // Without a limit that holds, the next lines would be aimed at the machine.
        is_inside(inside, group)?;
        inside.check("its limit is 32 MiB").expect(LIMIT).saw(&control(group, MEMORY_MAX)?)?;
        let mut memory = Vec::new();
        let promised = memory.try_reserve_exact((2 * LIMIT) as usize).is_ok();
        inside.check("malloc promises all of it").saw((promised, "malloc()"))?;
        inside.check("a promise takes no memory").expect_at_most(LIMIT / 2).saw(&usage(group)?)?;
        let block = touched(MIB);
        while memory.len() < (2 * LIMIT) as usize {
            memory.extend_from_slice(black_box(&block));
            let used = usage(group)?.text.parse().unwrap_or(0) / MIB;
            inside.gauge("the group", used, LIMIT / MIB, "MiB");
            std::thread::sleep(MOMENT);
            if memory.len() as u64 == LIMIT / 2 {
                let file = group.path(MEMORY_CURRENT)?;
                inside.try_it(format!("cat {}", file.display()), "how much the group uses now");
                inside.pause("half of the limit is in use; the rest follows")?;
            }
        }
        Ok(())
    })?;

    let death = hog.wait()?;
    let free_again = eventually(|| Ok(usage(group)?), |bytes| bytes <= LIMIT / 2)?;
    let after = [limit_hits(group)?, oom_kills(group)?, free_again];
    stage
        .state("the group")
        .compare(&before[0], &after[0], "at the limit, and nothing to take back")
        .compare(&before[1], &after[1], "the OOM killer was here")
        .compare(&before[2], &after[2], "what the hog had is free again")
        .show();
    stage
        .check("it was killed by the OOM killer's signal")
        .expect(Ended::Killed(Sig::SIGKILL).to_string())
        .saw((death.to_string(), "wait4()"))?;
    let more_hits = before[0].innermost().unwrap_or(0) + 1;
    stage.check("it was at the limit").expect_at_least(more_hits).saw(&after[0])?;
    stage.check("the kernel counted one kill").expect(1).saw(&after[1])?;
    stage.check("and has the memory back").expect_at_most(LIMIT / 2).saw(&after[2])?;
    let observed = match death {
        Ended::Killed(_) => "it is killed",
        Ended::Exited(0) => "its memory is swapped out",
        Ended::Exited(_) => "malloc returns NULL",
    };
    stage.reveal(
        guess,
        observed,
        "malloc only promises. Memory is given page by page at the first touch, and there is no error that a
         write to memory could return. With nothing left to take back, the kernel ends a process of the group.",
    )?;
    stage.check("the neighbour outside the group lives on").saw(&lives(neighbour.pid())?)?;
    neighbour.finish()?;
    stage.why(
        "OOM is \"out of memory\". The killer looks only inside of the group that is at its limit, and takes the
         process that frees the most. The machine has memory left, and nobody else notices.",
        &[kernel_doc("Control Group v2: memory", "admin-guide/cgroup-v2"), man("malloc", 3)],
    );
    if !stage.scene().mode.is_rootless() {
        stage.try_it("dmesg | grep -i 'out of memory' | tail -n 1", "what the kernel's log says of it");
    }
    stage.pause("the hog is gone, and its memory with it")?;
    Ok(death)
}
// ANCHOR_END: up_to_the_limit

// ANCHOR: who_was_told
fn who_was_told(stage: &mut Stage, group: LessonGroup, first: Ended) -> Result<()> {
    stage.step("who was told?");
    stage.say(
        "The hog had no chance to write a last line to its log: SIGKILL cannot be caught. Who can tell what
         happened to it? We end a second process in the same group, with an ordinary kill -9.",
    );
    let guess = stage.predict(
        "How does a parent tell by wait() that its child was ended by the OOM killer, not by a kill -9?",
        &["by the signal", "by exit status 137", "not at all"],
    );

    let victim = stage.child_in(&group, "victim", Clone3::new(), |inside| inside.hold())?;
    kill(victim.pid(), Sig::SIGKILL)?;
    let second = victim.wait()?;
    stage.check("both died the same death").expect(first.to_string()).saw((second.to_string(), "wait4()"))?;
    stage
        .check("a shell, or docker, calls it 137: 128 + 9")
        .expect(137)
        .saw((first.shell_status(), "wait4()"))?;
    stage.check("only the counter knows: still one kill").expect(1).saw(&oom_kills(&group)?)?;
    stage.reveal(
        guess,
        if first == second { "not at all" } else { "by the signal" },
        "137 says SIGKILL and no more. Container managers watch the counter: what `docker inspect` shows as
         OOMKilled comes from there.",
    )?;
    stage.why(
        "In version 2 whoever waits on memory.events with poll() or inotify is told at once; in version 1 an
         eventfd is registered in cgroup.event_control. Both files are the group's, so the news outlives the dead.",
        &[kernel_doc("Control Group v2: memory", "admin-guide/cgroup-v2"), man("wait", 2), man("signal", 7)],
    );
    let kills = group.path(MEMORY_KILLS)?;
    stage.try_it(format!("grep oom {}", kills.display()), "the counter, read by you");
    stage.pause("the group is empty; now it is removed")?;

    group.remove()?;
    stage
        .check("the group and its counters are gone")
        .expect(false)
        .saw((kills.exists(), kills.to_string_lossy()))
}
// ANCHOR_END: who_was_told
