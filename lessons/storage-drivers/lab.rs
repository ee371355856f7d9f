//! Fix: a container whose files are those of the image, by hard links.

use crate::error::Result;
use crate::kernel::{Pid, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, inside};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::files::{identity, kind};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a container that writes into its image",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

const FILES: [&str; 3] = ["bin/tool", "data/db", "etc/app.conf"];

/// What the image has in a file.
fn of_image(file: &str, number: &str) -> String {
    format!("{file} of the image, {number}\n")
}

/// An image, and a container of hard links to its files.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("container", "web");
    let number = setting.draw("number", 1000..=9999).to_string();
    setting.hold(move |_| {
        for root in ["image", name.as_str()] {
            ["", "/bin", "/data", "/etc"].iter().try_for_each(|dir| fs::mkdir(format!("{root}{dir}")))?;
        }
        for file in FILES {
            fs::create(format!("image/{file}"), of_image(file, &number))?;
            fs::link(format!("image/{file}"), format!("{name}/{file}"))?;
        }
        Ok(())
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "Somebody wrote a storage driver that is very fast: it makes a hard link for each file of the image. This
brings you to the mount namespace of a container that it has made:

  {enter}

The container's root is /tmp/{container}, and the image is /tmp/image. Repair it: the container shows the same
files with the same content, at the same place, and nothing that is written to them reaches the image. The image
stays as it is. How you do it, with copies or with an overlay, is up to you.",
        enter = record.value("enter"),
        container = record.value("container"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let tmp = format!("/proc/{}/root/tmp", record.holder_pid());
    let container = record.value("container");
    for file in FILES {
        check_file(exam, record, &tmp, container, file);
    }
    check_image(exam, record, &tmp);
    Ok(())
}

/// The content of a file, as one line.
fn content(path: &str) -> Option<String> {
    file(path).ok().map(|reading| reading.text)
}

fn way(container: &str, file: &str) -> String {
    format!("rm -f /tmp/{container}/{file}; cp /tmp/image/{file} /tmp/{container}/{file}")
}

fn check_file(exam: &mut Exam, record: &Record, tmp: &str, container: &str, name: &str) {
    let (path, image) = (format!("{tmp}/{container}/{name}"), format!("{tmp}/image/{name}"));
    let wanted = of_image(name, record.value("number"));
    let seen = content(&path);
    let shown = seen.clone().unwrap_or_else(|| "no such file".into());
    exam.claim(
        format!("the container shows {name}"),
        seen.as_deref() == Some(wanted.trim_end()),
        shown,
        &path,
    )
    .mistake("a container has all files of its image, as the image has them")
    .hints([
        "what the file should say is in /tmp/image".to_string(),
        format!("the container's own copy belongs at /tmp/{container}/{name}"),
        way(container, name),
    ]);
    let kind = kind(&path).map_or_else(|_| "no such file".into(), |reading| reading.text);
    let id = |path: &str| identity(path).ok().map(|reading| reading.text);
    let own = id(&path).is_some() && id(&path) != id(&image);
    let mistake = match kind.as_str() {
        "symbolic link" => "it is a link to the image: what is written there is written to the image",
        "file" => "it is the same file as in the image, under another name",
        _ => "it is not there",
    };
    let seen = match (own, kind.as_str()) {
        (true, kind) => kind.to_string(),
        (false, "file") => "the file of the image".into(),
        (false, kind) => kind.into(),
    };
    exam.claim(format!("its {name} is a file of its own"), own && kind == "file", seen, &path)
        .mistake(mistake)
        .hints([
            "ls -li shows which file a name stands for: the number in front".to_string(),
            "take the name away, and put a copy there; or mount an overlay of the image over the directory"
                .into(),
            way(container, name),
        ]);
}

fn check_image(exam: &mut Exam, record: &Record, tmp: &str) {
    let wanted = |file: &str| of_image(file, record.value("number"));
    let other = FILES
        .into_iter()
        .find(|file| content(&format!("{tmp}/image/{file}")).as_deref() != Some(wanted(file).trim_end()));
    let path = format!("{tmp}/image/{}", other.unwrap_or_default());
    let seen = match other {
        None => "as it was".into(),
        Some(_) => content(&path).unwrap_or_else(|| "no such file".into()),
    };
    let put_back =
        FILES.map(|file| format!("echo {} > /tmp/image/{file}", wanted(file).trim_end())).join("; ");
    exam.claim("the image is as it was", other.is_none(), seen, path)
        .mistake("the image was changed: a write to the container came through, or it was moved away")
        .hints([
            "an image is for all its containers".into(),
            format!("each file of the image says which one it is, and {}", record.value("number")),
            put_back,
        ]);
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let container = record.value("container");
    inside(Pid::from_raw(record.holder_pid()), || {
        for file in FILES {
            fs::unlink(format!("/tmp/{container}/{file}"))?;
            fs::copy(format!("/tmp/image/{file}"), format!("/tmp/{container}/{file}"))?;
        }
        Ok(())
    })?;
    Ok(None)
}
