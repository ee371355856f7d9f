//! Archives that other tools make, on the spot and without a network.

use std::fs;

use libtest_mimic::Trial;

use crate::bench::{Bench, text};
use crate::common::{has_tool, is_root, skip, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("foreign: umoci's layouts", umoci),
        trial("foreign: skopeo's archives, and zstd", skopeo),
        trial("foreign: buildah's archives", buildah),
        trial("foreign: podman's archives", podman),
    ]
}

/// A layout of umoci's with an image `layout:v1` of three layers.
pub(crate) fn layout(bench: &Bench) -> bool {
    if !has_tool("umoci", "images that others make") || !has_tool("skopeo", "images that others make") {
        return false;
    }
    let files = bench.path("files");
    fs::create_dir_all(files.join("sub")).unwrap();
    fs::write(files.join("sub/one"), "one\n").unwrap();
    glassbox::kernel::fs::link(files.join("sub/one"), files.join("sub/uno")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", files.join("link")).unwrap();
    bench.tool("umoci", &["init", "--layout", "layout"]);
    bench.tool("umoci", &["new", "--image", "layout:v1"]);
    let insert = |arguments: &[&str]| {
        let user: &[&str] = if is_root() { &[] } else { &["--rootless"] };
        bench.tool("umoci", &[&["insert"], user, &["--image", "layout:v1"], arguments].concat());
    };
    insert(&["files", "/etc"]);
    insert(&["--whiteout", "/etc/link"]);
    insert(&["--opaque", "files/sub", "/etc/sub"]);
    bench
        .tool("umoci", &["config", "--image", "layout:v1", "--config.cmd", "/bin/sh", "--config.env", "A=b"]);
    true
}

fn umoci() {
    let bench = Bench::new();
    if !layout(&bench) {
        return;
    }
    assert_eq!(bench.glassbox(&["load", "-i", text(&bench.path("layout"))]), "Loaded image: layout:v1\n");
    let image = bench.image("layout:v1");
    assert_eq!(image.layers.len(), 3);
    assert_eq!(image.config.config.cmd, Some(vec!["/bin/sh".into()]));
    assert_eq!(image.config.config.env, Some(vec!["A=b".into()]));
    let first = &image.layers[0].path;
    assert_eq!(fs::read_to_string(first.join("etc/sub/uno")).unwrap(), "one\n");
    let history = bench.glassbox(&["history", "layout:v1"]);
    assert_eq!(history.matches("umoci insert").count(), 3, "{history}");
}

fn skopeo() {
    let bench = Bench::new();
    if !layout(&bench) {
        return;
    }
    let copy = |to: &str, more: &[&str]| {
        bench.tool("skopeo", &[&["copy", "-q"], more, &["oci:layout:v1", to]].concat());
    };
    copy("oci-archive:web.tar:team/web:1", &[]);
    copy("oci-archive:tag.tar:v2", &[]);
    copy("oci-archive:nameless.tar", &[]);
    copy("docker-archive:docker.tar:registry.example:5000/web:3", &[]);
    copy("oci:packed:latest", &["--dest-compress-format", "zstd", "--dest-compress"]);
    let id = bench.glassbox(&["load", "-i", text(&bench.path("nameless.tar"))]);
    let id = id.strip_prefix("Loaded image ID: ").unwrap().trim().to_string();
    let cases = [
        ("web.tar", "team/web:1"),
        ("tag.tar", "tag:v2"),
        ("docker.tar", "registry.example:5000/web:3"),
        ("packed", "packed:latest"),
        ("layout", "layout:v1"),
    ];
    for (file, name) in cases {
        assert_eq!(
            bench.glassbox(&["load", "-i", text(&bench.path(file))]),
            format!("Loaded image: {name}\n")
        );
        assert_eq!(bench.image(name).id.to_string(), id, "{file}: the same configuration is the same image");
    }
    // Through a pipe, compressed as a whole.
    let script = "gzip -c docker.tar | $glassbox load && $glassbox images -q --no-trunc | sort -u";
    let mut piped = bench.home.script(script);
    let ran = crate::common::finish(piped.current_dir(bench.home.path()));
    assert_eq!(ran.out, format!("Loaded image: registry.example:5000/web:3\n{id}\n"), "{ran}");
    let layers = fs::read_dir(bench.images_dir().join("layers")).unwrap().count();
    assert_eq!(layers, 2 * 3, "each layer is there once, with what is known of it");
    // zstd by itself: nothing of it was there before.
    let alone = Bench::new();
    assert_eq!(alone.glassbox(&["load", "-i", text(&bench.path("packed"))]), "Loaded image: packed:latest\n");
    let blobs: Vec<_> = fs::read_dir(alone.images_dir().join("blobs/sha256")).unwrap().collect();
    let is_zstd = |path: &std::path::Path| fs::read(path).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    assert_eq!(blobs.iter().filter(|blob| is_zstd(&blob.as_ref().unwrap().path())).count(), 3);
}

/// The options that give a tool of containers/storage a storage of its own.
pub(crate) fn storage(bench: &Bench) -> Vec<String> {
    let path = |name: &str| bench.path(name).display().to_string();
    ["--root", &path("storage"), "--runroot", &path("run"), "--storage-driver", "vfs"]
        .map(String::from)
        .into()
}

fn with_storage(bench: &Bench, program: &str, arguments: &[&str]) -> String {
    let storage = storage(bench);
    let storage: Vec<&str> = storage.iter().map(String::as_str).collect();
    bench.tool(program, &[&storage[..], arguments].concat())
}

fn buildah() {
    if !has_tool("buildah", "images that buildah makes") {
        return;
    }
    if !is_root() {
        return skip(
            "images that buildah makes",
            "without root it wants namespaces of a kind that tests do not give it",
        );
    }
    let bench = Bench::new();
    fs::write(bench.path("motd"), "hello\n").unwrap();
    let container = with_storage(&bench, "buildah", &["from", "scratch"]);
    let container = container.trim();
    with_storage(&bench, "buildah", &["copy", container, "motd", "/etc/motd"]);
    with_storage(&bench, "buildah", &["config", "--cmd", "/bin/sh", "--label", "a=b", container]);
    with_storage(&bench, "buildah", &["commit", "-q", container, "web"]);
    with_storage(&bench, "buildah", &["push", "-q", "web", "oci-archive:oci.tar:localhost/web:1"]);
    with_storage(&bench, "buildah", &["push", "-q", "web", "docker-archive:docker.tar:localhost/web:2"]);
    with_storage(&bench, "buildah", &["rm", "--all"]);
    for (file, name) in [("oci.tar", "localhost/web:1"), ("docker.tar", "localhost/web:2")] {
        // Into docker's format it writes every name that it knows.
        let said = bench.glassbox(&["load", "-i", text(&bench.path(file))]);
        assert!(said.contains(&format!("Loaded image: {name}\n")), "{said}");
        assert_eq!(fs::read_to_string(bench.layer(name).join("etc/motd")).unwrap(), "hello\n");
        assert_eq!(bench.image(name).config.config.labels.unwrap()["a"], "b");
    }
    // What was made on this machine is found by its short name.
    assert_eq!(bench.image("web:1").names[0].to_string(), "localhost/web:1");
}

fn podman() {
    if !has_tool("podman", "images that podman makes") {
        return;
    }
    if !is_root() {
        return skip(
            "images that podman makes",
            "without root it leaves a process behind: buildah's are the same",
        );
    }
    let bench = Bench::new();
    fs::create_dir_all(bench.path("root/etc")).unwrap();
    fs::write(bench.path("root/etc/motd"), "hello\n").unwrap();
    bench.tool("tar", &["-C", "root", "-cf", "root.tar", "."]);
    with_storage(&bench, "podman", &["import", "-q", "--change", "CMD=/bin/sh", "root.tar", "web:1"]);
    with_storage(&bench, "podman", &["tag", "web:1", "other"]);
    with_storage(&bench, "podman", &["save", "-q", "-o", "docker.tar", "-m", "web:1", "other"]);
    with_storage(&bench, "podman", &["save", "-q", "--format", "oci-archive", "-o", "oci.tar", "web:1"]);
    with_storage(&bench, "podman", &["save", "-q", "--format", "oci-dir", "-o", "oci", "other"]);
    for (file, loaded) in [
        ("docker.tar", vec!["web:1", "other:latest"]),
        ("oci.tar", vec!["web:1"]),
        ("oci", vec!["other:latest"]),
    ] {
        let bench_of_its_own = Bench::new();
        let said = bench_of_its_own.glassbox(&["load", "-i", text(&bench.path(file))]);
        let expected: String =
            loaded.iter().map(|name| format!("Loaded image: localhost/{name}\n")).collect();
        assert_eq!(said, expected, "{file}");
        let layer = bench_of_its_own.layer(loaded[0]);
        assert_eq!(fs::read_to_string(layer.join("etc/motd")).unwrap(), "hello\n");
    }
}
