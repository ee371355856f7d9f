//! XML 1.0 as far as reports use it: elements, attributes, text. What is not well-formed is a failure.

/// An element.
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    text: String,
}

impl Element {
    /// It has this name, all of the required attributes, and none but these and the optional ones. Text is inside of
    /// elements that have no others inside.
    pub(crate) fn is(&self, name: &str, required: &[&str], optional: &[&str]) {
        assert_eq!(self.name, name);
        for (attribute, _) in &self.attributes {
            let known = required.contains(&attribute.as_str()) || optional.contains(&attribute.as_str());
            assert!(known, "{name} has no {attribute}");
        }
        for attribute in required {
            self.attribute(attribute);
        }
        assert!(self.children.is_empty() || self.text.trim().is_empty(), "{name}: {:?}", self.text);
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        let mut found = self.attributes.iter().filter(|(attribute, _)| attribute == name);
        let value = found.next().unwrap_or_else(|| panic!("{} has no {name}", self.name));
        assert!(found.next().is_none(), "{} has two of {name}", self.name);
        &value.1
    }
}

/// The one element of a document.
pub(crate) fn element(document: &str) -> Element {
    for sign in document.chars() {
        // <https://www.w3.org/TR/xml/#charsets>, and of those the ones that are not discouraged.
        let allowed = matches!(sign, '\t' | '\n' | '\r') || !sign.is_control();
        assert!(allowed && !matches!(sign, '\u{fffe}' | '\u{ffff}'), "no character of XML: {sign:?}");
    }
    let mut rest = document.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap().trim_start();
    let element = parsed(&mut rest);
    assert_eq!(rest.trim(), "", "nothing follows");
    element
}

fn parsed(rest: &mut &str) -> Element {
    let name = name(take(rest, "<"));
    *rest = &rest[name.len()..];
    let mut element = Element { name, attributes: vec![], children: vec![], text: String::new() };
    loop {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            *rest = after;
            return element;
        }
        if let Some(after) = rest.strip_prefix('>') {
            *rest = after;
            break;
        }
        let attribute = self::name(rest);
        *rest = &rest[attribute.len()..];
        let (value, after) = take(rest, "=\"").split_once('"').expect("a value ends");
        *rest = after;
        assert!(!value.contains(['<', '\n', '\r', '\t']), "it would not be read as it was: {value:?}");
        element.attributes.push((attribute, unescaped(value)));
    }
    loop {
        let at = rest.find('<').expect("an element ends");
        assert!(!rest[..at].contains("]]>"), "not in text");
        element.text += &unescaped(&rest[..at]);
        *rest = &rest[at..];
        if rest.starts_with("</") {
            take(rest, &format!("</{}>", element.name));
            return element;
        }
        element.children.push(parsed(rest));
    }
}

fn take<'a>(rest: &mut &'a str, text: &str) -> &'a str {
    *rest = rest.strip_prefix(text).unwrap_or_else(|| panic!("{text} is not at {rest:.80}"));
    rest
}

fn name(text: &str) -> String {
    let name: String = text.chars().take_while(|sign| sign.is_ascii_alphanumeric() || *sign == '-').collect();
    assert!(!name.is_empty(), "no name at {text:.80}");
    name
}

fn unescaped(text: &str) -> String {
    let mut pieces = text.split('&');
    let mut out = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let (entity, after) = piece.split_once(';').expect("an entity ends");
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#9" => '\t',
            "#10" => '\n',
            "#13" => '\r',
            _ => panic!("&{entity};"),
        });
        out += after;
    }
    out
}
