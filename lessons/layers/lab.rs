//! Find: the layer that a file of an image comes from.

use crate::error::Result;
use crate::kernel::fs;
use crate::kernel::mount::{Flags, mount};
use crate::lab::{Exam, Kind, Lab, Record, Setting};
use crate::machine::Need;
use crate::probe::files::{is_whiteout, kind};
use crate::probe::layers::inode;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "a file, and which of six layers it is from",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

/// What a layer does with the file.
#[derive(Clone, Copy, PartialEq)]
enum Has {
    Nothing,
    File,
    Whiteout,
}

/// The layers, the topmost first.
const LAYERS: [(&str, Has); 6] = [
    ("first", Has::Nothing),
    ("second", Has::Nothing),
    ("third", Has::File),
    ("fourth", Has::File),
    ("fifth", Has::Whiteout),
    ("last", Has::File),
];

/// Six layers, four of which say something about one file.
fn begin(setting: &mut Setting) -> Result<()> {
    let names = LAYERS.map(|(place, has)| (setting.draw_name(place, "layer"), has));
    setting.hold(move |_| {
        ["layers", "image"].iter().try_for_each(fs::mkdir)?;
        for (name, has) in &names {
            let dir = format!("layers/{name}");
            fs::mkdir(&dir)?;
            fs::mkdir(format!("{dir}/etc"))?;
            match has {
                Has::Nothing => fs::create(format!("{dir}/etc/{name}"), "another file\n")?,
                Has::File => fs::create(format!("{dir}/etc/app.conf"), "the same in all of them\n")?,
                Has::Whiteout => fs::mknod(format!("{dir}/etc/app.conf"), 0, 0)?,
            }
        }
        let paths = names.map(|(name, _)| format!("/tmp/layers/{name}"));
        let lower = format!("lowerdir={}", paths.join(":"));
        Ok(mount("overlay", "/tmp/image", "overlay", Flags::empty(), &lower)?)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "An image is mounted at /tmp/image, in a mount namespace. This brings you there:\n\n  \
         {enter}\n\n
         Its six layers are the directories in /tmp/layers. Which of them does /tmp/image/etc/app.conf come from?
         Answer with: glassbox lab check layers NAME",
        enter = record.value("enter"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let tmp = format!("/proc/{}/root/tmp", record.holder_pid());
    let Some(wanted) = origin(record, &tmp) else {
        exam.claim("the image shows the file", false, "no such file", format!("{tmp}/image/etc/app.conf"))
            .mistake("the scene was changed: `glassbox lab reset layers`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start layers"]);
        return Ok(());
    };
    let answer = exam.answer.clone();
    let given = answer.as_deref().map(|text| text.trim().trim_end_matches('/'));
    let given = given.map(|path| path.rsplit('/').next().unwrap_or_default());
    let path = given.map(|name| format!("{tmp}/layers/{name}"));
    let file = path.as_ref().map(|path| format!("{path}/etc/app.conf"));
    let mistake = match (path, file) {
        (Some(path), _) if kind(&path).is_err() => "no layer has this name",
        (_, Some(file)) if is_whiteout(file.as_ref()) => {
            "what that layer has is a whiteout: it hides those below it"
        }
        (_, Some(file)) if kind(&file).is_err() => "that layer does not have the file",
        (Some(_), _) if given == Some(record.value("last")) => "that one is below a whiteout: nobody sees it",
        (Some(_), _) => "that layer has the file, and another one that is further left has it, too",
        (None, _) => "an answer is the name of a layer: glassbox lab check layers NAME",
    };
    let seen = answer.as_ref().map_or("no answer".into(), |answer| format!("your answer {answer}"));
    exam.claim(
        "the layer that the file comes from",
        given == Some(wanted),
        seen,
        format!("{tmp}/image/etc/app.conf st_ino"),
    )
    .mistake(mistake)
    .hints([
        "which layers there are, and in which order, is in the options of the mount".to_string(),
        "an overlay shows the number that a file has in its layer: ls -i".into(),
        "inside: ls -i /tmp/image/etc/app.conf /tmp/layers/*/etc/app.conf; one has the same number".into(),
    ]);
    Ok(())
}

/// The layer that has the file under the number that the image shows.
fn origin<'a>(record: &'a Record, tmp: &str) -> Option<&'a str> {
    let number = |dir: String| Some(inode(format!("{tmp}/{dir}/etc/app.conf")).ok()?.text);
    let seen = number("image".into())?;
    let names = LAYERS.iter().map(|(place, _)| record.value(place));
    names.into_iter().find(|name| number(format!("layers/{name}")).as_ref() == Some(&seen))
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let tmp = format!("/proc/{}/root/tmp", record.holder_pid());
    Ok(origin(record, &tmp).map(String::from))
}
