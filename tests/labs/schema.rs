//! JSON Schema, as far as the schemas of the book use it. A keyword that is not known here is a failure.
//! <https://json-schema.org/draft/2020-12/json-schema-validation>

use serde_json::Value;

/// The value is what the schema says.
pub(crate) fn holds(value: &Value, schema: &str) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    check(value, &schema, "report");
}

fn check(value: &Value, schema: &Value, at: &str) {
    for (keyword, rule) in schema.as_object().unwrap() {
        let fits = match keyword.as_str() {
            "$schema" | "title" | "description" => true,
            "type" => match rule {
                Value::Array(several) => several.iter().any(|one| is(value, one)),
                one => is(value, one),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64() >= rule.as_f64(),
            "required" => {
                rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "additionalProperties" => {
                assert_eq!(*rule, false, "{at}");
                value.as_object().unwrap().keys().all(|name| schema["properties"].get(name).is_some())
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    value.get(name).iter().for_each(|value| check(value, rule, &format!("{at}.{name}")));
                }
                true
            }
            "items" => {
                value.as_array().unwrap().iter().for_each(|item| check(item, rule, &format!("{at}[]")));
                true
            }
            _ => panic!("{at}: the keyword {keyword}"),
        };
        assert!(fits, "{at}: {keyword} {rule}: {value}");
    }
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        kind => panic!("the type {kind}"),
    }
}
