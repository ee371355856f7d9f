//! What was changed on top of an image: listed, and made a layer of another image. The changes are made through a real
//! mount of overlayfs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use glassbox::image::changes::{self, Change};
use glassbox::image::commit::{self, About, Files};
use glassbox::image::{Execution, Image, Reference, Store};
use libtest_mimic::Trial;

use crate::archive::{Parts, Tar};
use crate::bench::{Bench, text};
use crate::common::{finish, has_tool, is_root, skip, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("committed: what was changed is listed", listed),
        trial("committed: an image of it has the same files", the_same_files),
        trial("committed: twice the same is one layer", twice),
    ]
}

/// An image of two layers, the upper of which hides some of the lower.
fn base(bench: &Bench) -> Image {
    let lower = Tar::new()
        .file("etc/motd", "hello\n")
        .file("etc/gone", "")
        .file("opt/old", "")
        .file("srv/a", "a")
        .file("srv/b", "b")
        .file("usr/kept", "kept")
        .symlink("link", "etc/motd")
        .end();
    let upper = Tar::new().file("etc/.wh.gone", "").file("opt/.wh..wh..opq", "").file("opt/new", "").end();
    let ran = bench.load(&Parts::plain(&[lower, upper]).oci("web:1"));
    assert_eq!(ran.code, Some(0), "{ran}");
    bench.image("web:1")
}

/// Run a script in a merged mount of an image, and of an upper directory. Whether that is possible here.
fn in_merged(bench: &Bench, image: &Image, upper: &Path, script: &str) -> bool {
    if !has_tool("unshare", "changes through overlayfs") {
        return false;
    }
    let work = bench.path("work");
    let merged = bench.path("merged");
    for dir in [upper, &work, &merged] {
        fs::create_dir_all(dir).unwrap();
    }
    let lower: Vec<&str> = image.layers.iter().rev().map(|layer| text(&layer.path)).collect();
    let attributes = if is_root() { "" } else { ",userxattr" };
    let options =
        format!("lowerdir={},upperdir={},workdir={}{attributes}", lower.join(":"), text(upper), text(&work));
    let flags = if is_root() { "-m" } else { "-Urm" };
    let script =
        format!("mount -t overlay overlay -o \"$OPTIONS\" \"$MERGED\" && cd \"$MERGED\" && {script}");
    let mut command = bench.home.command("unshare");
    command.args([flags, "sh", "-ec", &script]).env("OPTIONS", options).env("MERGED", merged);
    let ran = finish(&mut command);
    // Overlayfs leaves a directory in there that nobody may read: an ordinary user could not remove it.
    let own = work.join("work");
    if own.exists() {
        fs::set_permissions(own, PermissionsExt::from_mode(0o700)).unwrap();
    }
    if ran.code != Some(0) && !is_root() {
        skip("changes through overlayfs", format!("an ordinary user cannot mount one here: {}", ran.err));
        return false;
    }
    assert_eq!(ran.code, Some(0), "{ran}");
    true
}

const CHANGES: &str =
    "echo more >> etc/motd; rm usr/kept; touch etc/gone; mkdir -p new/dir; touch new/dir/file
    rm -r srv; mkdir srv; echo c > srv/c; touch made; rm made; ln etc/motd etc/hard; chmod 600 opt/new
    rm link; ln -s /nowhere link; touch etc/hostname";

/// Paths that a container has not made itself.
fn of_the_engine() -> BTreeSet<PathBuf> {
    [PathBuf::from("etc/hostname")].into()
}

fn changes_of(bench: &Bench, image: &Image, upper: &Path) -> Vec<Change> {
    let store = Store::open(&bench.images_dir()).unwrap();
    changes::of_upper(store.users(), upper, &image.layers, &of_the_engine()).unwrap()
}

fn listed() {
    let bench = Bench::new();
    let (image, upper) = (base(&bench), bench.path("upper"));
    if !in_merged(&bench, &image, &upper, CHANGES) {
        return;
    }
    let lines: Vec<String> = changes_of(&bench, &image, &upper).iter().map(ToString::to_string).collect();
    let expected = "C /etc\nA /etc/gone\nA /etc/hard\nC /etc/motd\nC /link\nA /new\nA /new/dir\nA /new/dir/file\n\
        C /opt\nC /opt/new\nC /srv\nD /srv/a\nD /srv/b\nA /srv/c\nC /usr\nD /usr/kept";
    assert_eq!(lines.join("\n"), expected);
}

fn commit(bench: &Bench, image: &Image, upper: &Path, name: &str) -> Image {
    let store = Store::open(&bench.images_dir()).unwrap();
    let execution = Execution { cmd: Some(vec!["/bin/new".into()]), ..image.config.config.clone() };
    let (name, created_by) = (Some(Reference::parse(name).unwrap()), Some("sh".into()));
    let about = About { name, execution, created_by, author: Some("me".into()), ..About::default() };
    commit::files(&store, image, Files::Upper(upper), &of_the_engine(), about).unwrap()
}

/// Every file with its mode, how many names it has, where a link leads, and its content.
const CENSUS: &str = "find . ! -name hostname | sort | while read -r file; do
        if [ -f \"$file\" ]; then stat -c '%n %A %h' \"$file\"; cat \"$file\"; else stat -c '%N %A' \"$file\"; fi
    done > \"$CENSUS\"";

fn census(bench: &Bench, image: &Image, upper: &Path) -> String {
    let script = format!("export CENSUS='{}'; {CENSUS}", text(&bench.path("census")));
    assert!(in_merged(bench, image, upper, &script));
    fs::read_to_string(bench.path("census")).unwrap()
}

fn the_same_files() {
    let bench = Bench::new();
    let (image, upper) = (base(&bench), bench.path("upper"));
    if !in_merged(&bench, &image, &upper, CHANGES) {
        return;
    }
    let made = commit(&bench, &image, &upper, "web:2");
    assert_eq!((made.layers.len(), made.config.config.cmd.as_deref()), (3, Some(&["/bin/new".into()][..])));
    assert_eq!(made.config.author.as_deref(), Some("me"));
    assert_eq!(made.config.history.last().unwrap().created_by.as_deref(), Some("sh"));
    let (with_upper, by_itself) =
        (census(&bench, &image, &upper), census(&bench, &made, &bench.path("empty")));
    assert!(with_upper.contains("./etc/hard -rw-r--r-- 2\nhello\nmore\n"), "{with_upper}");
    assert_eq!(with_upper, by_itself);
    // And in another store, after a journey in an archive.
    bench.glassbox(&["save", "-o", text(&bench.path("web.tar")), "web:2"]);
    let other = Bench::new();
    other.glassbox(&["load", "-i", text(&bench.path("web.tar"))]);
    assert_eq!(census(&other, &other.image("web:2"), &other.path("empty")), with_upper);
}

fn twice() {
    let bench = Bench::new();
    let (image, upper) = (base(&bench), bench.path("upper"));
    if !in_merged(&bench, &image, &upper, "echo new > etc/motd") {
        return;
    }
    let one = commit(&bench, &image, &upper, "web:2");
    let two = commit(&bench, &image, &upper, "web:3");
    assert_eq!((one.id, one.layers.len()), (two.id, 3));
    let layers = fs::read_dir(bench.images_dir().join("layers")).unwrap().count();
    assert_eq!(layers, 2 * 3, "each layer is there once, with what is known of it");
}
