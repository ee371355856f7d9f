//! Scripts that were written for docker: they run unchanged with its name for ours.

use libtest_mimic::Trial;

use crate::common::host::Host;
use crate::common::{finish, trial};

/// What each is about, and its text.
const SCRIPTS: [(&str, &str); 4] = [
    ("life", include_str!("scripts/life.sh")),
    ("codes", include_str!("scripts/codes.sh")),
    ("data", include_str!("scripts/data.sh")),
    ("image", include_str!("scripts/image.sh")),
];

pub(crate) fn trials() -> Vec<Trial> {
    SCRIPTS.map(|(name, text)| trial(format!("script: {name}"), move || run(name, text))).into()
}

/// It ends well, and says at last that it has come to its end.
fn run(name: &str, text: &str) {
    let Some(host) = Host::new("scripts") else { return };
    let script = format!("set -eu\ndocker() {{ \"$glassbox\" \"$@\"; }}\n{text}");
    let ran = finish(&mut host.home.script(&script));
    assert_eq!(ran.code, Some(0), "{name}: {ran}");
    assert!(ran.out.ends_with("done\n"), "{name}: {ran}");
}
