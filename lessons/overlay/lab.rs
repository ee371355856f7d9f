//! Fix: an overlay whose layers are in the wrong order.

use crate::error::Result;
use crate::kernel::mount::{Flags, UmountFlags, mount, umount2};
use crate::kernel::{Pid, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, inside};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::files::{kind, listing};
use crate::probe::process::{mount_access, mounted};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "an old version in front of the new one",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

const MERGED: &str = "/tmp/merged";
const UPPER_AND_WORK: &str = "upperdir=/tmp/upper,workdir=/tmp/work";

/// Two layers with a `version` each, mounted so that the wrong one is in front.
fn begin(setting: &mut Setting) -> Result<()> {
    let base = format!("1.{}", setting.draw("base", 10..=99));
    let app = format!("2.{}", setting.draw("app", 10..=99));
    setting.remember("base", &base);
    setting.remember("app", &app);
    setting.hold(move |_| {
        ["base", "app", "upper", "work", "merged"].iter().try_for_each(fs::mkdir)?;
        fs::create("base/version", base + "\n")?;
        fs::create("app/version", app + "\n")?;
        let wrong = format!("lowerdir=/tmp/base:/tmp/app,{UPPER_AND_WORK}");
        Ok(mount("overlay", MERGED, "overlay", Flags::empty(), &wrong)?)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "A container has been updated from version {base} to {app}, and still says {base}. Its files are in a
         mount namespace, and this brings you there:\n\n  \
         {enter}\n\n
         In there, /tmp/merged is an overlay of the layers /tmp/base and /tmp/app, with /tmp/upper for what is
         written. Repair it: /tmp/merged/version has to be the one of the layer app. Both layers stay as they
         are, and what is written to /tmp/merged still lands in /tmp/upper.",
        base = record.value("base"),
        app = record.value("app"),
        enter = record.value("enter"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let scene = Scene::of(record);
    if let Some(options) = check_mount(&scene, exam) {
        check_order(&scene, exam, &options);
        check_writable(&scene, exam, &options);
        check_version(&scene, exam);
    }
    check_upper(&scene, exam);
    check_layer(&scene, exam, "base");
    check_layer(&scene, exam, "app");
    Ok(())
}

/// The scene, seen from outside through the process that holds it.
struct Scene<'a> {
    record: &'a Record,
    holder: i32,
    /// Its `/tmp`.
    tmp: String,
}

impl<'a> Scene<'a> {
    fn of(record: &'a Record) -> Self {
        let holder = record.holder_pid();
        Self { record, holder, tmp: format!("/proc/{holder}/root/tmp") }
    }

    /// The content of a file, and where it was read.
    fn content(&self, name: &str) -> (String, String) {
        let path = format!("{}/{name}", self.tmp);
        (file(&path).map_or_else(|_| "no such file".into(), |reading| reading.text), path)
    }
}

/// The hints that lead to the mount as it has to be.
fn mount_hints(nudge: &str) -> [String; 3] {
    let right = format!("lowerdir=/tmp/app:/tmp/base,{UPPER_AND_WORK}");
    [
        nudge.into(),
        "a mounted overlay cannot be rearranged: inside, umount /tmp/merged, then mount it again".into(),
        format!("umount {MERGED}; mount -t overlay overlay -o {right} {MERGED}"),
    ]
}

/// The overlay's options, if there is one.
fn check_mount(scene: &Scene, exam: &mut Exam) -> Option<String> {
    let found = mounted(scene.holder, MERGED);
    let seen = found.as_ref().map_or("nothing", |reading| reading.text.as_str());
    let options = seen.strip_prefix("overlay ").map(str::to_string);
    let fstype = seen.split(' ').next().unwrap_or_default();
    let mistake = if found.is_ok() {
        format!("that is a {fstype} mount, no overlay: what is written does not land in upper")
    } else {
        "nothing is mounted there, as the scene sees it: was it mounted in another mount namespace?".into()
    };
    exam.claim("an overlay is mounted at /tmp/merged", options.is_some(), fstype, place(scene))
        .mistake(mistake)
        .hints(mount_hints("look at the mounts from inside: grep merged /proc/self/mountinfo"));
    options
}

fn check_order(scene: &Scene, exam: &mut Exam, options: &str) {
    let lower = lower_layers(options);
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let mistake = match lower.as_slice() {
        ["base", "app"] => "the leftmost layer wins, and that is still base",
        ["app"] => "the layer base is missing: a container needs all of its image",
        ["base"] => "the layer app is missing",
        _ => "the layers are base and app, and nothing else",
    };
    exam.claim("app is in front of base", lower == ["app", "base"], lower.join(":"), place(scene))
        .mistake(mistake)
        .hints(mount_hints("which of two layers wins is a matter of the order in lowerdir"));
}

fn check_writable(scene: &Scene, exam: &mut Exam, options: &str) {
    let upper = option(options, "upperdir").map(last_name);
    let access = mount_access(scene.holder, MERGED).map_or_else(|_| "ro".into(), |reading| reading.text);
    let mistake = match upper {
        None => "without an upperdir it is read-only: a container could write nothing",
        Some("upper") => "it is mounted read-only",
        Some(_) => "its upperdir is not /tmp/upper",
    };
    let seen = format!("{access}, upperdir {}", upper.unwrap_or("none"));
    exam.claim(
        "what is written lands in upper",
        access == "rw" && upper == Some("upper"),
        seen,
        place(scene),
    )
    .mistake(mistake)
    .hints(mount_hints("an overlay is written to through an upperdir, which needs a workdir beside it"));
}

fn check_version(scene: &Scene, exam: &mut Exam) {
    let (content, path) = scene.content("merged/version");
    let mistake = match content.as_str() {
        old if old == scene.record.value("base") => "that is the version of base".into(),
        "no such file" => "there is no version in merged".into(),
        other => format!("{other} is the version of no layer"),
    };
    let holds = content == scene.record.value("app");
    exam.claim("merged/version is the one of app", holds, content, path)
        .mistake(mistake)
        .hints(mount_hints("compare base/version, app/version and merged/version, and what is in upper"));
}

fn check_upper(scene: &Scene, exam: &mut Exam) {
    let dir = format!("{}/upper", scene.tmp);
    let found = kind(format!("{dir}/version"));
    let mistake = match &found {
        Ok(kind) if kind.text.starts_with("character") => "a whiteout in the upper layer hides both layers",
        _ => "a copy in the upper layer hides both layers: with the next update it is old again",
    };
    let seen = listing(&dir).map_or_else(|_| "no such directory".into(), |reading| reading.text);
    exam.claim("version comes from a layer", found.is_err(), seen, &dir).mistake(mistake).hints([
        "a file in upper is in front of every layer".to_string(),
        "version must not be in upper at all; take it away while the overlay is not mounted".into(),
        format!("umount {MERGED}; rm /tmp/upper/version; then mount again, app in front of base"),
    ]);
}

fn check_layer(scene: &Scene, exam: &mut Exam, layer: &str) {
    let (content, path) = scene.content(&format!("{layer}/version"));
    let wanted = scene.record.value(layer);
    let untouched = content == wanted;
    exam.claim(format!("the layer {layer} is untouched"), untouched, content, path)
        .mistake(format!("the layer {layer} was edited: every container of the image would see that"))
        .hints([
            "layers are shared, and only read: the fault is in how they are put together".to_string(),
            format!("{layer}/version was {wanted} at the start"),
            format!("inside: echo {wanted} > /tmp/{layer}/version"),
        ]);
}

fn place(scene: &Scene) -> String {
    format!("/proc/{}/mountinfo {MERGED}", scene.holder)
}

/// The lower layers by name, leftmost first: `lowerdir=a:b`, or `lowerdir+=a,lowerdir+=b` from newer tools.
fn lower_layers(options: &str) -> Vec<String> {
    let whole = option(options, "lowerdir").into_iter().flat_map(|list| list.split(':'));
    let single = options.split(',').filter_map(|word| word.strip_prefix("lowerdir+="));
    whole.chain(single).map(|path| last_name(path).to_string()).collect()
}

fn option<'a>(options: &'a str, name: &str) -> Option<&'a str> {
    options.split(',').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn last_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    inside(Pid::from_raw(record.holder_pid()), || {
        if mounted("self", MERGED).is_ok() {
            umount2(MERGED, UmountFlags::empty())?;
        }
        let right = format!("lowerdir=/tmp/app:/tmp/base,{UPPER_AND_WORK}");
        Ok(mount("overlay", MERGED, "overlay", Flags::empty(), &right)?)
    })?;
    Ok(None)
}
