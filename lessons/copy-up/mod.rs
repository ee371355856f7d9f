//! Copy-up: what overlayfs does at the first change of a file, and where that can be seen.

mod lab;
mod props;

use crate::event::{kernel_doc, man};
use crate::kernel::{Errno, Refused, fs};
use crate::machine::{Need, explain};
use crate::probe::files::{identity, kind, length, listing, space};
use crate::probe::layers::{names, opaque, read_open};
use crate::probe::{Reading, file};
use crate::stage::{Lesson, Result, Shown, Stage};
use props::{a_layer, fill, in_here, mount_layers, timed, without_1g};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "copy-up",
    title: "Copy-up",
    minutes: 10,
    builds_on: &["overlay"],
    steps: 5,
    needs: &[Need::Overlay],
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    one_byte(stage)?;
    open_before(stage)?;
    two_names(stage)?;
    a_directory_moves(stage)?;
    made_anew(stage)
}

// ANCHOR: one_byte
fn one_byte(stage: &mut Stage) -> Result<()> {
    stage.step("one byte");
    stage.say(
        "A file of a layer is copied into the upper directory before it is changed for the first time. We take a
         large one, called 1G, append one byte to it, and look at the clock and at the upper directory.",
    );
    stage.backstage(|| a_layer().and_then(|()| fill(stage, "lower/1G")))?;
    mount_layers(stage.scene().mode)?;
    let original = length("lower/1G")?.varying();
    let guess = stage.predict(
        "One byte is appended to merged/1G. What does the upper directory hold then?",
        &["the byte", "the block of 4 KiB that the byte is in", "all of 1G, and the byte"],
    );

    let (appended, first) = timed(|| fs::append("merged/1G", "+"));
    appended?;

    let (longer, taken) = (length("upper/1G")?.varying(), space("upper/1G")?.varying());
    let copy = identity("upper/1G")?;
    let (appended, second) = timed(|| fs::append("merged/1G", "+"));
    appended?;
    stage.chart(
        "one byte appended",
        "ms",
        "from open() to close()",
        &[("the first", first), ("the second", second)],
    );
    stage
        .state("the file")
        .new(&original, "in its layer")
        .new(&longer, "the copy")
        .new(&taken, "what the copy takes")
        .show();
    let bytes = original.innermost().unwrap_or(0);
    stage.check("upper/1G is all of it, and one byte").expect((bytes + 1).to_string()).saw(&longer)?;
    stage.check("no byte of it is a hole").expect_at_least(bytes).saw(&taken)?;
    stage
        .check("the layer's file is as long as it was")
        .expect(&original)
        .saw(&length("lower/1G")?.varying())?;
    stage.check("the second byte went into the same copy").expect(&copy).saw(&identity("upper/1G")?)?;
    let observed = match taken.innermost().unwrap_or(0) {
        0..512 => "the byte",
        space if space < bytes => "the block of 4 KiB that the byte is in",
        _ => "all of 1G, and the byte",
    };
    stage.reveal(
        guess,
        observed,
        "Overlayfs chooses between whole files, so it copies the whole file, and whoever opens it for writing waits for
         that. Only the first one does: afterwards the file is in the upper directory.",
    )?;
    stage.say(
        "Not even a byte has to change. The program `tool` becomes executable, as by `RUN chmod` in a build.",
    );
    fs::chmod("merged/tool", 0o755)?;
    stage.check("tool was copied, too").expect("a program").saw(&file("upper/tool")?)?;
    stage.why(
        "The copy is made of what the file has: content, owner, permissions, times, attributes. Holes are left out since
         Linux 5.6. On btrfs and XFS the copy can share the blocks of the original; metacopy=on postpones the content.",
        &[kernel_doc("Overlay Filesystem: non-directories", "filesystems/overlayfs"), man("mount", 8)],
    );
    stage.try_it(
        in_here(stage, "ls -ls /tmp/lower /tmp/upper")?,
        "in front of each file, the KiB that it takes",
    );
    stage.pause("two copies of 1G are there")?;
    stage.backstage(|| without_1g(stage.scene().mode))
}
// ANCHOR_END: one_byte

// ANCHOR: open_before
fn open_before(stage: &mut Stage) -> Result<()> {
    stage.step("what was open before");
    stage.say(
        "A program reads merged/log, by a descriptor and as mapped memory. Then somebody else overwrites the log,
         which is in a layer: from now on the copy is what the name leads to. What does the program see?",
    );
    stage.backstage(|| fs::create("plain", "old\n"))?;
    let guess = stage.predict(
        "`old` is overwritten by `new` in merged/log. The program, which still has it open, reads",
        &[
            "old by both",
            "new by both",
            "new by the descriptor, old in memory",
            "old by the descriptor, new in memory",
        ],
    );

    let log = fs::open("merged/log")?;
    let memory = fs::mmap(&log, 3)?;
    fs::write("merged/log", "new\n")?;

    let by_name = file("merged/log")?;
    let descriptor = read_open(&log, "the descriptor")?;
    let in_memory = mapped(&memory);
    stage
        .state("merged/log")
        .new(&by_name.clone().labelled("by its name"), "the copy")
        .new(&descriptor, "overlayfs looks for a copy at each read")
        .new(&in_memory, "nobody asks overlayfs")
        .show();
    stage.check("by its name it is the new one").expect("new").saw(&by_name)?;
    stage.check("the old descriptor reads the copy").expect("new").saw(&descriptor)?;
    stage.check("the memory is still the file of the layer").expect("old").saw(&in_memory)?;
    let observed = match (descriptor.text.as_str(), in_memory.text.as_str()) {
        ("new", "old") => "new by the descriptor, old in memory",
        ("old", "new") => "old by the descriptor, new in memory",
        ("new", _) => "new by both",
        _ => "old by both",
    };
    stage.reveal(
        guess,
        observed,
        "read() goes through overlayfs, which sees since Linux 4.19 that there is a copy. Mapped memory is pages of the
         layer's own file, and that file nobody has changed. Before 4.19 the descriptor would have been left behind, too.",
    )?;
    stage.say("Without an overlay both are one: the same, with a plain file beside.");
    let plain = fs::open("plain")?;
    let memory = fs::mmap(&plain, 3)?;
    fs::write("plain", "new\n")?;
    stage.check("memory mapped from a plain file is the file").expect("new").saw(&mapped(&memory))?;
    stage.why(
        "This is what the kernel's documentation calls non-standard behavior. It bites programs that share a file as
         memory, databases for instance: their files belong into a volume, which is no overlay.",
        &[kernel_doc("Overlay Filesystem: non-standard behavior", "filesystems/overlayfs"), man("mmap", 2)],
    );
    stage.try_it(in_here(stage, "grep . /tmp/lower/log /tmp/upper/log")?, "both files of that name");
    stage.pause("the old log is mapped, the new one has the name")
}

/// What is in mapped memory.
fn mapped(memory: &fs::Mapping) -> Reading {
    let text = String::from_utf8_lossy(&memory.read()).into_owned();
    Reading::new("in mapped memory", "memory, MAP_SHARED", text)
}
// ANCHOR_END: open_before

// ANCHOR: two_names
fn two_names(stage: &mut Stage) -> Result<()> {
    stage.step("two names for one file");
    stage.say(
        "In the layer, a and b are hard links: two names for one file. Something is written to merged/a. Then b, which
         the layer has, gets the name c.",
    );
    stage.check("the layer's file has two names").expect(2).saw(&names("lower/a")?)?;
    let guess = stage.predict(
        "`2` is appended to merged/a. What is in merged/b, the other name of the file?",
        &["1, then 2: it is the same file", "1: it is another file now"],
    );

    fs::append("merged/a", "2\n")?;

    let other = file("merged/b")?;
    stage
        .state("two names")
        .compare(&names("lower/a")?, &names("upper/a")?, "the copy has one")
        .new(&other, "from the layer, as before")
        .show();
    stage.check("b still says what it said").expect("1").saw(&other)?;
    stage.check("the copy is a file of its own").expect(1).saw(&names("upper/a")?)?;
    let same = other.text.contains('2');
    stage.reveal(
        guess,
        if same { "1, then 2: it is the same file" } else { "1: it is another file now" },
        "The name that was written to was copied, and the link was broken by that. A package manager that makes hard
         links, or a repository with shared objects, can be surprised by it. index=on keeps them together, as root.",
    )?;
    stage.say("Now the name: for a file of a layer, a rename is a copy with the new name, and a whiteout for the old one.");
    fs::rename("merged/b", "merged/c")?;
    stage.check("the upper directory has both").expect("a  b (whiteout)  c  log").saw(&listing("upper")?)?;
    stage
        .check("the mark is a device that no driver has")
        .expect("character device 0:0")
        .saw(&kind("upper/b")?)?;
    stage.why(
        "So `mv` of a large file in a container takes as long as a copy, and the space of one. What is in the upper
         directory already is simply renamed there.",
        &[kernel_doc("Overlay Filesystem: index", "filesystems/overlayfs"), man("link", 2), man("rename", 2)],
    );
    stage.try_it(in_here(stage, "ls -li /tmp/lower /tmp/upper")?, "in front, the number of each file");
    stage.pause("a was written to, and b has become c")
}
// ANCHOR_END: two_names

// ANCHOR: a_directory_moves
fn a_directory_moves(stage: &mut Stage) -> Result<()> {
    stage.step("a directory moves");
    stage.say("A file is renamed by copying it. The layer also has a directory, `src`, with one file in it.");
    let guess = stage.predict(
        "merged/src is renamed to merged/old. What does rename() answer?",
        &["0: only the name is changed", "0: all of it is copied", "EXDEV"],
    );

    let refused = fs::rename("merged/src", "merged/old").refused();

    stage
        .check("a directory of a layer cannot be renamed")
        .expect(Errno::EXDEV)
        .saw((refused, "rename()"))?;
    let copied = kind("upper/old").is_ok();
    let granted = if copied { "0: all of it is copied" } else { "0: only the name is changed" };
    stage.reveal(
        guess,
        &refused.map_or(granted.into(), |errno| errno.shown()),
        "A whole tree would have to be copied in one step that cannot fail halfway. Overlayfs does not try: it says what
         rename() says between two file systems, and programs know what to do about that.",
    )?;
    stage.say("The right way is what `mv` does after EXDEV: a new directory, each file for itself, and away with the old.");
    fs::mkdir("merged/old")?;
    fs::rename("merged/src/main.c", "merged/old/main.c")?;
    if marked(stage, "removing a directory of a layer", fs::rmdir("merged/src"))? {
        moved(stage)?;
    }
    stage.why(
        "With redirect_dir=on, as root, overlayfs writes down where the directory came from instead, and rename() works.
         Such a layer makes sense above its own lower ones only, so tools that build images keep it off.",
        &[kernel_doc("Overlay Filesystem: renaming directories", "filesystems/overlayfs"), man("rename", 2)],
    );
    stage.try_it(in_here(stage, "ls -l /tmp/upper /tmp/lower/src")?, "what came of it, and what there was");
    stage.pause("the directory has moved, file by file")
}

fn moved(stage: &Stage) -> Result<()> {
    stage
        .state("directories")
        .new(&listing("lower/src")?, "as it was")
        .new(&listing("upper")?, "a mark for src, and a directory")
        .new(&listing("merged/old")?, "the file, copied up")
        .show();
    stage.check("the file is there").expect("int main;").saw(&file("merged/old/main.c")?)?;
    stage.check("and src is gone").expect("character device 0:0").saw(&kind("upper/src")?)?;
    stage.say("A directory that only the upper one has is a directory like any other.");
    fs::rename("merged/old", "merged/older")?;
    stage.check("it is renamed").expect("main.c").saw(&listing("upper/older")?)
}
// ANCHOR_END: a_directory_moves

// ANCHOR: made_anew
fn made_anew(stage: &mut Stage) -> Result<()> {
    stage.step("a directory made anew");
    stage.say(
        "The layer has a directory `cache` with two files. In the container it is removed, and made again.",
    );
    ["merged/cache/x", "merged/cache/y"].iter().try_for_each(fs::unlink)?;
    if marked(stage, "an opaque directory", fs::rmdir("merged/cache"))? {
        stage
            .check("a whiteout hides all of it")
            .expect("character device 0:0")
            .saw(&kind("upper/cache")?)?;
        fs::mkdir("merged/cache")?;
        opaque_directory(stage)?;
    }
    stage.why(
        "In a layer that is shipped, which is a tar archive, the mark is a file with the name .wh..wh..opq in the
         directory. Trusted attributes are for root; in a user namespace the option userxattr puts user.* in their place.",
        &[kernel_doc("Overlay Filesystem: whiteouts and opaque directories", "filesystems/overlayfs"), man("xattr", 7)],
    );
    stage.try_it(in_here(stage, "ls -lR /tmp/lower/cache /tmp/upper")?, "the directory twice");
    stage.pause("everything that a layer can say has been said")
}

/// Whether overlayfs could mark a directory. It answers EIO where the file system has no attributes for that.
fn marked(stage: &Stage, what: &str, done: crate::kernel::Result<()>) -> Result<bool> {
    match done {
        Err(error) if error.errno == Errno::EIO => {
            stage.skip(what, explain(&error));
            Ok(false)
        }
        done => Ok(done.map(|()| true)?),
    }
}

fn opaque_directory(stage: &Stage) -> Result<()> {
    let guess = stage.predict(
        "merged/cache was removed and made again. The layer still has x and y in it. It lists",
        &["(empty)", "x  y"],
    );
    let (mark, merged) = (opaque("upper/cache")?, listing("merged/cache")?);
    stage
        .state("directories")
        .new(&listing("lower/cache")?, "as it was")
        .new(&kind("upper/cache")?, "a directory, where the mark was")
        .new(&mark, "an attribute of it")
        .new(&merged, "what is seen")
        .show();
    stage.check("it has a mark: opaque").expect("y").saw(&mark)?;
    stage.check("one that is merged has none").expect("(none)").saw(&opaque("upper")?)?;
    stage.reveal(
        guess,
        &merged.text,
        "Directories of one name are merged, so a plain one would let the layer's files shine through. The attribute
         says: opaque, look no further down. It is one mark, however many files are below.",
    )
}
// ANCHOR_END: made_anew
