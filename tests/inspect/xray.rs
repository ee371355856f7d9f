//! What `glassbox inspect` says, for a test to ask.

use serde_json::Value;

use crate::common::{Home, Ran, text};

/// Run it.
pub(crate) fn inspect(arguments: &[&str]) -> Ran {
    let home = Home::new();
    let mut command = home.glassbox(["inspect"]);
    crate::common::finish(command.args(arguments))
}

/// The x-ray of a process.
pub(crate) struct Xray(pub(crate) Value);

impl Xray {
    pub(crate) fn of(pid: i32) -> Self {
        Self::from(&[&pid.to_string(), "--format", "json"])
    }

    pub(crate) fn against(pid: i32, other: i32) -> Self {
        Self::from(&[&pid.to_string(), "--against", &other.to_string(), "--format", "json"])
    }

    fn from(arguments: &[&str]) -> Self {
        let ran = inspect(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
        let json: Value = serde_json::from_str(&ran.out).expect("inspect writes JSON");
        assert_eq!(json["version"], 1);
        Self(json)
    }

    pub(crate) fn namespace(&self, kind: &str) -> &Value {
        let all = self.0["namespaces"].as_array().unwrap();
        all.iter().find(|namespace| namespace["kind"] == kind).unwrap()
    }

    /// The degree and the sentence of an aspect.
    pub(crate) fn verdict(&self, aspect: &str) -> (String, String) {
        let all = self.0["verdicts"].as_array().unwrap();
        let verdict = all.iter().find(|verdict| verdict["aspect"] == aspect).unwrap();
        (text(&verdict["degree"]), text(&verdict["text"]))
    }

    /// That the sentence of an aspect says this.
    pub(crate) fn assert_says(&self, aspect: &str, degree: &str, said: &str) {
        let (is, sentence) = self.verdict(aspect);
        assert!(
            is == degree && sentence.contains(said),
            "{aspect}: {degree}, {said:?}; it says {is}, {sentence:?}"
        );
    }

    /// The names in a capability set.
    pub(crate) fn capabilities(&self, set: &str) -> Vec<String> {
        let mut names: Vec<String> =
            self.0["capabilities"][set]["names"].as_array().unwrap().iter().map(text).collect();
        names.sort();
        names
    }
}

/// Whether the tests themselves run in the machine's first user namespace.
pub(crate) fn is_first_user_namespace() -> bool {
    std::fs::read_link("/proc/self/ns/user").is_ok_and(|link| link.as_os_str() == "user:[4026531837]")
}
