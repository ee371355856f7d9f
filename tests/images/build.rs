//! Dockerfiles become images: what is in them, what is done again, and what is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use libtest_mimic::Trial;

use crate::archive::{Tar, gzip};
use crate::bench::{Bench, text};
use crate::common::{Ran, finish, skip, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("build: files, modes and owners", files),
        trial("build: how its containers start", configuration),
        trial("build: variables", variables),
        trial("build: RUN, and what it changes", run),
        trial("build: RUN that fails", run_fails),
        trial("build: stages", stages),
        trial("build: ADD of archives", archives),
        trial("build: .dockerignore", ignored),
        trial("build: a step that was done is not done again", cached),
        trial("build: what is wrong with a Dockerfile", wrong),
        trial("build: nothing leads out of the context", inside),
        trial("build: links in the image are followed inside of it", links),
        trial("build: two at once", together),
        trial("build: prune takes what was kept of steps", prune),
    ]
}

/// A context with these files.
pub(crate) fn context(bench: &Bench, files: &[(&str, &str)]) -> PathBuf {
    let dir = bench.path("context");
    for (name, content) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

pub(crate) fn try_build(bench: &Bench, dockerfile: &str, more: &[&str]) -> Ran {
    let dir = context(bench, &[("Dockerfile", dockerfile)]);
    bench.try_glassbox(&[&["build", "-t", "built"], more, &[text(&dir)]].concat())
}

fn build(bench: &Bench, dockerfile: &str) -> String {
    let ran = try_build(bench, dockerfile, &[]);
    assert_eq!(ran.code, Some(0), "{ran}");
    ran.err
}

/// Whether containers can be started here, as builds do it.
pub(crate) fn can_run(bench: &Bench, test: &str) -> bool {
    let ran = bench.try_glassbox(&["run", "--rm", "tiny", "true"]);
    if ran.code == Some(125) {
        skip(test, ran.err.lines().next().unwrap_or_default());
        return false;
    }
    assert_eq!(ran.code, Some(0), "{ran}");
    true
}

/// What a file of the built image is in its topmost layer that has it.
fn built(bench: &Bench, path: &str) -> PathBuf {
    let layers = bench.image("built").layers;
    let mut found = layers.iter().rev().map(|layer| layer.path.join(path));
    found.find(|path| path.symlink_metadata().is_ok()).unwrap_or_else(|| panic!("{path} is in no layer"))
}

fn files() {
    let bench = Bench::new();
    let dir =
        context(&bench, &[("a.txt", "a"), ("b.txt", "b"), ("c.md", "c"), ("dir/sub/d", "d"), ("run.sh", "")]);
    fs::set_permissions(dir.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(dir.join("dir/sub"), fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink("a.txt", dir.join("dir/link")).unwrap();
    let said = build(
        &bench,
        "FROM scratch\nCOPY *.txt /srv/\nCOPY a.txt /one\nCOPY dir /tree\nCOPY --chmod=600 a.txt /secret\n\
         COPY run.sh \\\n  /bin/\nCOPY dir/sub/d c.md /srv/\n",
    );
    assert!(said.contains("[2/7] COPY *.txt /srv/\n"), "{said}");
    let read = |path: &str| fs::read_to_string(built(&bench, path)).unwrap();
    let contents = ["srv/a.txt", "srv/b.txt", "one", "tree/sub/d", "srv/d", "srv/c.md"].map(read);
    assert_eq!(contents, ["a", "b", "a", "d", "d", "c"]);
    let mode = |path: &str| fs::metadata(built(&bench, path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(["secret", "bin/run.sh", "tree/sub", "srv"].map(mode), [0o600, 0o755, 0o700, 0o755]);
    assert_eq!(fs::read_link(built(&bench, "tree/link")).unwrap(), PathBuf::from("a.txt"));
    let mine = nix::unistd::getuid().as_raw();
    assert_eq!(fs::metadata(built(&bench, "one")).unwrap().uid(), mine, "root's inside");
    assert_eq!(bench.image("built").layers.len(), 6);
}

fn configuration() {
    let bench = Bench::new();
    build(
        &bench,
        "FROM scratch AS base\nENTRYPOINT [\"/base\"]\nCMD [\"x\"]\nENV A=1 B=\"two words\"\nFROM base\n\
         ENV A=2\nENTRYPOINT /bin/start  now\nLABEL org.x=\"a b\" v=1\nEXPOSE 80 53/udp\nUSER 7:8\n\
         WORKDIR /srv\nWORKDIR app\n",
    );
    let config = bench.image("built").config.config;
    let list = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(config.env, list(&["A=2", "B=two words"]));
    assert_eq!(config.entrypoint, list(&["/bin/sh", "-c", "/bin/start  now"]));
    assert_eq!(config.cmd, None, "another entry point has no use for it");
    assert_eq!((config.user.as_str(), config.working_dir.as_str()), ("7:8", "/srv/app"));
    let ports: Vec<String> = config.exposed_ports.unwrap().into_keys().collect();
    assert_eq!(ports, ["53/udp", "80/tcp"]);
    assert_eq!(config.labels.unwrap()["org.x"], "a b");
    assert!(built(&bench, "srv/app").is_dir());
    let history = bench.glassbox(&["history", "--no-trunc", "built"]);
    assert!(history.contains("LABEL org.x=\"a b\" v=1"), "{history}");
}

fn variables() {
    let bench = Bench::new();
    context(&bench, &[("file-2", "two")]);
    let dockerfile = "ARG FROM=scratch\nFROM ${FROM}\nARG V=1\nARG W\nENV D=/srv E=$V\nCOPY file-$V ${D}/${W:-none}\n\
        LABEL v=\"$V\" e='$V' q=${W:+set}\n";
    let ran = try_build(&bench, dockerfile, &["--build-arg", "V=2", "--build-arg", "Z=1"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(
        ran.err.ends_with("note: no ARG asks for \"Z\" of --build-arg\n") || ran.err.contains("note: no ARG"),
        "{ran}"
    );
    assert_eq!(fs::read_to_string(built(&bench, "srv/none")).unwrap(), "two");
    let config = bench.image("built").config.config;
    assert_eq!(config.env.unwrap(), ["D=/srv", "E=2"]);
    let labels: Vec<(String, String)> = config.labels.unwrap().into_iter().collect();
    let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
    assert_eq!(labels, [pair("e", "$V"), pair("q", ""), pair("v", "2")]);
}

fn run() {
    let bench = Bench::new();
    if !can_run(&bench, "RUN") {
        return;
    }
    let said = build(
        &bench,
        "FROM tiny\nARG WHO=you\nENV GREETING=hello\nWORKDIR /srv\nRUN echo $GREETING $WHO > out; cat out; rm /etc/group\n\
         RUN [\"mkdir\", \"-p\", \"a b/c\"]\nUSER 5\nRUN id -u > /tmp/who || true\nCMD cat /srv/out\n",
    );
    assert!(said.lines().any(|line| line.starts_with("#3 ") && line.ends_with(" hello you")), "{said}");
    assert_eq!(bench.glassbox(&["run", "--rm", "built"]), "hello you\n");
    let ran = bench.try_glassbox(&["run", "--rm", "built", "ls", "/etc/group", "/srv"]);
    assert!(ran.out.contains("a b\n") && ran.err.contains("/etc/group"), "{ran}");
    // Nothing of what makes a container work is in the image.
    let last = bench.image("built").layers.pop().unwrap().path;
    let names: Vec<_> = fs::read_dir(last).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name == "tmp"), "{names:?}");
}

fn run_fails() {
    let bench = Bench::new();
    if !can_run(&bench, "RUN") {
        return;
    }
    let before = bench.stored();
    let ran = try_build(&bench, "FROM tiny\n\nRUN echo before; \\\n  exit 7\n", &["-q"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(7), ""), "{ran}");
    assert!(ran.err.contains(" before\n"), "quiet, and still told: {ran}");
    assert!(
        ran.err.contains("error: Dockerfile:3: the command failed with exit code 7: echo before;"),
        "{ran}"
    );
    assert_eq!(bench.stored(), before, "nothing is left of it");
    let ran = try_build(&bench, "FROM scratch\nRUN true\n", &[]);
    assert!(
        ran.code == Some(1) && ran.err.contains("Dockerfile:2: the container has no program \"/bin/sh\""),
        "{ran}"
    );
    let ran = try_build(&bench, "FROM tiny\nRUN sleep 1000 & echo started\n", &[]);
    assert_eq!(ran.code, Some(0), "what is left behind is ended: {ran}");
}

fn stages() {
    let bench = Bench::new();
    context(&bench, &[("one", "1"), ("two", "2")]);
    let dockerfile = "FROM scratch AS first\nCOPY one /deep/one\nFROM scratch AS unused\nCOPY nowhere /\n\
        FROM scratch AS second\nCOPY two /two\nFROM first\nCOPY --from=second --chown=3 /two /copied\nCOPY --from=0 /deep /again\n";
    let said = build(&bench, dockerfile);
    assert!(said.contains("[first 2/2] COPY one") && !said.contains("unused"), "{said}");
    assert_eq!(fs::read_to_string(built(&bench, "copied")).unwrap(), "2");
    assert_eq!(fs::read_to_string(built(&bench, "again/one")).unwrap(), "1");
    assert_eq!(bench.image("built").layers.len(), 3);
    let ran = try_build(&bench, dockerfile, &["--target", "second"]);
    assert_eq!((ran.code, bench.image("built").layers.len()), (Some(0), 1), "{ran}");
    let ran = try_build(&bench, dockerfile, &["--target", "third"]);
    assert!(ran.code == Some(1) && ran.err.contains("hint: there are first, unused, second"), "{ran}");
}

fn archives() {
    let bench = Bench::new();
    let tar = Tar::new().dir("bin").file("bin/program", "p").hard_link("bin/other", "bin/program").end();
    let dir = context(&bench, &[("plain", "no archive")]);
    fs::write(dir.join("root.tar.gz"), gzip(&tar)).unwrap();
    fs::write(dir.join("cut.tar"), &tar[..700]).unwrap();
    build(&bench, "FROM scratch\nADD root.tar.gz plain /opt/\nCOPY root.tar.gz /kept\n");
    assert_eq!(fs::metadata(built(&bench, "opt/bin/other")).unwrap().nlink(), 2);
    assert_eq!(fs::read_to_string(built(&bench, "opt/plain")).unwrap(), "no archive");
    assert_eq!(fs::read(built(&bench, "kept")).unwrap(), gzip(&tar));
    fs::write(dir.join("evil.tar"), Tar::new().file("../../evil", "").end()).unwrap();
    for (name, why) in [("evil.tar", "has .. in it"), ("cut.tar", "ends in the middle")] {
        let ran = try_build(&bench, &format!("FROM scratch\nADD {name} /opt/\n"), &[]);
        assert!(ran.code == Some(1) && ran.err.contains(why), "{ran}");
    }
}

fn ignored() {
    let bench = Bench::new();
    let files = [
        ("a.md", ""),
        ("README.md", ""),
        ("sub/b.md", ""),
        ("src/kept", ""),
        ("src/.git/x", ""),
        ("out/o", ""),
    ];
    context(&bench, &files);
    context(&bench, &[(".dockerignore", "# not these\n**/*.md\n!README.md\n**/.git\nout\n")]);
    build(&bench, "FROM scratch\nCOPY . /all/\n");
    let mut found = vec![];
    let root = bench.layer("built").join("all");
    let mut open = vec![root.clone()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(&root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    assert_eq!(found, [".dockerignore", "Dockerfile", "README.md", "src/kept"]);
    let ran = try_build(&bench, "FROM scratch\nCOPY a.md /\n", &[]);
    assert!(
        ran.err.contains("Dockerfile:2: a.md is left out of the context by .dockerignore\nhint: "),
        "{ran}"
    );
}

fn count(said: &str, text: &str) -> usize {
    said.lines().filter(|line| line.ends_with(text)).count()
}

fn cached() {
    let bench = Bench::new();
    let dir = context(&bench, &[("a", "1"), ("b", "1")]);
    let lines = "FROM scratch\nCOPY a /a\nLABEL x=1\nCOPY b /b\nWORKDIR /w\n";
    assert_eq!(count(&build(&bench, lines), "CACHED"), 0);
    let first = bench.image("built").id;
    // The same files, however new: the same image.
    fs::write(dir.join("a"), "1").unwrap();
    assert_eq!(count(&build(&bench, lines), "CACHED"), 3);
    assert_eq!(bench.image("built").id, first);
    // Another content, and everything from there on.
    fs::write(dir.join("b"), "2").unwrap();
    assert_eq!(count(&build(&bench, lines), "CACHED"), 1);
    assert_ne!(bench.image("built").id, first);
    // Another line in between.
    assert_eq!(count(&build(&bench, &lines.replace("x=1", "x=2")), "CACHED"), 1);
    fs::set_permissions(dir.join("a"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(count(&build(&bench, lines), "CACHED"), 0, "modes are content");
    let ran = try_build(&bench, lines, &["--no-cache"]);
    assert_eq!((ran.code, count(&ran.err, "CACHED")), (Some(0), 0), "{ran}");
}

fn wrong() {
    let bench = Bench::new();
    context(&bench, &[("hello.txt", ""), ("other", "")]);
    let cases = [
        ("FORM tiny", "Dockerfile:1: there is no instruction FORM\nhint: did you mean FROM?"),
        ("# only\n", "Dockerfile: there is no FROM in it\nhint: begin it with an image: FROM tiny"),
        ("RUN x\nFROM tiny", "Dockerfile:1: nothing but ARG can stand before FROM\n"),
        (
            "FROM scratch\n\nVOLUME /x",
            "Dockerfile:3: the instruction VOLUME is not supported\nhint: leave it out",
        ),
        (
            "FROM scratch\nCOPY helo.txt /",
            "Dockerfile:2: helo.txt is not in the context\nhint: did you mean hello.txt?",
        ),
        ("FROM scratch\nCOPY *.c /", "Dockerfile:2: *.c is not in the context\n"),
        ("FROM scratch\nCOPY hello.txt other /x", "Dockerfile:2: several files cannot become one file /x\n"),
        ("FROM nowhere", "Dockerfile:1: there is no image \"nowhere\"\nhint: "),
        ("FROM scratch\nCOPY --chown=me hello.txt /", "Dockerfile:2: the image has no user \"me\"\n"),
        ("FROM scratch\nCOPY --chmod=9 hello.txt /", "Dockerfile:2: --chmod=9 is no mode\n"),
        ("FROM scratch\nENV A=\"b", "Dockerfile:2: there is no end of what begins with \"\n"),
        ("FROM scratch\nCOPY --from=0 a b", "Dockerfile:2: cannot be the name"),
        (
            "FROM scratch\nADD https://x.example/y /",
            "Dockerfile:2: ADD of https://x.example/y is not supported\n",
        ),
        ("FROM scratch\nCOPY hello.txt /f\nCOPY other /f/g", "Dockerfile:3: /f is no directory\n"),
        ("FROM scratch\nWORKDIR /d\nCOPY other /\nCOPY hello.txt /d", ""),
    ];
    for (dockerfile, says) in cases {
        let ran = try_build(&bench, dockerfile, &[]);
        if says.is_empty() {
            assert_eq!(ran.code, Some(0), "{dockerfile}: {ran}");
        } else if says.contains("cannot be the name") {
            assert!(ran.code == Some(1) && ran.err.contains("Dockerfile:2: "), "{dockerfile}: {ran}");
        } else {
            assert!(
                ran.code == Some(1) && ran.err.contains(&format!("error: {says}")),
                "{dockerfile}: {ran}"
            );
            assert_eq!(ran.err.matches("hint: ").count(), 1, "{ran}");
        }
    }
    let ran = bench.try_glassbox(&["build", "/nowhere"]);
    assert!(ran.code == Some(1) && ran.err.contains("cannot read /nowhere: ENOENT"), "{ran}");
    let ran = bench.try_glassbox(&["build", text(&bench.path(""))]);
    assert!(
        ran.code == Some(1) && ran.err.contains("error: there is no ") && ran.err.contains("hint: "),
        "{ran}"
    );
}

fn inside() {
    let bench = Bench::new();
    let dir = context(&bench, &[("file", ""), ("sub/file", "inside")]);
    fs::write(bench.path("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", dir.join("out")).unwrap();
    std::os::unix::fs::symlink("/sub", dir.join("absolute")).unwrap();
    for source in ["../secret", "sub/../../secret", "/../secret"] {
        let ran = try_build(&bench, &format!("FROM scratch\nCOPY {source} /\n"), &[]);
        assert!(
            ran.code == Some(1) && ran.err.contains(&format!("{source} leads out of the context")),
            "{ran}"
        );
    }
    let ran = try_build(&bench, "FROM scratch\nCOPY out /\n", &[]);
    assert!(ran.code == Some(1) && ran.err.contains("out is not in the context"), "{ran}");
    build(&bench, "FROM scratch\nCOPY absolute/file /got\nCOPY . /all\n");
    assert_eq!(fs::read_to_string(built(&bench, "got")).unwrap(), "inside");
    assert!(built(&bench, "all/out").is_symlink(), "in a directory a link is copied as it is");
}

fn links() {
    let bench = Bench::new();
    let dir = context(&bench, &[("file", "new")]);
    let base = Tar::new().dir("run").symlink("var/run", "/run").symlink("var/out", "../../../../etc").end();
    fs::write(dir.join("base.tar"), &base).unwrap();
    build(&bench, "FROM scratch\nADD base.tar /\nCOPY file /var/run/a/file\nCOPY file /var/out/file\n");
    assert_eq!(fs::read_to_string(built(&bench, "run/a/file")).unwrap(), "new");
    assert_eq!(fs::read_to_string(built(&bench, "etc/file")).unwrap(), "new");
    assert!(built(&bench, "var/run").is_symlink());
    // Directories on the way stay as they were.
    let private = Tar::new()
        .entry(crate::archive::Header { mode: 0o700, ..crate::archive::Header::new(b'5', "p") }, b"");
    fs::write(dir.join("base.tar"), private.end()).unwrap();
    build(&bench, "FROM scratch\nADD base.tar /\nCOPY file /p/file\n");
    let mode = fs::metadata(built(&bench, "p")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o700);
}

fn together() {
    let bench = Bench::new();
    let dir = context(&bench, &[("Dockerfile", "FROM scratch\nCOPY big /a\nCOPY big /b\nWORKDIR /c\n")]);
    fs::write(dir.join("big"), vec![7; 3 << 20]).unwrap();
    bench.glassbox(&["images"]);
    let script = "for at in 1 2 3; do $glassbox build -q -t web:$at \"$DIR\" & pids=\"$pids $!\"; done
        $glassbox prune -f & pids=\"$pids $!\"; for pid in $pids; do wait $pid || exit 1; done";
    let ran = finish(bench.home.script(script).env("DIR", &dir));
    assert_eq!(ran.code, Some(0), "{ran}");
    for at in 1..=3 {
        let image = bench.image(&format!("web:{at}"));
        assert!(image.layers.iter().all(|layer| layer.path.is_dir()), "{at}");
        assert_eq!(image.layers.len(), 3);
    }
}

fn prune() {
    let bench = Bench::new();
    context(&bench, &[("file", &"x".repeat(5000))]);
    let dockerfile = "FROM scratch\nCOPY file /\n";
    build(&bench, dockerfile);
    bench.glassbox(&["rmi", "built"]);
    assert_eq!(count(&build(&bench, dockerfile), "CACHED"), 1, "it is still known");
    bench.glassbox(&["rmi", "built"]);
    let said = bench.glassbox(&["prune", "-f"]);
    assert!(!said.contains(" 0B"), "{said}");
    let left = bench.stored();
    assert!(left.iter().all(|name| name.starts_with("./")), "{left:?}");
    assert_eq!(count(&build(&bench, dockerfile), "CACHED"), 0);
}
