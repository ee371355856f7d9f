//! What is reported of labs: to people, and to the software of courses.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::bench::Bench;
use crate::common::{Ran, finish, lab_runs, lessons, trial};

const LAB: &str = "pid";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("report: of nothing", of_nothing),
        trial("report: wrong usage", wrong_usage),
        trial("report: from the first check to the reference", || {
            if lab_runs(LAB, "a report") {
                from_first_to_last();
            }
        }),
        trial("report: what was passed stays passed", || {
            if lab_runs(LAB, "a report") {
                stays_passed();
            }
        }),
    ]
}

fn report(bench: &Bench, arguments: &[&str]) -> Ran {
    let mut command = bench.home.glassbox(["lab", "report"]);
    bench.expect(0, finish(command.args(arguments)))
}

fn json(bench: &Bench, format: &str) -> Value {
    let ran = report(bench, &["--format", format, "--student", "Zoë, \"4711\"", LAB]);
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

fn of_nothing() {
    let bench = Bench::empty(LAB);
    let all = lessons().len();
    let text = report(&bench, &[]).out;
    assert!(text.ends_with(&format!("  0 of {all} labs passed\n")), "{text}");
    assert_eq!(text.matches("not started").count(), all, "{text}");
    let csv = report(&bench, &["--format", "csv"]).out;
    assert_eq!(csv.lines().count(), all + 1, "{csv}");
    assert!(
        csv.starts_with("student,lab,title,kind,state,score,max_score,checks,hints,claims_held\r\n"),
        "{csv}"
    );
    let junit = report(&bench, &["--format", "junit"]).out;
    assert_eq!(junit.matches("<skipped/>").count(), all, "{junit}");
    assert_eq!(json(&bench, "gradescope")["tests"][0]["status"], "failed");
}

fn wrong_usage() {
    let bench = Bench::empty(LAB);
    for arguments in [&["--format", "xml"][..], &["nosuch"]] {
        let ran = finish(bench.home.glassbox(["lab", "report"]).args(arguments));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran}");
        assert!(ran.err.starts_with("error: "), "{ran}");
    }
}

/// What is documented of `results.json`: <https://gradescope-autograders.readthedocs.io/en/latest/specs/>.
fn is_gradescope(results: &Value) {
    assert!(results["tests"].as_array().is_some_and(|tests| !tests.is_empty()), "{results}");
    for test in results["tests"].as_array().unwrap() {
        let (score, max) = (test["score"].as_f64().unwrap(), test["max_score"].as_f64().unwrap());
        assert!((0.0..=max).contains(&score), "{test}");
        assert!(["passed", "failed"].contains(&test["status"].as_str().unwrap()), "{test}");
        assert!(
            test["name"].is_string() && test["number"].is_string() && test["output"].is_string(),
            "{test}"
        );
        let visibilities = ["visible", "hidden", "after_due_date", "after_published"];
        assert!(visibilities.contains(&test["visibility"].as_str().unwrap()), "{test}");
    }
}

fn from_first_to_last() {
    let bench = Bench::started(LAB);
    let marked = json(&bench, "json")["labs"][0].clone();
    assert_eq!((&marked["state"], &marked["checks"]), (&"failed".into(), &0.into()), "{marked}");

    let answer = bench.solve();
    bench.check("0");
    let wrong = json(&bench, "json");
    assert_eq!((&wrong["score"], &wrong["max_score"]), (&0.into(), &1.into()), "{wrong}");
    let claims = wrong["labs"][0]["claims"].as_array().unwrap().clone();
    assert!(claims.iter().any(|claim| claim["passed"] == false), "{wrong}");
    let results = json(&bench, "gradescope");
    is_gradescope(&results);
    assert!(results["tests"][0]["output"].as_str().unwrap().contains("✘ "), "{results}");
    let junit = report(&bench, &["--format", "junit", LAB]).out;
    assert!(junit.contains("failures=\"1\"") && junit.contains("<failure type=\"claim\""), "{junit}");

    bench.expect(0, bench.check(&answer));
    let solved = json(&bench, "json");
    assert_eq!(solved["labs"][0]["state"], "solved", "the reference is not the student's work: {solved}");
    assert_eq!(solved["score"], 0, "{solved}");
    let csv = report(&bench, &["--format", "csv", "--student", "Zoë, \"4711\"", LAB]).out;
    assert!(csv.contains("\r\n\"Zoë, \"\"4711\"\"\",pid,"), "{csv}");
}

fn stays_passed() {
    let bench = Bench::started(LAB);
    let answer = bench.solve();
    // As if the student had found it.
    let mut record = bench.record();
    record["solved_for_me"] = false.into();
    std::fs::write(bench.file(), record.to_string()).unwrap();
    bench.expect(0, bench.check(&answer));
    let passed = json(&bench, "json");
    assert_eq!((&passed["labs"][0]["state"], &passed["score"]), (&"passed".into(), &1.into()), "{passed}");
    bench.check("0");
    is_gradescope(&json(&bench, "gradescope"));
    assert_eq!(json(&bench, "gradescope")["tests"][0]["status"], "passed");
    let junit = report(&bench, &["--format", "junit", LAB]).out;
    assert!(junit.contains("failures=\"0\""), "{junit}");
}
