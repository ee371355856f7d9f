//! Who `--chown` means: numbers, or names as the image has them.

use std::path::Path;

use super::fault;
use crate::image::error::Result;
use crate::image::merged::Directory;

/// The longest file of users that is read.
const LONGEST: u64 = 1 << 20;

/// The numbers of `user` or `user:group` in an image.
pub(super) fn numbers(owner: &str, image: &Directory) -> Result<(u32, u32)> {
    let (user, group) = match owner.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (owner, None),
    };
    let (uid, own_group) = match user.parse() {
        Ok(uid) => (uid, uid),
        Err(_) => {
            let fields = entry(image, "etc/passwd", user)?;
            let number = |at: usize| fields.get(at).and_then(|field| field.parse().ok());
            number(2).zip(number(3)).ok_or_else(|| unknown("user", user, "etc/passwd"))?
        }
    };
    let gid = match group.filter(|group| !group.is_empty()) {
        None => own_group,
        Some(group) => match group.parse() {
            Ok(gid) => gid,
            Err(_) => {
                let fields = entry(image, "etc/group", group)?;
                let number = fields.get(2).and_then(|field| field.parse().ok());
                number.ok_or_else(|| unknown("group", group, "etc/group"))?
            }
        },
    };
    Ok((uid, gid))
}

/// The fields of the line of a name.
fn entry(image: &Directory, file: &str, name: &str) -> Result<Vec<String>> {
    let way = image.resolve(Path::new(file))?;
    let Some(found) = way.last().filter(|found| found.directory.is_none()) else { return Ok(vec![]) };
    let content = String::from_utf8_lossy(&found.content(LONGEST)?).into_owned();
    let fields = |line: &str| line.split(':').map(String::from).collect::<Vec<_>>();
    Ok(content.lines().map(fields).find(|fields| fields[0] == name).unwrap_or_default())
}

fn unknown(kind: &str, name: &str, file: &str) -> crate::image::Error {
    fault(
        format!("the image has no {kind} {name:?}"),
        format!("/{file} of the image lists them; a number will do"),
    )
}
