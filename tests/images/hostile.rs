//! Archives that lie, lead out of themselves, never end, or end too early: each is refused with a sentence, and nothing
//! of it stays.

use libtest_mimic::Trial;
use serde_json::json;

use crate::archive::{BLOCK, Header, Parts, Tar, gzip, pack, seal, sha256};
use crate::bench::Bench;
use crate::common::{Ran, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let layers = layers().into_iter().map(|(name, layer, says)| {
        trial(format!("hostile layer: {name}"), move || {
            refused(&|bench| bench.load(&Parts::plain(std::slice::from_ref(&layer)).oci("bad:1")), says);
            refused(&|bench| bench.load(&Parts::plain(std::slice::from_ref(&layer)).docker("bad:1")), says);
            refused(&|bench| import(bench, &layer), says);
        })
    });
    let archives = archives().into_iter().map(|(name, archive, says)| {
        trial(format!("hostile archive: {name}"), move || refused(&|bench| bench.load(&archive), says))
    });
    let mut trials: Vec<Trial> = layers.chain(archives).collect();
    trials.push(trial("hostile layer: a bomb", bomb));
    trials.push(trial("hostile archive: cut off anywhere", cut_off));
    trials.push(trial("hostile archive: a layout with links", layout_with_links));
    trials
}

fn import(bench: &Bench, layer: &[u8]) -> Ran {
    let path = bench.file("layer.tar", layer);
    let ran = bench.try_glassbox(&["import", path.to_str().unwrap(), "bad:1"]);
    std::fs::remove_file(path).unwrap();
    ran
}

/// It is refused in one sentence with a hint, and the store is as it was.
fn refused(attempt: &dyn Fn(&Bench) -> Ran, says: &str) {
    let bench = Bench::new();
    bench.glassbox(&["images"]);
    let before = bench.stored();
    let ran = attempt(&bench);
    let lines: Vec<&str> = ran.err.lines().collect();
    let [error, hint] = lines.as_slice() else { panic!("an error and a hint, a line each: {ran}") };
    assert!(error.starts_with("error: ") && error.contains(says), "{says:?} is said: {ran}");
    assert!(hint.starts_with("hint: ") && hint.len() > 12, "{ran}");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran}");
    assert_eq!(bench.stored(), before, "nothing stays: {ran}");
    assert!(!std::path::Path::new("/glassbox-was-here").exists(), "it got out");
}

type Case = (&'static str, Vec<u8>, &'static str);

fn layers() -> Vec<Case> {
    let long = "n".repeat(99);
    let tar = Tar::new;
    let huge = |kind| Header { size: 1 << 62, ..Header::new(kind, "huge") };
    let mut damaged = tar().file("file", "content").end();
    damaged[3] ^= 1;
    let sparse = |map: &str| {
        let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "10")];
        let records: Vec<_> = records.iter().map(|(key, value)| (*key, value.as_bytes())).collect();
        let mut content = map.as_bytes().to_vec();
        content.resize(BLOCK, 0);
        tar().pax(&records).file("sparse", content).end()
    };
    vec![
        ("a path up", tar().file("../glassbox-was-here", "").end(), "has .. in it"),
        ("a path down and up", tar().dir("a").file("a/../../glassbox-was-here", "").end(), "has .. in it"),
        ("an absolute path", tar().file("/glassbox-was-here", "").end(), "is absolute"),
        (
            "an absolute path by pax",
            tar().pax(&[("path", b"/glassbox-was-here")]).file("a", "").end(),
            "is absolute",
        ),
        (
            "a path through a link",
            tar().symlink("a", "/").file("a/glassbox-was-here", "").end(),
            "through a symbolic link",
        ),
        (
            "a path through links",
            tar().symlink("a", "b/c").dir("b").symlink("b/c", "../..").file("a/glassbox-was-here", "").end(),
            "through a symbolic link",
        ),
        (
            "a directory through a link",
            tar().symlink("a", "/tmp").dir("a/b").end(),
            "through a symbolic link",
        ),
        ("a path through a file", tar().file("a", "").file("a/b", "").end(), "through a file"),
        ("a link to outside", tar().hard_link("a", "../../etc/passwd").end(), "out of the image"),
        ("a link to the host", tar().hard_link("a", "/etc/passwd").end(), "out of the image"),
        (
            "a link through a link",
            tar().symlink("b", "/etc").hard_link("a", "b/passwd").end(),
            "through a symbolic link",
        ),
        ("a link to nothing", tar().hard_link("a", "b").end(), "is not there"),
        ("a link to a directory", tar().dir("b").hard_link("a", "b").end(), "is a directory"),
        ("a link to a whiteout", tar().file(".wh.b", "").hard_link("a", "b").end(), "is a whiteout"),
        ("a link to the root", tar().hard_link("a", ".").end(), "is the root"),
        ("a link to nowhere", tar().symlink("a", "").end(), "leads nowhere"),
        (
            "a file for a full directory",
            tar().dir("a").file("a/b", "").file("a", "").end(),
            "that is not empty",
        ),
        ("a file for the root", tar().file("./", "").file(".", "x").end(), "the root of it is no directory"),
        ("a whiteout of ..", tar().file("a/.wh...", "").end(), "a whiteout of no file"),
        ("a whiteout of nothing", tar().file(".wh.", "").end(), "a whiteout of no file"),
        ("a file in a whiteout", tar().file(".wh.a/b", "").end(), "inside of a whiteout"),
        ("a huge file", tar().entry(huge(b'0'), b"").end(), "is said to have 4611686018427387904 bytes"),
        (
            "a huge file by pax",
            tar().pax(&[("size", b"4611686018427387904")]).file("a", "").end(),
            "is said to have",
        ),
        ("a huge header", tar().entry(huge(b'x'), b"").end(), "a header in it is said to have"),
        ("a huge name", tar().entry(huge(b'L'), b"").end(), "a header in it is said to have"),
        (
            "a path too long",
            tar().pax(&[("path", "a/".repeat(3000).as_bytes())]).file("a", "").end(),
            "longer than any",
        ),
        (
            "a name too long",
            tar().pax(&[("path", long.repeat(3).as_bytes())]).file("a", "").end(),
            "longer than any",
        ),
        ("a zero in a name", tar().pax(&[("path", b"a\0b")]).file("a", "").end(), "a zero byte"),
        (
            "an owner too high",
            tar().entry(Header { owner: u32::MAX.into(), ..Header::new(b'0', "a") }, b"").end(),
            "whom no machine",
        ),
        ("an unknown kind", tar().entry(Header::new(b'Z', "a"), b"").end(), "of the unknown kind 'Z'"),
        ("a damaged header", damaged, "a header in it is damaged"),
        (
            "a damaged number",
            tar().pax(&[("uid", b"me")]).file("a", "").end(),
            "an extended header in it is damaged",
        ),
        ("a sparse map of too much", sparse("1\n0\n99\n"), "the map of a sparse file"),
        ("a sparse map that goes back", sparse("2\n8\n0\n0\n0\n"), "the map of a sparse file"),
        ("a sparse map without end", sparse("99999\n"), "the map of a sparse file"),
        ("no tar", b"It was a dark and stormy night.".repeat(99), "no tar archive"),
        ("a wrong compression", [&b"BZh91AY&SY"[..], &[0; 999]].concat(), "compressed with bzip2"),
        ("a damaged gzip", damage(gzip(&tar().file("file", long.repeat(99)).end())), "it "),
    ]
}

/// A byte in the middle is another one.
fn damage(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    bytes
}

fn good() -> Parts {
    let layer = Tar::new().dir("etc").file("etc/motd", "hello\n").end();
    Parts::of(vec![(gzip(&layer), layer)])
}

/// Files of a good layout, one of which is changed.
fn changed(which: &str, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut files = good().files("bad:1");
    let file = files.iter_mut().find(|(name, _)| name.contains(which)).unwrap();
    change(&mut file.1);
    pack(&files)
}

/// An index of this content, beside the files of a good layout.
fn with_index(index: &serde_json::Value) -> Vec<u8> {
    changed("index.json", |content| *content = index.to_string().into_bytes())
}

fn archives() -> Vec<Case> {
    let layer = good().layers[0].0.clone();
    let hex = sha256(&layer).trim_start_matches("sha256:").to_string();
    let hex = Box::leak(hex.into_boxed_str());
    let without = |name: &str| {
        let files: Vec<_> =
            good().files("bad:1").into_iter().filter(|(path, _)| !path.contains(name)).collect();
        pack(&files)
    };
    let mut other_layers = good();
    other_layers.config["rootfs"]["diff_ids"] = json!([sha256(b"something else")]);
    let mut more_layers = good();
    more_layers.config["rootfs"]["diff_ids"] = json!([sha256(b""), sha256(b"")]);
    let mut no_digest = good();
    no_digest.config["rootfs"]["diff_ids"] = json!(["sha256:../../../../glassbox-was-here"]);
    let descriptor = |digest: &str| json!({"mediaType": "x", "digest": digest, "size": 1});
    let docker = |config: &str, layer: &str| {
        Tar::new().file("manifest.json", json!([{"Config": config, "Layers": [layer]}]).to_string())
    };
    let config = good().config.to_string();
    let wrong_name = format!("{}.json", "0".repeat(64));
    let mut bad_header = good().oci("bad:1");
    bad_header[..BLOCK][0] ^= 1;
    seal(&mut bad_header);
    bad_header[148] ^= 1;
    vec![
        ("a layer of another digest", changed(hex, |blob| blob[20] ^= 1), "has the digest"),
        ("a layer that is longer", changed(hex, |blob| blob.push(0)), "has the digest"),
        ("a layer that is missing", without(hex), "there is no blobs/sha256/"),
        ("a layer of other content", other_layers.oci("bad:1"), "unpacked it has the digest"),
        ("more layers than there are", more_layers.oci("bad:1"), "names 2 layers, and it has 1"),
        ("a digest that is a path", no_digest.oci("bad:1"), "is no SHA-256 digest"),
        ("a size that is wrong", wrong_size(), "and should have"),
        (
            "a blob by a path",
            with_index(&json!({"schemaVersion": 2, "manifests": [descriptor("sha256:../../../x")]})),
            "digest",
        ),
        (
            "a blob by SHA-512",
            with_index(&json!({"schemaVersion": 2, "manifests": [descriptor("sha512:00")]})),
            "SHA-512",
        ),
        (
            "an index without images",
            with_index(&json!({"schemaVersion": 2, "manifests": []})),
            "there is no image in it",
        ),
        (
            "an index that is none",
            changed("index.json", |content| *content = b"{".to_vec()),
            "cannot be understood",
        ),
        ("no oci-layout", without("oci-layout"), "no oci-layout"),
        ("an archive of something else", Tar::new().file("etc/motd", "").end(), "it is no image"),
        ("nothing", vec![], "it ends in the middle"),
        ("a damaged header", bad_header, "a header in it is damaged"),
        ("a device", Tar::new().entry(Header::new(b'3', "null"), b"").end(), "neither file nor directory"),
        ("a path up", Tar::new().file("../index.json", "").end(), "leads out of it"),
        (
            "a docker layer by a path",
            docker("c", "../../../etc/passwd").file("c", &config).end(),
            "leads out of it",
        ),
        (
            "a docker layer by a link",
            docker("c", "l").file("c", &config).symlink("l", "/etc/passwd").end(),
            "leads out of it",
        ),
        ("a docker layer that is missing", docker("c", "l").file("c", &config).end(), "there is no l in it"),
        (
            "a docker configuration that is another",
            docker(&wrong_name, "l").file(&wrong_name, &config).file("l", &layer).end(),
            "should have the digest",
        ),
        ("a docker name that is none", good().docker("../bad"), "cannot be the name of an image"),
        ("indexes without end", endless_indexes(), "an index that names an index"),
    ]
}

fn wrong_size() -> Vec<u8> {
    let parts = good();
    let mut manifest = parts.manifest();
    manifest["layers"][0]["size"] = json!(1);
    replace_manifest(&parts, manifest.to_string().into_bytes(), "x")
}

fn replace_manifest(parts: &Parts, manifest: Vec<u8>, media_type: &str) -> Vec<u8> {
    let mut files = parts.files("bad:1");
    let mut descriptor = Parts::descriptor(&manifest);
    descriptor["mediaType"] = json!(media_type);
    let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
    files[1].1 = index.to_string().into_bytes();
    files.push((format!("blobs/{}", sha256(&manifest).replace(':', "/")), manifest));
    pack(&files)
}

fn endless_indexes() -> Vec<u8> {
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let mut files = good().files("bad:1");
    let mut index = json!({"schemaVersion": 2, "manifests": []}).to_string().into_bytes();
    for _ in 0..9 {
        files.push((format!("blobs/{}", sha256(&index).replace(':', "/")), index.clone()));
        let mut descriptor = Parts::descriptor(&index);
        descriptor["mediaType"] = json!(INDEX);
        index = json!({"schemaVersion": 2, "manifests": [descriptor]}).to_string().into_bytes();
    }
    files[1].1 = index;
    pack(&files)
}

/// Small on the way, and large when it is unpacked.
fn bomb() {
    let layer = Tar::new().file("zeros", vec![0; 40 << 20]).end();
    let parts = Parts::of(vec![(gzip(&layer), layer)]);
    let archive = parts.oci("bad:1");
    assert!(archive.len() < 1 << 20);
    let load = |bench: &Bench| {
        let path = bench.file("bomb.tar", &archive);
        bench.try_glassbox(&["load", "--limit", "20m", "-i", path.to_str().unwrap()])
    };
    refused(&load, "zeros is said to have 41943040 bytes");
    // The same around it: an archive that is compressed as a whole.
    let archive = gzip(&Tar::new().file("zeros", vec![0; 40 << 20]).end());
    let load = |bench: &Bench| {
        let path = bench.file("bomb.tar", &archive);
        bench.try_glassbox(&["load", "--limit", "20m", "-i", path.to_str().unwrap()])
    };
    refused(&load, "zeros is said to have 41943040 bytes");
}

fn cut_off() {
    for archive in [good().oci("bad:1"), good().docker("bad:1"), gzip(&good().oci("bad:1"))] {
        // Of the two empty blocks at the end one would suffice.
        let content = archive.len() - if archive.starts_with(&[0x1f]) { 0 } else { 2 * BLOCK };
        for part in 1..8 {
            let length = content * part / 8;
            refused(&|bench| bench.load(&archive[..length]), "it ");
        }
    }
}

/// In a directory, too, nothing is read through a link.
fn layout_with_links() {
    let make = |bench: &Bench| {
        let layout = bench.path("layout");
        for (name, content) in good().files("bad:1") {
            let path = layout.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        layout
    };
    let load = |bench: &Bench| {
        let layout = make(bench);
        std::fs::rename(layout.join("blobs"), layout.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", layout.join("blobs")).unwrap();
        bench.try_glassbox(&["load", "-i", layout.to_str().unwrap()])
    };
    refused(&load, "through a symbolic link");
    let bench = Bench::new();
    let layout = make(&bench);
    assert_eq!(bench.glassbox(&["load", "-i", layout.to_str().unwrap()]), "Loaded image: bad:1\n");
}
