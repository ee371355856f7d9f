//! Find: the blob of an image that was damaged on its way.

use crate::error::Result;
use crate::image::Digest;
use crate::kernel::fs;
use crate::lab::{Exam, Kind, Lab, Record, Setting};
use crate::machine::Need;
use crate::probe::files::content;
use crate::probe::layers::tree;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "the blob that is not what its name says",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

/// How many layers the image has.
const LAYERS: usize = 6;

/// An OCI layout whose layers are small texts; one was changed after it got its name.
fn begin(setting: &mut Setting) -> Result<()> {
    let damaged = setting.draw("damaged", 0..=LAYERS as u64 - 1) as usize;
    let seed = setting.draw_name("seed", "shop");
    let dir = setting.directory()?;
    let blobs = dir.join("image/blobs/sha256");
    for below in ["image", "image/blobs", "image/blobs/sha256"] {
        fs::mkdir(dir.join(below))?;
    }
    let blob = |bytes: &[u8]| -> Result<String> {
        let digest = Digest::of(bytes);
        fs::create(blobs.join(digest.hex()), bytes)?;
        Ok(format!("{{\"digest\":\"{digest}\",\"size\":{}}}", bytes.len()))
    };
    let contents =
        (0..LAYERS).map(|number| format!("{seed}, layer {number}, {}\n", "x".repeat(100 + number)));
    let layers = contents.clone().map(|content| blob(content.as_bytes())).collect::<Result<Vec<_>>>()?;
    let config = blob(format!("{{\"seed\":\"{seed}\"}}").as_bytes())?;
    let manifest = blob(
        format!("{{\"schemaVersion\":2,\"config\":{config},\"layers\":[{}]}}", layers.join(",")).as_bytes(),
    )?;
    fs::create(
        dir.join("image/index.json"),
        format!("{{\"schemaVersion\":2,\"manifests\":[{manifest}]}}\n"),
    )?;
    fs::create(dir.join("image/oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}\n")?;
    if let Some(content) = contents.clone().nth(damaged) {
        // As long as before: its size does not tell.
        fs::create(blobs.join(Digest::of(content.as_bytes()).hex()), content.replacen('x', "y", 1))?;
    }
    setting.remember("image", dir.join("image").display().to_string());
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "The image {seed} has come from another machine, and is refused. It is an OCI layout:

  {image}

One of its blobs was damaged on the way. Which one? Its name, or the first twelve digits of it, is the answer:
glassbox lab check ship NAME",
        seed = record.value("seed"),
        image = record.value("image"),
    )
}

/// Each blob: its name, and the digest of what is in it.
fn blobs(record: &Record) -> Result<Vec<(String, String)>> {
    let dir = format!("{}/blobs/sha256", record.value("image"));
    let of = |name: String| {
        let content = content(format!("{dir}/{name}"))?;
        let digest = Digest::of(&content).hex().to_string();
        Ok((name, digest))
    };
    tree(&dir)?.into_iter().map(of).collect()
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let blobs = blobs(record)?;
    let source = format!("{}/blobs/sha256", record.value("image"));
    let answer = exam.answer.clone();
    let given = answer.as_deref().map(|text| {
        let name = text.trim().rsplit(['/', ':']).next().unwrap_or_default();
        name.to_lowercase()
    });
    let is = |full: &str| given.as_deref().is_some_and(|given| given.len() >= 6 && full.starts_with(given));
    let damaged = blobs.iter().find(|(name, digest)| name != digest);
    let Some((name, digest)) = damaged else {
        exam.claim("a blob is damaged", false, "each is what its name says", source)
            .mistake("the scene was changed: `glassbox lab reset ship`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start ship"]);
        return Ok(());
    };
    let mistake = match &given {
        None => "an answer is the name of a blob: glassbox lab check ship NAME",
        Some(given) if given.len() < 6 => {
            "that is too short to be the beginning of a name: write twelve digits"
        }
        Some(_) if is(digest) => "that is what the damaged blob has now; its name is what it should have",
        Some(_) if blobs.iter().any(|(name, _)| is(name)) => "that blob is what its name says",
        Some(_) => "no blob has this name",
    };
    let seen = answer.as_ref().map_or("no answer".into(), |answer| format!("your answer {answer}"));
    exam.claim("the blob that is damaged", is(name), seen, source).mistake(mistake).hints([
        "the name of a blob is the SHA-256 of its content",
        "sha256sum prints the digest of each file, and behind it the name of the file: they should be equal",
        "cd to blobs/sha256; for f in *; do echo \"$f  $f\" | sha256sum -c; done shows one that FAILED",
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    Ok(blobs(record)?.into_iter().find(|(name, digest)| name != digest).map(|(name, _)| name))
}
