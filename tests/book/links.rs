//! Every link inside of the book leads somewhere, and no page loads anything from elsewhere.

use std::collections::HashSet;

use super::{built, pages};

/// The values of an attribute.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let mark = format!(" {attribute}=\"");
    html.match_indices(&mark).filter_map(|(at, _)| html[at + mark.len()..].split('"').next()).collect()
}

fn external(link: &str) -> bool {
    ["https:", "http:", "data:", "mailto:", "javascript:"].iter().any(|scheme| link.starts_with(scheme))
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    for (page, html) in pages() {
        if page == "404.html" {
            continue;
        }
        for link in values(&html, "href").into_iter().chain(values(&html, "src")) {
            if external(link) || link.is_empty() {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { page.as_str() } else { file };
            let target = built().join(file);
            assert!(target.is_file(), "{page}: {link} leads nowhere");
            if !fragment.is_empty() {
                let target = std::fs::read_to_string(target).unwrap();
                assert!(
                    values(&target, "id").contains(&fragment),
                    "{page}: {link}: no such place in the page"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} links were found");
}

#[test]
fn no_two_places_of_a_page_have_the_same_name() {
    for (page, html) in pages() {
        let mut seen = HashSet::new();
        for id in values(&html, "id") {
            assert!(seen.insert(id), "{page}: two elements have the id {id}");
        }
    }
}

#[test]
fn nothing_is_loaded_from_a_network() {
    for (page, html) in pages() {
        for link in values(&html, "src") {
            assert!(!link.starts_with("http") && !link.starts_with("//"), "{page} loads {link}");
        }
        for tag in html.split('<').filter(|tag| tag.starts_with("link ") || tag.starts_with("use ")) {
            assert!(!tag.contains("http"), "{page} loads <{tag}");
        }
        // mdBook's script asks a server about code that can be run.
        assert!(!html.contains("class=\"playground\""), "{page} has code to be run on a server");
    }
}

#[test]
fn no_directive_is_left() {
    for (page, html) in pages() {
        assert!(!html.contains("{{#"), "{page} shows a directive");
    }
}
