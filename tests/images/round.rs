//! What is saved is what was loaded, and others take it.

use std::fs;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::archive::{Parts, Tar, gzip};
use crate::bench::{Bench, text};
use crate::common::{has_tool, is_root, skip, trial};
use crate::foreign::{layout, storage};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("saved: the same again", again),
        trial("saved: the same bytes", same_bytes),
        trial("saved: skopeo takes it", skopeo),
        trial("saved: podman takes it", podman),
        trial("saved: over a file, or not at all", over_a_file),
        trial("tiny: an image like any other", tiny),
        trial("import: what there is to be known of it", import),
    ]
}

fn parts() -> Parts {
    let base = Tar::new().dir("etc").file("etc/motd", "hello\n").end();
    let top = Tar::new().file("etc/.wh.motd", "").file("etc/issue", "bye\n").end();
    Parts::of(vec![(gzip(&base), base), (top.clone(), top)])
}

fn again() {
    let bench = Bench::new();
    assert_eq!(bench.load(&parts().oci("web:1")).code, Some(0));
    let image = bench.image("web:1");
    for (format, same_manifest) in [("oci", true), ("docker", false)] {
        let file = bench.path("saved.tar");
        bench.glassbox(&["save", "--format", format, "-o", text(&file), "web:1"]);
        let other = Bench::new();
        assert_eq!(other.glassbox(&["load", "-i", text(&file)]), "Loaded image: web:1\n");
        let loaded = other.image("web:1");
        assert_eq!(loaded.id, image.id, "{format}");
        let diff_ids = |image: &glassbox::image::Image| {
            image.layers.iter().map(|layer| layer.diff_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(diff_ids(&loaded), diff_ids(&image), "{format}");
        assert_eq!(loaded.digest() == image.digest(), same_manifest, "{format}");
        // In docker's format layers are not compressed, and the manifest is another one.
        if same_manifest {
            assert_eq!(other.stored(), bench.stored(), "every blob is the same");
        }
    }
}

fn same_bytes() {
    let (one, two) = (Bench::new(), Bench::new());
    for bench in [&one, &two] {
        assert_eq!(bench.load(&parts().oci("web:1")).code, Some(0));
        bench.glassbox(&["tag", "web:1", "team/web"]);
    }
    for format in ["oci", "docker"] {
        let save = |bench: &Bench| {
            bench.glassbox(&[
                "save",
                "--format",
                format,
                "-o",
                text(&bench.path("saved.tar")),
                "web:1",
                "team/web",
            ]);
            fs::read(bench.path("saved.tar")).unwrap()
        };
        assert!(save(&one) == save(&two), "{format}");
    }
}

fn skopeo() {
    let bench = Bench::new();
    if !layout(&bench) {
        return;
    }
    bench.glassbox(&["load", "-i", text(&bench.path("layout"))]);
    bench.glassbox(&["save", "-o", text(&bench.path("oci.tar")), "layout:v1"]);
    bench.glassbox(&["save", "--format", "docker", "-o", text(&bench.path("docker.tar")), "layout:v1"]);
    let digest = bench.image("layout:v1").digest().to_string();
    let inspect = |reference: &str| -> Value {
        serde_json::from_str(&bench.tool("skopeo", &["inspect", reference])).unwrap()
    };
    assert_eq!(inspect("oci-archive:oci.tar")["Digest"], digest.as_str());
    for reference in
        ["oci-archive:oci.tar:v1", "docker-archive:docker.tar:layout:v1", "docker-archive:oci.tar:layout:v1"]
    {
        assert_eq!(inspect(reference)["Layers"].as_array().unwrap().len(), 3, "{reference}");
        bench.tool("skopeo", &["copy", "-q", reference, "oci:copy:v1"]);
    }
    bench.tool("umoci", &["stat", "--image", "copy:v1"]);
}

fn podman() {
    if !has_tool("podman", "podman takes what was saved") {
        return;
    }
    if !is_root() {
        return skip("podman takes what was saved", "without root it leaves a process behind");
    }
    let bench = Bench::new();
    assert_eq!(bench.load(&parts().oci("web:1")).code, Some(0));
    let id = bench.image("web:1").id.to_string();
    bench.glassbox(&["tag", "web:1", "registry.example/team/web:2"]);
    let names: &[&str] = &["docker.io/library/web:1", "registry.example/team/web:2"];
    for (format, names) in [("oci", &names[..1]), ("oci", names), ("docker", names)] {
        let saved = bench.path("saved.tar");
        bench.glassbox(&[&["save", "--format", format, "-o", text(&saved)], names].concat());
        let storage = storage(&bench);
        let podman = |arguments: &[&str]| {
            let storage: Vec<&str> = storage.iter().map(String::as_str).collect();
            bench.tool("podman", &[&storage[..], arguments].concat())
        };
        podman(&["load", "-q", "-i", "saved.tar"]);
        for name in names {
            let seen = podman(&["image", "inspect", "--format", "{{.Id}} {{len .RootFS.Layers}}", name]);
            assert_eq!(format!("sha256:{}", seen.trim()), format!("{id} 2"), "{format}: {name}");
        }
        podman(&["rmi", "--all", "--force"]);
    }
}

fn over_a_file() {
    let bench = Bench::new();
    assert_eq!(bench.load(&parts().oci("web:1")).code, Some(0));
    let saved = bench.file("saved.tar", b"what was there");
    let ran = bench.try_glassbox(&["save", "-o", text(&saved), "web:2"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.err.starts_with("error: there is no image \"web:2\"\nhint: "), "{ran}");
    assert_eq!(fs::read(&saved).unwrap(), b"what was there");
    bench.glassbox(&["save", "-o", text(&saved), "web:1"]);
    assert!(fs::metadata(&saved).unwrap().len() > 4000);
    assert_eq!(fs::read_dir(bench.home.path()).unwrap().count(), 2, "nothing else is left");
    let ran = bench.try_glassbox(&["save", "-o", "/dev/full", "web:1"]);
    assert!(ran.code == Some(1) && ran.err.contains("ENOSPC"), "{ran}");
}

fn tiny() {
    let (bench, other) = (Bench::new(), Bench::new());
    let id = |bench: &Bench| {
        bench.glassbox(&["tag", "tiny", "mine"]);
        bench.image("mine").id
    };
    assert_eq!(id(&bench), id(&other), "the same machine makes the same");
    let root = bench.layer("tiny");
    assert!(root.join("bin/sh").is_file() && root.join("etc/passwd").is_file());
    bench.glassbox(&["save", "-o", text(&bench.path("tiny.tar")), "tiny"]);
    let third = Bench::new();
    assert_eq!(third.glassbox(&["load", "-i", text(&bench.path("tiny.tar"))]), "Loaded image: tiny:latest\n");
    assert_eq!(third.image("tiny").id, bench.image("tiny").id);
}

fn import() {
    let bench = Bench::new();
    let tar = bench.file("root.tar", &gzip(&Tar::new().file("etc/motd", "hello\n").end()));
    let changes = [
        "CMD [\"/bin/sh\", \"-l\"]",
        "ENV A=b",
        "WORKDIR /tmp",
        "USER 7:7",
        "LABEL x=\"y z\"",
        "ENTRYPOINT run me",
    ];
    let mut arguments = vec!["import", "-m", "by hand"];
    changes.iter().for_each(|change| arguments.extend(["-c", change]));
    let id = bench.glassbox(&[&arguments[..], &[text(&tar), "web"]].concat());
    let image = bench.image("web");
    assert_eq!(id.trim(), image.id.to_string());
    let config = image.config.config;
    assert_eq!(config.cmd, Some(vec!["/bin/sh".into(), "-l".into()]));
    assert_eq!(config.entrypoint, Some(["/bin/sh", "-c", "run me"].map(String::from).into()));
    assert_eq!((config.working_dir.as_str(), config.user.as_str()), ("/tmp", "7:7"));
    assert_eq!((config.env, config.labels.unwrap()["x"].as_str()), (Some(vec!["A=b".into()]), "y z"));
    let history = bench.glassbox(&["history", "web"]);
    assert!(history.contains("by hand") && history.contains("6B"), "{history}");
    let ran = bench.try_glassbox(&["import", "-c", "RUN make", text(&tar)]);
    assert!(ran.code == Some(2) && ran.err.contains("\"RUN make\" is no instruction"), "{ran}");
}
