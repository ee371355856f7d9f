//! The recording that the README shows: the first steps of a lesson at a terminal, as a picture that moves by itself.
//! It is drawn from a real run, and kept until the lesson says something else; `INSTA_UPDATE=always` draws it anew.

use std::fmt::Write;
use std::path::PathBuf;

use libtest_mimic::Trial;

use crate::common::{Home, runs, skip, trial};
use crate::screen::{CURSOR, ENTER, PROMPT, Screen};

const LESSON: &str = "pid";
const STEPS: usize = 2;
const COLUMNS: u16 = 80;
/// How long a question and an answer are shown, in seconds.
const SECONDS: [f64; 2] = [3.0, 7.0];
/// The frame for whoever shows no movement: the first answer.
const STILL: usize = 1;

/// A cell, a row and the margin around them, in pixels.
const CELL: f64 = 8.4;
const ROW: f64 = 18.0;
const MARGIN: f64 = 20.0;
/// The window's bar.
const BAR: f64 = 34.0;

pub(crate) fn trials() -> Vec<Trial> {
    if !nix::unistd::geteuid().is_root() {
        skip("the recording", "it is root's: an ordinary user has a user namespace more, and is told so");
        return vec![];
    }
    if !runs(LESSON, "the recording") {
        return vec![];
    }
    vec![trial("the recording of the README is of this lesson", recording)]
}

/// Text of one colour.
#[derive(PartialEq)]
struct Span {
    column: usize,
    style: &'static str,
    text: String,
}

type Frame = Vec<Vec<Span>>;

fn recording() {
    let frames = record();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("book/src/images/lesson.svg");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, drawn(&frames)).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    let (kept, now) = (said(&kept), said(&drawn(&frames)));
    assert!(kept == now, "INSTA_UPDATE=always draws it anew:\n{kept}\n{now}");
}

/// What is on the screen at each question and at each pause.
fn record() -> Vec<Frame> {
    let home = Home::new();
    let mut screen = Screen::start(&home, COLUMNS, ["learn", LESSON]);
    let mut frames = vec![];
    for number in 1..=STEPS {
        let title = format!("step {number} of ");
        screen.wait_for(&title);
        screen.wait_for(CURSOR);
        // The choices come in more than one breath.
        crate::common::eventually("the question stands", || {
            screen.text().trim_end().lines().last().is_some_and(|line| line.starts_with("  "))
        });
        frames.push(frame(&screen, &title));
        screen.press(ENTER);
        screen.wait_for(PROMPT);
        frames.push(frame(&screen, &title));
        screen.press(ENTER);
    }
    screen.wait_for(CURSOR);
    screen.press("\x03");
    frames
}

/// The rows from the title of the step on.
fn frame(screen: &Screen, title: &str) -> Frame {
    let cells = screen.cells(|cell| {
        (style(cell), if cell.has_contents() { cell.contents().to_string() } else { " ".into() })
    });
    let text = |row: &[(&str, String)]| row.iter().map(|(_, text)| text.as_str()).collect::<String>();
    let first = cells.iter().rposition(|row| text(row).contains(title)).unwrap();
    let last = cells.iter().rposition(|row| !text(row).trim().is_empty()).unwrap();
    cells[first..=last].iter().map(|row| spans(row)).collect()
}

fn style(cell: &vt100::Cell) -> &'static str {
    match cell.fgcolor() {
        vt100::Color::Idx(1 | 9) => "r",
        vt100::Color::Idx(2 | 10) => "g",
        vt100::Color::Idx(3 | 11) => "y",
        vt100::Color::Idx(4 | 12) => "b",
        vt100::Color::Idx(5 | 13) => "m",
        vt100::Color::Idx(6 | 14) => "c",
        _ if cell.dim() => "d",
        _ if cell.bold() => "w",
        _ => "t",
    }
}

fn spans(row: &[(&'static str, String)]) -> Vec<Span> {
    let mut spans: Vec<Span> = vec![];
    for (column, (style, text)) in row.iter().enumerate() {
        match spans.last_mut() {
            // Two spaces are a gap between columns: what follows has a place of its own.
            Some(last) if (last.style == *style || text == " ") && !last.text.ends_with("  ") => {
                last.text += text
            }
            _ if text == " " => {}
            _ => spans.push(Span { column, style, text: text.clone() }),
        }
    }
    spans.iter_mut().for_each(|span| span.text.truncate(span.text.trim_end().len()));
    spans
}

fn drawn(frames: &[Frame]) -> String {
    let rows = frames.iter().map(Vec::len).max().unwrap_or_default();
    let width = f64::from(COLUMNS) * CELL + 2.0 * MARGIN;
    let height = rows as f64 * ROW + 2.0 * MARGIN + BAR;
    let whole: f64 = (0..frames.len()).map(|number| SECONDS[number % 2]).sum();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"A recording of glassbox learn {LESSON}\">\n<style>\n{STYLE}"
    );
    let mut begin = 0.0;
    for number in 0..frames.len() {
        let end = begin + SECONDS[number % 2];
        let (from, to) = (begin / whole * 100.0, end / whole * 100.0);
        let before = if number == 0 { String::new() } else { format!("0%,{:.2}%{{opacity:0}}", from - 0.01) };
        let after =
            if number + 1 == frames.len() { String::new() } else { format!("{:.2}%,100%{{opacity:0}}", to) };
        let still = u8::from(number == STILL);
        writeln!(svg, "@keyframes f{number}{{{before}{from:.2}%,{:.2}%{{opacity:1}}{after}}}", to - 0.01)
            .unwrap();
        writeln!(svg, "#f{number}{{opacity:{still};animation:f{number} {whole}s step-end infinite}}")
            .unwrap();
        begin = end;
    }
    svg += "@media (prefers-reduced-motion:reduce){g{animation:none!important}}\n</style>\n";
    writeln!(svg, "<rect width=\"{width:.0}\" height=\"{height:.0}\" rx=\"10\" fill=\"#16181d\"/>").unwrap();
    writeln!(svg, "<path d=\"M0 {BAR}h{width:.0}\" stroke=\"#2b2f38\"/>").unwrap();
    for (number, colour) in ["#ff5f57", "#febc2e", "#28c840"].iter().enumerate() {
        writeln!(svg, "<circle cx=\"{}\" cy=\"17\" r=\"6\" fill=\"{colour}\"/>", 20 + number * 20).unwrap();
    }
    writeln!(
        svg,
        "<text class=\"d\" x=\"{:.0}\" y=\"22\" text-anchor=\"middle\">glassbox learn {LESSON}</text>",
        width / 2.0
    )
    .unwrap();
    for (number, frame) in frames.iter().enumerate() {
        writeln!(svg, "<g id=\"f{number}\">").unwrap();
        for (row, spans) in frame.iter().enumerate() {
            let y = BAR + MARGIN + (row as f64 + 0.7) * ROW;
            spans.iter().for_each(|span| svg += &text(span, y));
        }
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

/// Whatever the font is, the columns are where they were.
fn text(span: &Span, y: f64) -> String {
    let Span { column, style, text } = span;
    let x = MARGIN + *column as f64 * CELL;
    if text.chars().all(|sign| sign == '─') {
        let (to, y) = (text.chars().count() as f64 * CELL, y - 4.5);
        return format!("<path class=\"l\" d=\"M{x:.1} {y:.1}h{to:.1}\"/>\n");
    }
    let length = unicode_width::UnicodeWidthStr::width(text.as_str()) as f64 * CELL;
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<text class=\"{style}\" x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\">{text}</text>\n"
    )
}

/// What is said in a picture. Numbers of processes and namespaces differ from run to run, and so do the places where
/// lines with them are broken.
fn said(svg: &str) -> String {
    let mut words: Vec<String> = vec![];
    for line in svg.lines().filter(|line| line.starts_with("<text") || line.starts_with("<g")) {
        let text = line.split_once('>').map_or("", |(_, text)| text.trim_end_matches("</text>"));
        words.extend(if line.starts_with("<g") { Some("\n".into()) } else { None });
        words.extend(text.split_whitespace().filter(|word| *word != "·").map(|word| {
            let digit = |sign: char| sign.is_ascii_digit();
            // How many there are is as different from machine to machine as how they are called.
            word.split(digit).filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("N")
        }));
    }
    words.join(" ")
}

const STYLE: &str = "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}\n\
    .t{fill:#d5d9e0}.w{fill:#fff;font-weight:bold}.d{fill:#868e9c}.r{fill:#ff7b72}.g{fill:#56d364}.y{fill:#e3b341}\n\
    .b{fill:#79c0ff;font-weight:bold}.m{fill:#d2a8ff;font-weight:bold}.c{fill:#76e3ea}.l{stroke:#3d4450}\n";
