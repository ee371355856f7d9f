//! What becomes of the entries of a layer.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use libtest_mimic::Trial;

use crate::archive::{Header, Parts, Tar, gzip};
use crate::bench::{Bench, text};
use crate::common::{has_tool, is_root, skip, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("unpacked: files, links, modes and times", ordinary),
        trial("unpacked: whiteouts and opaque directories", whiteouts),
        trial("unpacked: names that are long or no text", names),
        trial("unpacked: attributes", attributes),
        trial("unpacked: sparse files, as GNU tar writes them", sparse),
        trial("unpacked: gzip in parts, zstd in frames", compressed),
        trial("unpacked: what comes twice", twice),
        trial("unpacked: an image of nothing, as Go writes it", of_nothing),
        trial("mounted: layers over layers", mounted),
    ]
}

pub(crate) fn load(bench: &Bench, layer: Tar) -> String {
    let ran = bench.load(&Parts::plain(&[layer.end()]).oci("test:1"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "Loaded image: test:1\n"), "{ran}");
    ran.err
}

fn ordinary() {
    let bench = Bench::new();
    let program = Header { mode: 0o4755, size: 2, ..Header::new(b'0', "bin/su") };
    let layer = Tar::new()
        .entry(Header { mode: 0o1777, ..Header::new(b'5', "./") }, b"")
        .dir("bin/")
        .entry(program, b"su")
        .hard_link("bin/su2", "./bin/su")
        .symlink("etc", "/nowhere/../etc")
        .hard_link("etc2", "etc")
        .entry(Header { mode: 0o600, ..Header::new(b'6', "run/pipe") }, b"")
        .file("empty", "");
    assert_eq!(load(&bench, layer), "");
    let root = bench.layer("test:1");
    let mode = |path: &str| fs::symlink_metadata(root.join(path)).unwrap().permissions().mode();
    assert_eq!(
        [mode("."), mode("bin"), mode("bin/su"), mode("run")].map(|mode| mode & 0o7777),
        [0o1777, 0o755, 0o4755, 0o755]
    );
    let meta = fs::metadata(root.join("bin/su")).unwrap();
    assert_eq!((meta.nlink(), meta.mtime(), meta.len()), (2, 1_700_000_000, 2));
    assert_eq!(fs::metadata(&root).unwrap().mtime(), 1_700_000_000);
    for link in ["etc", "etc2"] {
        assert_eq!(fs::read_link(root.join(link)).unwrap(), Path::new("/nowhere/../etc"));
    }
    assert!(fs::symlink_metadata(root.join("run/pipe")).unwrap().file_type().is_fifo());
    assert_eq!(
        fs::metadata(bench.images_dir()).unwrap().permissions().mode() & 0o777,
        0o700,
        "for nobody else"
    );
}

pub(crate) fn is_whiteout(path: &Path) -> bool {
    let meta = fs::symlink_metadata(path).unwrap();
    meta.file_type().is_char_device() && meta.rdev() == 0
}

fn is_opaque(path: &Path) -> bool {
    let name = if is_root() { "trusted.overlay.opaque" } else { "user.overlay.opaque" };
    let mut value = [0; 8];
    rustix::fs::getxattr(path, name, &mut value[..]).is_ok_and(|length| value[..length] == *b"y")
}

fn whiteouts() {
    let bench = Bench::new();
    let layer = Tar::new()
        .file("etc/.wh.gone", "")
        .file("opt/.wh..wh..opq", "")
        .file("opt/new", "")
        .file("opt/.wh..wh.plnk", "")
        // What a layer removes and makes again has nothing of those below.
        .file(".wh.var", "")
        .file("var/new", "")
        .dir("usr")
        .file(".wh.usr", "")
        .file("kept", "")
        .file(".wh.kept", "")
        .file(".wh..wh..opq", "");
    load(&bench, layer);
    let root = bench.layer("test:1");
    assert!(is_whiteout(&root.join("etc/gone")));
    for dir in ["opt", "usr", "."] {
        assert!(is_opaque(&root.join(dir)), "{dir}");
    }
    assert!(!is_opaque(&root.join("etc")));
    assert!(root.join("opt/new").is_file() && root.join("kept").is_file());
    assert_eq!(fs::read_dir(root.join("opt")).unwrap().count(), 1);
    assert!(root.join("var/new").is_file() && is_opaque(&root.join("var")), "made after it was removed");
}

fn names() {
    let bench = Bench::new();
    let deep = format!("{}file", "directory/".repeat(60));
    let strange = b"\xff\xfe name\n";
    let gnu = |kind, name: &str| Header { size: name.len() as u64, ..Header::new(kind, "././@LongLink") };
    let layer = Tar::new()
        .pax(&[("path", deep.as_bytes())])
        .file("short", "deep")
        .pax(&[("path", strange)])
        .file("short", "strange")
        .entry(gnu(b'L', &"l".repeat(200)), "l".repeat(200).as_bytes())
        .entry(gnu(b'K', &deep), deep.as_bytes())
        .symlink("short", "short");
    load(&bench, layer);
    let root = bench.layer("test:1");
    assert_eq!(fs::read(root.join(&deep)).unwrap(), b"deep");
    use std::os::unix::ffi::OsStrExt;
    assert_eq!(fs::read(root.join(std::ffi::OsStr::from_bytes(strange))).unwrap(), b"strange");
    assert_eq!(fs::read_link(root.join("l".repeat(200))).unwrap(), Path::new(&deep));
}

fn attributes() {
    let bench = Bench::new();
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let layer = Tar::new()
        .pax(&[("SCHILY.xattr.user.note", b"a\n=b"), ("SCHILY.xattr.security.capability", capability)])
        .file("file", "")
        // These would mean something to overlayfs.
        .pax(&[
            ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
            ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ])
        .dir("dir");
    let said = load(&bench, layer);
    assert!(said.starts_with("note: left out: attributes of 2 files"), "{said}");
    let root = bench.layer("test:1");
    let mut value = [0; 64];
    let length = rustix::fs::getxattr(root.join("file"), "user.note", &mut value[..]).unwrap();
    assert_eq!(value[..length], *b"a\n=b");
    assert!(rustix::fs::getxattr(root.join("file"), "security.capability", &mut value[..]).is_ok());
    let length = rustix::fs::listxattr(root.join("dir"), &mut value[..]).unwrap();
    assert!(!String::from_utf8_lossy(&value[..length]).contains("overlay"));
}

/// The content of a file with holes: data at both ends, and in the middle.
const DATA: [u64; 3] = [0, 3 << 20, (8 << 20) - 5];

fn sparse() {
    if !has_tool("tar", "sparse files") {
        return;
    }
    let bench = Bench::new();
    let file = fs::File::create(bench.path("holes")).unwrap();
    file.set_len(8 << 20).unwrap();
    for offset in DATA {
        std::os::unix::fs::FileExt::write_all_at(&file, b"data\n", offset).unwrap();
    }
    let many = fs::File::create(bench.path("many")).unwrap();
    for part in 0..40 {
        std::os::unix::fs::FileExt::write_all_at(&many, b"x", part << 17).unwrap();
    }
    for (format, option) in
        [("gnu", ""), ("posix", "--sparse-version=1.0"), ("posix", "--sparse-version=0.1"), ("posix", "none")]
    {
        let format = format!("--format={format}");
        let mut arguments = vec!["-cf", "sparse.tar", &format];
        if option != "none" {
            arguments.push("--sparse");
        }
        arguments.extend(Some(option).filter(|option| option.starts_with("--")));
        bench.tool("tar", &[&arguments[..], &["holes", "many"]].concat());
        bench.glassbox(&["import", text(&bench.path("sparse.tar")), "test:1"]);
        let root = bench.layer("test:1");
        for name in ["holes", "many"] {
            let unpacked = root.join(name);
            assert!(
                fs::read(&unpacked).unwrap() == fs::read(bench.path(name)).unwrap(),
                "{format} {option}: {name}"
            );
            let meta = fs::metadata(&unpacked).unwrap();
            assert!(
                meta.blocks() * 512 < meta.len(),
                "{format} {option}: holes stay holes: {}",
                meta.blocks()
            );
        }
    }
}

fn compressed() {
    let bench = Bench::new();
    let layer = Tar::new().file("file", "content".repeat(10_000)).end();
    let (one, two) = layer.split_at(layer.len() / 3);
    let mut blobs = vec![("gzip", [gzip(one), gzip(two)].concat())];
    if has_tool("zstd", "layers in zstd") {
        let zstd = |name: &str, part: &[u8]| {
            let path = bench.file(name, part);
            bench.tool("zstd", &["-q", "-f", text(&path), "-o", text(&bench.path("packed"))]);
            fs::read(bench.path("packed")).unwrap()
        };
        // Between the frames one to be passed over, as chunked layers have it.
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        blobs.push(("zstd", [zstd("one", one), skipped.clone(), zstd("two", two)].concat()));
        blobs.push(("zstd, passed over first", [skipped, zstd("all", &layer)].concat()));
    }
    for (how, blob) in blobs {
        let bench = Bench::new();
        let ran = bench.load(&Parts::of(vec![(blob, layer.clone())]).oci("test:1"));
        assert_eq!(ran.code, Some(0), "{how}: {ran}");
        assert_eq!(
            fs::read(bench.layer("test:1").join("file")).unwrap(),
            "content".repeat(10_000).as_bytes(),
            "{how}"
        );
    }
}

/// A later entry takes the place of an earlier one, and never writes through it.
fn twice() {
    let bench = Bench::new();
    let target = bench.file("target", b"safe");
    let layer = Tar::new()
        .symlink("file", text(&target))
        .file("file", "second")
        .file("linked", "first")
        .hard_link("other", "linked")
        .file("linked", "second")
        .dir("dir")
        .symlink("dir", "/tmp");
    load(&bench, layer);
    let root = bench.layer("test:1");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert_eq!(
        (read("file"), read("linked"), read("other")),
        ("second".into(), "second".into(), "first".into())
    );
    assert_eq!(fs::read_to_string(target).unwrap(), "safe");
    assert!(root.join("dir").is_symlink());
}

fn of_nothing() {
    let bench = Bench::new();
    let mut parts = Parts::plain(&[]);
    let nothing = serde_json::Value::Null;
    parts.config["rootfs"]["diff_ids"] = nothing.clone();
    parts.config["history"] = nothing.clone();
    parts.config["config"] =
        serde_json::json!({"User": nothing, "Env": nothing, "WorkingDir": nothing, "Labels": nothing});
    for archive in [parts.oci("test:1"), parts.docker("test:2")] {
        assert_eq!(bench.load(&archive).code, Some(0));
    }
    assert_eq!(bench.image("test:2").layers, []);
    assert!(bench.glassbox(&["history", "test:1"]).contains("0B"));
}

/// Three layers as the kernel puts them together.
fn mounted() {
    let what = "a mount of layers";
    if !has_tool("unshare", what)
        || crate::common::finish(std::process::Command::new("unshare").args(["-Umr", "true"])).code != Some(0)
    {
        return skip(what, "this user may not make user namespaces");
    }
    let bench = Bench::new();
    let layers = [
        Tar::new().file("a/one", "1").file("b/one", "1").file("c/one", "1").file("d", "1").end(),
        Tar::new()
            .file("a/.wh.one", "")
            .file("a/two", "2")
            .file("b/.wh..wh..opq", "")
            .file("b/two", "2")
            .end(),
        Tar::new().file(".wh.c", "").file("c/three", "3").file(".wh.d", "").file("e", "3").end(),
    ];
    let ran = bench.load(&Parts::plain(&layers).oci("test:1"));
    assert_eq!(ran.code, Some(0), "{ran}");
    let lower: Vec<String> =
        bench.image("test:1").layers.iter().rev().map(|layer| layer.path.display().to_string()).collect();
    let (unshare, option) = if is_root() { ("-m", "") } else { ("-Umr", ",userxattr") };
    let script = format!(
        "mount -t overlay overlay -o lowerdir={}{option} {merged} && cd {merged} && find . -type f | sort",
        lower.join(":"),
        merged = bench.path("merged").display()
    );
    fs::create_dir(bench.path("merged")).unwrap();
    let seen = bench.tool("unshare", &[unshare, "sh", "-c", &script]);
    assert_eq!(seen, "./a/two\n./b/two\n./c/three\n./e\n");
}
