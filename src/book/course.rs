//! The course at a glance: every lesson by parts, from the lessons' own table.

use crate::lessons;

/// Links to the chapters of these lessons, with this in front; nothing where there are none.
pub(super) fn builds_on(front: &str, lessons: &[&str]) -> String {
    let links: Vec<_> = lessons.iter().map(|id| format!("<a href=\"{id}.html\">{id}</a>")).collect();
    if links.is_empty() { String::new() } else { format!("{front}{}", links.join(", ")) }
}

/// A table of all of them.
pub(super) fn html() -> String {
    let mut rows = String::new();
    for part in lessons::PARTS {
        let (title, minutes) = (part.title, part.minutes());
        rows += &format!(
            "<tr><th scope=\"rowgroup\" colspan=\"2\">{title}</th><th>{minutes} min</th><th></th></tr>\n"
        );
        for lesson in part.lessons {
            let (id, title, minutes) = (lesson.id, lesson.title, lesson.minutes);
            let base = builds_on("", lesson.builds_on);
            rows += &format!(
                "<tr><td><a href=\"{id}.html\">{id}</a></td><td>{title}</td><td>{minutes} min</td><td>{base}</td></tr>\n"
            );
        }
    }
    let (count, minutes) = (lessons::all().count(), lessons::minutes());
    let (hours, rest) = (minutes / 60, minutes % 60);
    format!(
        "<table class=\"gb-course\">\n<thead><tr><th>lesson</th><th>about</th><th>time</th><th>builds on</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n\n<p>{count} lessons, {hours} hours and {rest} minutes in all.</p>\n"
    )
}
