//! Fix: a build script that puts a key into an image.

use std::path::{Path, PathBuf};

use crate::container::building::Building;
use crate::container::spec::Network;
use crate::error::Result;
use crate::image::build::{self, Order, Progress};
use crate::image::save::{self, Format};
use crate::image::{Image, Reference, Store, load};
use crate::kernel::fs;
use crate::lab::{Exam, Kind, Lab, Record, Setting};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::layers::tree;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a key that must not be in any layer",
    needs: &[Need::Overlay],
    begin,
    task,
    check,
    solve,
};

const SCRIPT: &str = "FROM scratch\nCOPY site /srv\nCMD [\"/srv/page\"]\n";
/// More than any image of this lab has.
const LIMIT: u64 = 256 << 20;

fn begin(setting: &mut Setting) -> Result<()> {
    let image = setting.draw_name("image", "shop");
    let key = setting.draw_name("key", "key");
    let dir = setting.directory()?;
    let context = dir.join("context");
    fs::mkdir(&context)?;
    fs::mkdir(context.join("site"))?;
    fs::create(context.join("Dockerfile"), SCRIPT)?;
    fs::create(context.join("site/page"), format!("the page of {image}\n"))?;
    fs::create(context.join("site/secret.key"), format!("{key}\n"))?;
    setting.remember("dir", dir.display().to_string());
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "There is a build context, with a script and a directory of files:

  {dir}/context

The image that the script makes has the file site/secret.key in it, and whoever gets the image has the key.
See to it that the image has /srv/page, and in none of its layers the content of the key. The key stays where
it is: others need it there. Build the image, and save it where it is looked for:

  glassbox build -t {image} {dir}/context
  glassbox save -o {dir}/image.tar {image}",
        dir = record.value("dir"),
        image = record.value("image"),
    )
}

/// The image that was saved, taken into a store beside it.
fn saved(dir: &Path) -> Result<Option<Image>> {
    let (archive, store) = (dir.join("image.tar"), dir.join("check"));
    if !archive.exists() {
        return Ok(None);
    }
    let store = Store::open(&store)?;
    Ok(load::path(&store, &archive, LIMIT)
        .ok()
        .and_then(|loaded| loaded.images.into_iter().next())
        .map(|(image, _)| image))
}

/// Every file of the layers, the lowest layer first: which layer, its path, its content.
fn files(image: &Image) -> Result<Vec<(usize, String, String)>> {
    let mut all = vec![];
    for (at, layer) in image.layers.iter().enumerate() {
        for path in tree(&layer.path)? {
            let content = file(layer.path.join(&path)).map(|reading| reading.text).unwrap_or_default();
            all.push((at, path, content));
        }
    }
    Ok(all)
}

fn way(record: &Record) -> String {
    let (dir, image) = (record.value("dir"), record.value("image"));
    format!(
        "echo site/secret.key > {dir}/context/.dockerignore; glassbox build -t {image} {dir}/context; \
         glassbox save -o {dir}/image.tar {image}"
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let dir = PathBuf::from(record.value("dir"));
    let archive = dir.join("image.tar").display().to_string();
    let image = saved(&dir)?;
    let seen = match &image {
        Some(image) => format!("{} layers", image.layers.len()),
        None if Path::new(&archive).exists() => "no image that can be read".into(),
        None => "no such file".to_string(),
    };
    exam.claim("an image was saved", image.is_some(), seen, &archive)
        .mistake("build it, and save it as an archive where it is looked for")
        .hints([
            "the two commands are in the task",
            "first build, then save, with the name of the image",
            &way(record),
        ]);
    let Some(image) = image else { return check_key(exam, record, &dir) };
    let files = files(&image)?;
    check_page(exam, record, &files, &archive);
    check_layers(exam, record, &files, &archive);
    check_key(exam, record, &dir)
}

fn check_page(exam: &mut Exam, record: &Record, files: &[(usize, String, String)], archive: &str) {
    let found = files.iter().rfind(|(_, path, _)| path == "srv/page");
    let wanted = format!("the page of {}", record.value("image"));
    let seen = found.map_or("no such file".into(), |(_, _, content)| content.clone());
    exam.claim("the image has /srv/page", seen == wanted, seen, format!("{archive} srv/page"))
        .mistake("the page is missing: an image without it is of no use")
        .hints([
            "what an image has in it comes from COPY".to_string(),
            "COPY takes a directory with all that .dockerignore does not name".into(),
            way(record),
        ]);
}

fn check_layers(exam: &mut Exam, record: &Record, files: &[(usize, String, String)], archive: &str) {
    let key = record.value("key");
    let with_key = files.iter().find(|(_, _, content)| content.contains(key));
    // A later layer that says something of the same name, or its whiteout.
    let hidden = with_key.is_some_and(|(at, path, _)| {
        let name = path.rsplit('/').next().unwrap_or_default();
        files
            .iter()
            .any(|(other, path, content)| other > at && path.ends_with(name) && !content.contains(key))
    });
    let seen = with_key.map_or("in none".into(), |(at, path, _)| format!("in layer {}: {path}", at + 1));
    let mistake = if hidden {
        "a later layer hides it, and the one below still has it: whoever has the image has both"
    } else {
        "the key is in a layer of the image"
    };
    exam.claim("no layer has the key", with_key.is_none(), seen, archive).mistake(mistake).hints([
        "what is in a layer stays in the image, whatever later layers say".to_string(),
        "a file that is not copied is in no layer: name it in context/.dockerignore, or copy the page alone"
            .into(),
        way(record),
    ]);
}

fn check_key(exam: &mut Exam, record: &Record, dir: &Path) -> Result<()> {
    let path = dir.join("context/site/secret.key");
    let seen = file(&path).map_or_else(|_| "no such file".into(), |reading| reading.text);
    exam.claim("the key is where it was", seen == record.value("key"), seen, path.display().to_string())
        .mistake("the key was taken away: others need it there")
        .hints([
            "the image is what has to change, not the directory".to_string(),
            "put the key back; it says what is in this claim's source".into(),
            format!("echo {} > {}", record.value("key"), path.display()),
        ]);
    Ok(())
}

/// Nobody looks on.
struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: &str) {}
    fn output(&mut self, _: &[u8]) {}
    fn end(&mut self, _: bool) {}
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let dir = PathBuf::from(record.value("dir"));
    let (context, ignore) = (dir.join("context"), "site/secret.key\n");
    fs::create(context.join(".dockerignore"), ignore)?;
    let store = Store::open(&dir.join("store"))?;
    let order = Order {
        dockerfile: SCRIPT.into(),
        name: "Dockerfile".into(),
        context: Some(context),
        ignore: ignore.into(),
        names: vec![Reference::parse(record.value("image"))?],
        now: ("2026-01-01T00:00:00Z".into(), 1_767_225_600),
        ..Order::default()
    };
    let mut building = Building { state: &dir, users: store.users(), network: Network::None };
    build::build(&store, &order, &mut building, &mut Silent)?;
    let chosen = save::choose(&store, &[record.value("image").into()])?;
    let archive = save::save(&store, &chosen, Format::Oci, vec![])?;
    fs::create(dir.join("image.tar"), archive)?;
    Ok(None)
}
