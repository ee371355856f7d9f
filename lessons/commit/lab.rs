//! Do: make an image of what a container has changed, while the container goes on.

use std::path::Path;

use crate::error::Result;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::{Pid, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, inside};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::files::{is_whiteout, kind};
use crate::probe::layers::files;
use crate::probe::process::mounted;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a layer of what a running container has changed",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

const IMAGE: &str = "/tmp/image";

/// A container that has added, changed and deleted a file.
fn begin(setting: &mut Setting) -> Result<()> {
    let deleted = setting.draw_name("deleted", "old");
    let added = setting.draw_name("added", "new");
    let number = setting.draw("number", 1000..=9999);
    setting.hold(move |_| {
        ["base", "base/etc", "base/lib", "upper", "work", "root", "image"].iter().try_for_each(fs::mkdir)?;
        fs::create("base/etc/release", "base 1\n")?;
        fs::create("base/lib/libc", "a library\n")?;
        fs::create(format!("base/etc/{deleted}"), "to be deleted\n")?;
        let layers = "lowerdir=/tmp/base,upperdir=/tmp/upper,workdir=/tmp/work,metacopy=off";
        mount("overlay", "/tmp/root", "overlay", Flags::empty(), layers)?;
        fs::append("root/etc/release", format!("{number}\n"))?;
        fs::create(format!("root/etc/{added}"), "made in the container\n")?;
        Ok(fs::unlink(format!("root/etc/{deleted}"))?)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "A container runs: its root is /tmp/root, an overlay of the layer /tmp/base and the upper directory
/tmp/upper, in a mount namespace. This brings you there:

  {enter}

Commit it. Make a layer of what it has changed, in a directory of its own, and mount the image of this layer
above /tmp/base at {IMAGE}, to be read only. The image shows what /tmp/root shows now, and goes on to show it
whatever the container writes next. The container stays mounted, and /tmp/base is untouched.",
        enter = record.value("enter"),
    )
}

/// The layers of the overlay at `IMAGE`, the topmost first, and whether it has an upper directory.
struct Mounted {
    lower: Vec<String>,
    has_upper: bool,
}

fn image_of(holder: i32) -> Option<Mounted> {
    let found = mounted(holder, IMAGE).ok()?.text;
    let options = found.strip_prefix("overlay ")?;
    let value =
        |name: &str| options.split([',', ' ']).find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let absolute = |path: &str| if path.starts_with('/') { path.into() } else { format!("/tmp/{path}") };
    let lower = value("lowerdir")?.split(':').map(|path| absolute(path.trim_end_matches('/'))).collect();
    Some(Mounted { lower, has_upper: value("upperdir").is_some() })
}

/// From the upper directory to the mounted image, whatever was tried before.
const WAY: &str = "umount /tmp/image 2>/dev/null || true; rm -rf /tmp/layer; cp -a /tmp/upper /tmp/layer; \
                   mount -t overlay overlay -o lowerdir=/tmp/layer:/tmp/base /tmp/image";

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let holder = record.holder_pid();
    let root = format!("/proc/{holder}/root");
    let image = image_of(holder);
    let seen = mounted(holder, IMAGE).map_or_else(|_| "nothing".into(), |reading| reading.text);
    let source = format!("/proc/{holder}/mountinfo {IMAGE}");
    exam.claim("an overlay is mounted at /tmp/image", image.is_some(), shortened(&seen), &source)
        .mistake("an image is layers that are mounted above each other: an overlay, with lowerdir alone")
        .hints([
            "what is in the upper directory is the new layer; the base is the one below",
            "copy the upper directory, marks and all, and mount the copy above /tmp/base",
            WAY,
        ]);
    let Some(image) = image else { return Ok(()) };
    check_layers(exam, &root, &image, &source);
    check_content(exam, record, &root);
    check_base(exam, &root);
    Ok(())
}

fn shortened(mount: &str) -> String {
    mount.split(' ').next().unwrap_or_default().into()
}

/// Directories by what they are, since they can have several names.
fn same(root: &str, one: &str, other: &str) -> bool {
    let id = |path: &str| crate::probe::files::identity(format!("{root}{path}")).ok().map(|id| id.text);
    id(one).is_some() && id(one) == id(other)
}

fn check_layers(exam: &mut Exam, root: &str, image: &Mounted, source: &str) {
    let lower = image.lower.join(":");
    let hints = |nudge: &str, next: &str| [nudge.to_string(), next.into(), WAY.into()];
    exam.claim(
        "it is to be read only",
        !image.has_upper,
        if image.has_upper { "an upperdir" } else { "none" },
        source,
    )
    .mistake("with an upperdir it is one more container, and no image")
    .hints(hints("what can be written to is not an image", "mount it without upperdir and workdir"));
    let based = image.lower.last().is_some_and(|last| same(root, last, "/tmp/base"));
    exam.claim("its lowest layer is the base", based, &lower, source)
        .mistake("the base is not the lowest layer: the leftmost directory in lowerdir is the topmost")
        .hints(hints("the new layer has only what was changed", "lowerdir=/tmp/layer:/tmp/base"));
    let own = image.lower.iter().any(|layer| same(root, layer, "/tmp/upper"));
    exam.claim("its layers are nobody's upper directory", !own, &lower, source)
        .mistake("the container still writes to /tmp/upper: what it writes next would be in the image")
        .hints(hints(
            "a layer is a directory that nobody writes to any more",
            "take a copy of the upper directory",
        ));
    let top = image.lower.first().filter(|_| image.lower.len() > 1);
    let whole = top.is_some_and(|top| kind(format!("{root}{top}/lib/libc")).is_ok());
    exam.claim(
        "the new layer has only what was changed",
        !whole && top.is_some(),
        layer_files(root, top),
        source,
    )
    .mistake("it is a copy of everything that the container sees, and would be stored beside the base")
    .hints(hints("a file of the base that nobody has changed does not belong there", "copy upper, not root"));
}

fn layer_files(root: &str, top: Option<&String>) -> String {
    top.and_then(|top| files(format!("{root}{top}")).ok()).map_or("no layer".into(), |reading| reading.text)
}

fn check_content(exam: &mut Exam, record: &Record, root: &str) {
    let [image, container] = ["image", "root"].map(|dir| format!("{root}/tmp/{dir}/etc"));
    let deleted = record.value("deleted");
    let there = kind(format!("{image}/{deleted}")).is_ok();
    exam.claim(
        format!("the image does not have {deleted}"),
        !there,
        if there { "a file" } else { "no such file" },
        format!("{image}/{deleted}"),
    )
    .mistake(format!(
        "the whiteout of {deleted} is not in the layer, and the file of the base is there again"
    ))
    .hints([
        "a deleted file is a mark in the upper directory, and the mark has to come along".to_string(),
        format!("upper/etc/{deleted} is a character device: cp -a copies it as what it is"),
        WAY.into(),
    ]);
    let read = |path: String| file(path).map_or_else(|_| "no such file".into(), |reading| reading.text);
    for name in ["release", record.value("added")] {
        let (seen, wanted) = (read(format!("{image}/{name}")), read(format!("{container}/{name}")));
        exam.claim(
            format!("the image has {name} as the container has it"),
            seen == wanted,
            seen.replace('\n', ", "),
            format!("{image}/{name}"),
        )
        .mistake("the image does not show what the container shows")
        .hints([
            "all that was added and changed is in the upper directory".to_string(),
            format!("compare /tmp/upper/etc/{name} with what is in your layer"),
            WAY.into(),
        ]);
    }
    let mark = format!("{root}/tmp/upper/etc/{deleted}");
    let mounted = is_whiteout(Path::new(&mark)) && kind(format!("{container}/release")).is_ok();
    exam.claim("the container goes on", mounted, if mounted { "mounted" } else { "it is not" }, &container)
        .mistake("the container has lost its files: it was to go on, with its upper directory")
        .hints([
            "a commit takes nothing away from the container".to_string(),
            "its root is an overlay of /tmp/base and /tmp/upper".into(),
            "mount -t overlay overlay -o lowerdir=/tmp/base,upperdir=/tmp/upper,workdir=/tmp/work /tmp/root"
                .into(),
        ]);
}

fn check_base(exam: &mut Exam, root: &str) {
    let path = format!("{root}/tmp/base/etc/release");
    let seen = file(&path).map_or_else(|_| "no such file".into(), |reading| reading.text.replace('\n', ", "));
    exam.claim("the base is untouched", seen == "base 1", seen, path)
        .mistake("the base was changed: all other images that have it are changed with it")
        .hints([
            "a layer that is there is never written to",
            "what was changed goes into a layer of its own",
            "echo base 1 > /tmp/base/etc/release",
        ]);
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    inside(Pid::from_raw(record.holder_pid()), || {
        super::props::copy_layer("/tmp/upper", "/tmp/layer")?;
        Ok(mount("overlay", IMAGE, "overlay", Flags::empty(), "lowerdir=/tmp/layer:/tmp/base")?)
    })?;
    Ok(None)
}
