use super::*;
use crate::event::SCHEMA_VERSION;

fn texts(bodies: impl IntoIterator<Item = Body>, width: usize) -> Vec<String> {
    let mut renderer = Renderer::new();
    let event = |body| Event { v: SCHEMA_VERSION, lane: "host".into(), pid: 1, aside: false, body };
    bodies.into_iter().flat_map(|body| renderer.lines(&event(body), width)).map(|line| line.text()).collect()
}

fn called(name: &str, args: &str) -> Body {
    Body::Call(Call {
        name: name.into(),
        args: args.into(),
        result: "0".into(),
        errno: None,
        micros: 1,
        backstage: false,
        varies: false,
    })
}

#[test]
fn a_long_run_of_one_call_is_folded_and_says_so() {
    let run = (0..20).map(|number| called("prctl", &number.to_string()));
    let lines = texts(run.chain([called("capset", "")]), 80);
    assert_eq!(lines.iter().filter(|line| line.contains("prctl(")).count(), Run::SHOWN + 1);
    assert!(lines.iter().any(|line| line.contains("… 14 more calls of prctl()")), "{lines:#?}");
    assert!(lines.last().is_some_and(|line| line.contains("capset()")), "{lines:#?}");
}

#[test]
fn what_comes_after_a_question_stands_apart() {
    let mut renderer = Renderer::new();
    let event = |body| Event { v: SCHEMA_VERSION, lane: "host".into(), pid: 1, aside: false, body };
    let mut lines = |body| renderer.lines(&event(body), 80).iter().map(Line::text).collect::<Vec<_>>();
    assert_eq!((lines(called("mkdir", "")).len(), lines(called("mount", "")).len()), (1, 1));
    assert!(renderer.interrupted(80).is_empty());
    assert_eq!(renderer.lines(&event(called("mount", "")), 80)[0].text(), "");
}

#[test]
fn flags_are_broken_between_names_and_a_result_keeps_its_distance() {
    let lines =
        texts([called("mount", "\"proc\", \"/proc\", \"proc\", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL")], 40);
    assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:#?}");
    assert!(lines.last().is_some_and(|line| line.ends_with(" = 0") || line.trim() == "= 0"), "{lines:#?}");
}
