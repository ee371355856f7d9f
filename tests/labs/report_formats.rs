//! Reports as the software of courses wants them: each format is read by the rules that were published for it, with
//! a student's name in it that has every sign with a meaning of its own.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::bench::Bench;
use crate::common::{finish, lab_runs, trial};
use crate::schema;
use crate::xml::{Element, element};

/// The schema that the book gives its readers.
const REPORT_SCHEMA: &str = include_str!("../../book/src/report.schema.json");

const LAB: &str = "pid";
/// What no format may take for its own.
const NAME: &str = "O'Neil, \"Zoë\"\r\n<b>&amp; ]]> -- \t\u{1}\u{1b}[31m\u{7f}\u{85}\u{fffe} 名";
/// The control characters of it, and one that is no character, stand in XML and CSV as this.
const UNWRITABLE: char = '\u{fffd}';

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("report: formats of nothing", || formats(&Bench::empty(LAB)))];
    if lab_runs(LAB, "the formats of a report") {
        trials.push(trial("report: formats of a lab", || {
            let bench = Bench::started(LAB);
            formats(&bench);
            bench.check("0");
            formats(&bench);
            let answer = bench.solve();
            bench.check(&answer);
            formats(&bench);
            std::fs::write(bench.file(), "{").unwrap();
            formats(&bench);
        }));
    }
    trials
}

/// Whatever there is to report, the exit code is 0.
fn report(bench: &Bench, format: &str, student: &str) -> String {
    let mut command = bench.home.glassbox(["lab", "report", "--format", format, "--student", student]);
    bench.expect(0, finish(command.args([LAB, "uts"]))).out
}

fn formats(bench: &Bench) {
    for student in [NAME, "", "=1+1", "\t=1"] {
        junit(&report(bench, "junit", student), student);
        csv(&report(bench, "csv", student), student);
        let read = |format: &str| -> Value { serde_json::from_str(&report(bench, format, student)).unwrap() };
        let json = read("json");
        schema::holds(&json, REPORT_SCHEMA);
        assert_eq!(json["student"], student);
        let results = read("gradescope");
        gradescope(&results);
        assert_eq!(results["extra_data"]["student"], student);
    }
}

/// The name as a format has it that cannot write all of its signs.
fn writable(name: &str, kept: &[char]) -> String {
    let unwritable = |sign: &char| (sign.is_control() && !kept.contains(sign)) || *sign == '\u{fffe}';
    name.chars().map(|sign| if unwritable(&sign) { UNWRITABLE } else { sign }).collect()
}

/// `JUnit.xsd` of <https://github.com/windyroad/JUnit-Schema>, which is what Ant writes, and which is stricter than
/// Jenkins' `junit-10.xsd`.
fn junit(text: &str, student: &str) {
    let suites = element(text);
    suites.is("testsuites", &[], &[]);
    assert!(!suites.children.is_empty());
    for (number, suite) in suites.children.iter().enumerate() {
        let required =
            ["name", "timestamp", "hostname", "tests", "failures", "errors", "time", "package", "id"];
        suite.is("testsuite", &required, &["skipped"]);
        assert_eq!(suite.attribute("id"), number.to_string());
        assert!(!suite.attribute("name").is_empty() && !suite.attribute("hostname").is_empty());
        let shape = suite.attribute("timestamp").replace(|sign: char| sign.is_ascii_digit(), "0");
        assert_eq!(shape, "0000-00-00T00:00:00", "without a zone");
        let names: Vec<&str> = suite.children.iter().map(|child| child.name.as_str()).collect();
        let [first, cases @ .., out, err] = names.as_slice() else { panic!("{names:?}") };
        assert_eq!((*first, *out, *err), ("properties", "system-out", "system-err"), "in this order");
        assert!(cases.iter().all(|name| *name == "testcase"), "{names:?}");
        let properties = &suite.children[0];
        properties.is("properties", &[], &[]);
        properties.children.iter().for_each(|property| property.is("property", &["name", "value"], &[]));
        assert_eq!(properties.children[0].attribute("value"), writable(student, &['\t', '\r', '\n']));
        let cases = &suite.children[1..names.len() - 2];
        cases.iter().for_each(case);
        let count =
            |kind: &str| cases.iter().filter(|case| case.children.iter().any(|is| is.name == kind)).count();
        assert_eq!(suite.attribute("tests"), cases.len().to_string());
        for (attribute, kind) in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")] {
            assert_eq!(suite.attribute(attribute), count(kind).to_string(), "{attribute}");
        }
    }
}

fn case(case: &Element) {
    case.is("testcase", &["name", "classname", "time"], &[]);
    assert!(case.attribute("time").parse::<f64>().is_ok());
    assert!(case.children.len() <= 1, "one outcome at most");
    for outcome in &case.children {
        match outcome.name.as_str() {
            "skipped" => outcome.is("skipped", &[], &[]),
            "error" | "failure" => outcome.is(&outcome.name, &["type"], &["message"]),
            name => panic!("{name} in a testcase"),
        }
        assert!(outcome.children.is_empty());
    }
}

/// RFC 4180: lines end with CRLF, each has as many fields, and what has a comma, a quotation mark or a line's end in it
/// stands in quotation marks. <https://www.rfc-editor.org/rfc/rfc4180#section-2>
fn csv(text: &str, student: &str) {
    let mut records: Vec<Vec<String>> = vec![vec![]];
    let mut rest = text;
    while !rest.is_empty() {
        let field = match rest.strip_prefix('"') {
            Some(inside) => {
                let mut end = 0;
                loop {
                    end += inside[end..].find('"').expect("a field in quotation marks ends");
                    if !inside[end + 1..].starts_with('"') {
                        break;
                    }
                    end += 2;
                }
                rest = &inside[end + 1..];
                inside[..end].replace("\"\"", "\"")
            }
            None => {
                let end = rest.find([',', '\r']).expect("the last line ends, too");
                assert!(!rest[..end].contains(['"', '\n']), "bare: {:?}", &rest[..end]);
                let field = rest[..end].to_string();
                rest = &rest[end..];
                field
            }
        };
        assert!(!field.contains(|sign: char| sign.is_control() && sign != '\r' && sign != '\n'), "{field:?}");
        records.last_mut().unwrap().push(field);
        if let Some(next) = rest.strip_prefix("\r\n") {
            records.push(vec![]);
            rest = next;
        } else {
            rest = rest.strip_prefix(',').expect("a field is followed by a comma or a line's end");
        }
    }
    assert_eq!(records.pop(), Some(vec![]), "the last line ends");
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.len() == records[0].len()), "{records:?}");
    // A spreadsheet takes it for text, too.
    let formula = if student.starts_with('=') { "'" } else { "" };
    assert_eq!(records[1][0], format!("{formula}{}", writable(student, &['\r', '\n'])));
}

/// Every field that is documented, with its type, and no other:
/// <https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format>
fn gradescope(results: &Value) {
    const WHEN: [&str; 4] = ["visible", "hidden", "after_due_date", "after_published"];
    const FORMAT: [&str; 5] = ["text", "html", "simple_format", "md", "ansi"];
    let one_of = |value: &Value, of: &[&str]| value.as_str().is_some_and(|value| of.contains(&value));
    for (name, value) in results.as_object().unwrap() {
        let fits = match name.as_str() {
            "score" | "execution_time" => value.is_number(),
            "output" => value.is_string(),
            "output_format" | "test_output_format" | "test_name_format" => one_of(value, &FORMAT),
            "visibility" | "stdout_visibility" => one_of(value, &WHEN),
            "extra_data" => value.is_object(),
            "tests" => value.as_array().is_some_and(|tests| !tests.is_empty()),
            "leaderboard" => value.is_array(),
            _ => false,
        };
        assert!(fits, "{name}: {value}");
    }
    for (name, value) in
        results["tests"].as_array().unwrap().iter().flat_map(|test| test.as_object().unwrap())
    {
        let fits = match name.as_str() {
            "score" | "max_score" => value.is_number(),
            "status" => one_of(value, &["passed", "failed"]),
            "name" | "number" | "output" => value.is_string(),
            "name_format" | "output_format" => one_of(value, &FORMAT),
            "tags" => value.as_array().unwrap().iter().all(Value::is_string),
            "visibility" => one_of(value, &WHEN),
            "extra_data" => value.is_object(),
            _ => false,
        };
        assert!(fits, "test {name}: {value}");
    }
    for test in results["tests"].as_array().unwrap() {
        assert!(test["score"].as_f64() <= test["max_score"].as_f64(), "{test}");
        assert!(test["score"].is_number(), "required where there is none for the whole");
    }
}
