//! `--format` as docker takes it: text, with fields in double braces.

use serde_json::Value;

use crate::cli::problem::Problem;

/// A parsed format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A path of names, and whether it is wanted as JSON.
    Field(Vec<String>, bool),
}

impl Template {
    /// From what a person writes.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, Problem> {
        let fault = |what: &str| {
            let hint = "fields are written like {{.State.Status}} or {{json .Config}}";
            Problem::usage(format!("cannot read the format: {what:?}"), hint)
        };
        let text = text.replace("\\t", "\t").replace("\\n", "\n");
        let mut parts = vec![];
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after.split_once("}}").ok_or_else(|| fault(after))?;
            parts.push(Part::Text(before.into()));
            let inside = inside.trim();
            let (path, json) =
                inside.strip_prefix("json").map_or((inside, false), |path| (path.trim(), true));
            let names = path.strip_prefix('.').ok_or_else(|| fault(inside))?;
            let is_name = |name: &str| name.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'_');
            let names: Vec<String> =
                names.split('.').filter(|name| !name.is_empty()).map(String::from).collect();
            if !names.iter().all(|name| is_name(name)) {
                return Err(fault(inside));
            }
            parts.push(Part::Field(names, json));
            rest = after;
        }
        parts.push(Part::Text(rest.into()));
        Ok(Self(parts))
    }

    /// With the fields of a value. One that is not there is a mistake of whoever asks.
    pub(in crate::cli) fn fill(&self, value: &Value) -> Result<String, Problem> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(names, json) => out.push_str(&shown(field(value, names)?, *json)),
            }
        }
        Ok(out)
    }
}

fn field<'a>(value: &'a Value, names: &[String]) -> Result<&'a Value, Problem> {
    names.iter().try_fold(value, |value, name| {
        value.get(name).ok_or_else(|| {
            let known = value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>().join(", "));
            let hint = format!(
                "there are {}",
                known.filter(|known| !known.is_empty()).unwrap_or("no fields".into())
            );
            Problem::gone(format!("there is no field {name:?}"), hint)
        })
    })
}

fn shown(value: &Value, json: bool) -> String {
    match value {
        _ if json => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Null => "<no value>".into(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| shown(value, false)).collect();
            format!("[{}]", values.join(" "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}:{}", shown(value, false))).collect();
            format!("map[{}]", fields.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(format: &str) -> Result<String, Problem> {
        Template::parse(format)?
            .fill(&json!({ "Id": "x", "State": { "Pid": 7, "Up": true }, "Args": ["a", "b"] }))
    }

    #[test]
    fn fields_are_found_by_their_path() {
        assert_eq!(fill("{{.Id}}: {{ .State.Pid }}\\t{{.Args}}").ok(), Some("x: 7\t[a b]".into()));
        assert_eq!(fill("{{json .State}}").ok(), Some("{\"Pid\":7,\"Up\":true}".into()));
        for wrong in ["{{.Id", "{{Id}}", "{{.Nothing}}", "{{range .Args}}"] {
            assert!(fill(wrong).is_err(), "{wrong}");
        }
    }
}
