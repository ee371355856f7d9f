//! Both lists write calls nearly as C does; here they become alike.

/// A call as both lists have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// The name in the manual page.
    pub(crate) call: String,
    /// Its main arguments.
    pub(crate) args: Vec<String>,
    /// What it returned, or the name of errno.
    pub(crate) result: String,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}({}) = {}", self.call, self.args.join(", "), self.result)
    }
}

/// The arguments, split at the commas between them.
pub(crate) fn split(list: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth) = (vec![], String::new(), 0);
    let mut signs = list.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' => {
                part.push(sign);
                while let Some(inner) = signs.next() {
                    part.push(inner);
                    match inner {
                        '\\' => part.extend(signs.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                continue;
            }
            // `5</a/path, with anything in it>`: what strace says of a descriptor.
            '<' if part.ends_with(|last: char| last.is_ascii_alphanumeric()) && !part.ends_with("1<") => {
                part.push(sign);
                for inner in signs.by_ref() {
                    part.push(inner);
                    if inner == '>' {
                        break;
                    }
                }
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(part.trim().to_string());
                part.clear();
                continue;
            }
            _ => {}
        }
        part.push(sign);
    }
    if !part.trim().is_empty() {
        parts.push(part.trim().to_string());
    }
    parts
}

/// Of calls with an argument that versions of strace write in different ways: the others.
pub(crate) fn brief(call: &str, args: &[String]) -> Option<Vec<String>> {
    let used = match (call, args.get(1).map_or("", String::as_str)) {
        ("syslog" | "perf_event_open", _) => &[],
        ("bpf" | "open_by_handle_at", _) => args.get(..1)?,
        ("ioctl", "FIBMAP") | ("setxattr", _) => args.get(..2)?,
        ("epoll_ctl", _) => args.get(..3)?,
        ("ioctl", "FS_IOC_SETFLAGS") | ("fcntl", "F_SETLEASE") | ("pidfd_getfd", _) => args,
        _ => return None,
    };
    Some(used.iter().map(|arg| argument(arg)).collect())
}

/// One argument in the form in which both lists can be compared.
pub(crate) fn argument(text: &str) -> String {
    let text = text.split("/*").next().unwrap_or_default().trim();
    // What a descriptor is open for stands behind it, as in `AT_FDCWD</root>`.
    let text = match text.split_once('<') {
        Some((descriptor, file)) if file.ends_with('>') && !descriptor.contains('"') => descriptor,
        _ => text,
    };
    if let Some(string) = text.strip_prefix('"') {
        return string_argument(string);
    }
    if let Some(fields) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let field = |text: &String| match text.split_once('=') {
            Some((name, value)) => format!("{name}={}", argument(value)),
            None => argument(text),
        };
        return format!("{{{}}}", split(fields).iter().map(field).collect::<Vec<_>>().join(", "));
    }
    if let Some(list) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return format!("[{}]", split(list).iter().map(|part| argument(part)).collect::<Vec<_>>().join(", "));
    }
    if let Some((name, list)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let list: Vec<String> = split(list).iter().map(|part| argument(part)).collect();
        return format!("{name}({})", list.join(", "));
    }
    if text.contains('|') {
        return set(text);
    }
    number(text)
}

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}` is `{AF_INET, 127.0.0.1:80}`.
pub(crate) fn address(text: &str) -> String {
    let between = |before: &str, after| Some(text.split_once(before)?.1.split_once(after)?.0);
    match (between("htons(", ")"), between("inet_addr(\"", "\"")) {
        (Some(port), Some(ip)) => format!("{{AF_INET, {ip}:{port}}}"),
        _ => argument(text),
    }
}

/// The kinds of the messages to the packet filter in one call. A strace that does not know which protocol a
/// netlink socket speaks shows their numbers.
pub(crate) fn messages(text: &str) -> Vec<String> {
    const NUMBERS: [(&str, &str); 3] = [
        ("=0xa00 ", "=NFT_MSG_NEWTABLE "),
        ("=0xa03 ", "=NFT_MSG_NEWCHAIN "),
        ("=0xa06 ", "=NFT_MSG_NEWRULE "),
    ];
    let named = |text: String, (number, name): &(&str, &str)| text.replace(number, name);
    let text = NUMBERS.iter().fold(text.to_string(), named);
    let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
    words.filter(|word| word.starts_with("NFT_MSG_")).map(String::from).collect()
}

/// Flags in one order; none of them are `0`.
pub(crate) fn set(text: &str) -> String {
    if text.is_empty() {
        return "0".into();
    }
    let mut flags: Vec<String> = text.split('|').map(|flag| number(flag.trim())).collect();
    flags.sort();
    flags.join("|")
}

/// `0022` and `022` are one number, as are `0x0` and `0`.
pub(crate) fn number(text: &str) -> String {
    let hexadecimal = text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    if let Some(value) = hexadecimal {
        return value.to_string();
    }
    if text.len() > 1 && text.starts_with('0') && text.chars().all(|sign| sign.is_ascii_digit()) {
        return format!("0{}", text.trim_start_matches('0'));
    }
    text.into()
}

/// A string without its escapes. The program shortens long ones, so both are cut at the same length: a sign that is
/// there over and over sooner than others.
fn string_argument(text: &str) -> String {
    const LONG: usize = 400;
    let mut bytes = unescaped(text.rsplit_once('"').map_or(text, |(inside, _)| inside));
    // Many zeros are told as one, and what is the same over and over, by its beginning.
    const OVER_AND_OVER: usize = 8;
    let first = bytes.first().copied().unwrap_or_default();
    if bytes.iter().all(|byte| *byte == first) {
        bytes.truncate(if first == 0 { 1 } else { OVER_AND_OVER });
    }
    format!("{:?}", String::from_utf8_lossy(&bytes).chars().take(LONG).collect::<String>())
}

/// The bytes of a string that is written as in C (strace) or in Rust (the narration).
pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = vec![];
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            bytes.extend(sign.to_string().bytes());
            continue;
        }
        match signs.next() {
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('r') => bytes.push(b'\r'),
            Some('x') => {
                let digits: String = signs.by_ref().take(2).collect();
                bytes.extend(u8::from_str_radix(&digits, 16).ok());
            }
            Some('v') => bytes.push(0x0b),
            Some('f') => bytes.push(0x0c),
            Some('u') => {
                let digits: String = signs.by_ref().skip(1).take_while(|sign| *sign != '}').collect();
                let sign = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                bytes.extend(sign.into_iter().flat_map(|sign| sign.to_string().into_bytes()));
            }
            Some(first @ '0'..='7') => {
                let mut value = first.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = signs.peek().and_then(|sign| sign.to_digit(8)) else { break };
                    value = value * 8 + digit;
                    signs.next();
                }
                bytes.push(value as u8);
            }
            other => bytes.extend(other.into_iter().flat_map(|sign| sign.to_string().into_bytes())),
        }
    }
    bytes
}
