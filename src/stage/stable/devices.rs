//! Which loop devices a run gets, and which number a file system in memory, depends on what else the machine does.

use crate::event::Call;

/// What such a name begins with: a loop device's, its number, and that of a file system without a device.
const BEGINNINGS: [&str; 3] = ["loop", "7:", "0:"];

/// Devices in the order in which they were seen, which is what stands in place of their numbers.
#[derive(Default)]
pub(super) struct Devices {
    seen: [Vec<String>; BEGINNINGS.len()],
    /// Whether somebody else was faster, and another device is about to be asked for.
    lost: bool,
}

impl Devices {
    /// `/dev/loop5` becomes `/dev/loop1`, and the next one `/dev/loop2`.
    pub(super) fn names(&mut self, text: &str) -> String {
        let mut text = text.to_string();
        for (beginning, seen) in BEGINNINGS.iter().zip(&mut self.seen) {
            text = counted(&text, beginning, seen);
        }
        text
    }

    /// Whether a call was made in vain, or once more because of that.
    pub(super) fn in_vain(&mut self, call: &Call) -> bool {
        if is_question(call) {
            return std::mem::take(&mut self.lost);
        }
        self.lost |= call.args.contains("LOOP_CONFIGURE") && call.errno.as_deref() == Some("EBUSY");
        self.lost
    }
}

/// Whether this is about the device with the number at its beginning.
pub(super) fn begins_with_one(text: &str) -> bool {
    let numbers = text.split(' ').next().and_then(|word| word.split_once(':'));
    numbers.is_some_and(|(major, minor)| [major, minor].iter().all(|number| number.parse::<u32>().is_ok()))
}

/// Which device is free.
pub(super) fn is_question(call: &Call) -> bool {
    call.args.contains("LOOP_CTL_GET_FREE")
}

fn counted(text: &str, beginning: &str, seen: &mut Vec<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(beginning) {
        let (before, after) = rest.split_at(at + beginning.len());
        let length = after.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(length);
        let glued =
            |sign: Option<char>| sign.is_some_and(|sign| sign.is_alphanumeric() || ":.".contains(sign));
        let whole = !glued(out.chars().last().filter(|_| at == 0).or(rest[..at].chars().last()));
        out += before;
        rest = after;
        // 0:0 is no device: with it overlayfs marks what was deleted.
        if !whole || number.is_empty() || (beginning, number) == ("0:", "0") || glued(after.chars().next()) {
            out += number;
            continue;
        }
        let place = seen.iter().position(|known| known == number).unwrap_or_else(|| {
            seen.push(number.into());
            seen.len() - 1
        });
        out += &(place + 1).to_string();
    }
    out + rest
}
