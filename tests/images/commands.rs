//! The commands for images, in docker's words.

use libtest_mimic::Trial;

use crate::archive::{Parts, Tar};
use crate::bench::Bench;
use crate::common::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("commands: images", images),
        trial("commands: names and numbers", names_and_numbers),
        trial("commands: image inspect, and its neighbours", inspect),
        trial("commands: rmi", rmi),
        trial("commands: prune", prune),
        trial("commands: a name that moves on", moves_on),
        trial("commands: what is wrong with them", wrong),
    ]
}

/// An image with a file of this content.
fn load(bench: &Bench, name: &str, content: &str) -> String {
    let layer = Tar::new().file("file", content).end();
    let ran = bench.load(&Parts::plain(&[layer]).oci(name));
    assert_eq!((ran.code, ran.out), (Some(0), format!("Loaded image: {name}\n")), "{}", ran.err);
    bench.image(name).id.to_string()
}

fn images() {
    let bench = Bench::new();
    assert_eq!(bench.glassbox(&["images"]), "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE\n");
    let one = load(&bench, "web:1", "one");
    let two = load(&bench, "registry.example:5000/team/web:2", &"two".repeat(1000));
    let short = |id: &str| id["sha256:".len()..][..12].to_string();
    let expected = format!(
        "REPOSITORY                       TAG   IMAGE ID       CREATED   SIZE\n\
         registry.example:5000/team/web   2     {}   N/A       3kB\n\
         web                              1     {}   N/A       3B\n",
        short(&two),
        short(&one)
    );
    assert_eq!(bench.glassbox(&["images"]), expected);
    assert_eq!(bench.glassbox(&["images", "-q", "web"]), format!("{}\n", short(&one)));
    assert_eq!(bench.glassbox(&["images", "-q", "web:2"]), "");
    assert_eq!(bench.glassbox(&["images", "-q", "--no-trunc"]), format!("{two}\n{one}\n"));
    let digest = bench.image("web:1").digest().to_string();
    assert!(bench.glassbox(&["images", "--digests"]).contains(&digest));
}

fn names_and_numbers() {
    let bench = Bench::new();
    let id = load(&bench, "web:1", "one");
    let digest = bench.image("web:1").digest().to_string();
    let hex = id.trim_start_matches("sha256:");
    let by_digest = format!("web@{digest}");
    for given in ["web:1", "docker.io/library/web:1", "library/web:1", &id, hex, &hex[..5], &by_digest] {
        assert_eq!(bench.image(given).id.to_string(), id, "{given}");
    }
    let ran = bench.try_glassbox(&["history", "web"]);
    assert!(ran.code == Some(1) && ran.err.starts_with("error: there is no image \"web\"\nhint: "), "{ran}");
    let wrong = format!("web:1@sha256:{}", "0".repeat(64));
    assert_eq!(bench.try_glassbox(&["history", &wrong]).code, Some(1));
}

fn inspect() {
    let bench = Bench::new();
    let id = load(&bench, "web:1", "one");
    let seen: serde_json::Value =
        serde_json::from_str(&bench.glassbox(&["image", "inspect", "web:1"])).unwrap();
    assert_eq!((seen[0]["Id"].as_str(), seen[0]["RepoTags"][0].as_str()), (Some(&*id), Some("web:1")));
    let layer = bench.layer("web:1");
    assert_eq!(seen[0]["GraphDriver"]["Data"]["LowerDir"], layer.to_str().unwrap());
    assert_eq!(bench.glassbox(&["image", "ls", "-q", "--no-trunc"]), format!("{id}\n"));
    assert_eq!(bench.glassbox(&["image", "rm", "web:1"]), format!("Untagged: web:1\nDeleted: {id}\n"));
}

fn rmi() {
    let bench = Bench::new();
    let empty = bench.stored();
    let id = load(&bench, "web:1", "one");
    bench.glassbox(&["tag", "web:1", "team/web"]);
    let short = &id["sha256:".len()..][..6];
    let ran = bench.try_glassbox(&["rmi", short]);
    assert!(
        ran.code == Some(1) && ran.err.contains("has several names: team/web:latest, web:1")
            || ran.err.contains("has several names: web:1, team/web:latest"),
        "{ran}"
    );
    assert_eq!(bench.glassbox(&["rmi", "web:1"]), "Untagged: web:1\n");
    assert_eq!(bench.glassbox(&["rmi", "team/web"]), format!("Untagged: team/web:latest\nDeleted: {id}\n"));
    let left: Vec<_> =
        bench.stored().difference(&empty).filter(|name| !name.starts_with("./")).cloned().collect();
    assert!(left.is_empty(), "{left:?}");
    // Several at once: one that is not there does not keep the others.
    load(&bench, "web:1", "one");
    bench.glassbox(&["tag", "web:1", "web:2"]);
    let ran = bench.try_glassbox(&["rmi", "web:3", "-f", short]);
    assert_eq!((ran.code, ran.out), (Some(1), format!("Untagged: web:1\nUntagged: web:2\nDeleted: {id}\n")));
    assert!(ran.err.starts_with("error: there is no image \"web:3\"\nhint: "), "{}", ran.err);
}

fn prune() {
    let bench = Bench::new();
    let (one, two) = (load(&bench, "web:1", "one"), load(&bench, "web:2", "two"));
    bench.glassbox(&["tag", "web:2", "web:1"]);
    let ran = bench.try_glassbox(&["prune"]);
    assert!(ran.code == Some(2) && ran.err.contains("nobody is there to be asked"), "{ran}");
    let said = bench.glassbox(&["prune", "-f"]);
    assert!(
        said.starts_with(&format!("Deleted Images:\ndeleted: {one}\n\nTotal reclaimed space: ")),
        "{said}"
    );
    assert_eq!(bench.glassbox(&["prune", "-f"]), "Total reclaimed space: 0B\n");
    assert!(bench.glassbox(&["prune", "-a", "-f"]).contains(&two));
    assert_eq!(bench.glassbox(&["images", "-q"]), "");
}

/// Another image comes under the same name: the old one is still there by its number.
fn moves_on() {
    let bench = Bench::new();
    let (one, two) = (load(&bench, "web:1", "one"), load(&bench, "web:1", "two"));
    assert_eq!(bench.image("web:1").id.to_string(), two);
    assert!(bench.image(&one).names.is_empty());
    assert!(bench.glassbox(&["images"]).contains("<none>       <none>"));
    bench.glassbox(&["tag", &one, "web:0"]);
    assert_eq!(bench.image("web:0").id.to_string(), one);
    assert!(!bench.glassbox(&["images"]).contains("<none>"));
}

fn wrong() {
    let bench = Bench::new();
    load(&bench, "web:1", "one");
    let cases: [(&[&str], i32, &str); 7] = [
        (&["tag", "web:1", "Web"], 1, "cannot be the name of an image"),
        (&["tag", "web:2", "web:3"], 1, "there is no image \"web:2\""),
        (&["tag", "web:1", &format!("web@sha256:{}", "0".repeat(64))], 2, "a digest is not given"),
        (&["load", "-i", "/nowhere"], 1, "cannot read /nowhere: ENOENT"),
        (&["import", "/nowhere"], 1, "cannot read /nowhere: ENOENT"),
        (&["save", "-o", "/nowhere/x", "web:1"], 1, "cannot write /nowhere/x"),
        (&["load", "--limit", "much"], 2, "write it like 500m or 64g"),
    ];
    for (arguments, code, says) in cases {
        let ran = bench.try_glassbox(arguments);
        assert!(ran.code == Some(code) && ran.err.contains(says) && ran.out.is_empty(), "{says}: {ran}");
    }
}
