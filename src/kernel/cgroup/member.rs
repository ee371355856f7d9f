//! Where a process is in each tree, and which groups above it count.

use std::path::{Component, Path, PathBuf};

use super::find::Tree;
use super::{Controller, Hierarchies, Place, Version};

/// The group of a process in one tree.
#[derive(Debug, Clone)]
pub struct Membership {
    /// What `/proc/PID/cgroup` calls the tree: its controllers, `name=systemd`, or nothing for version 2.
    pub tree: String,
    /// The interface of the tree.
    pub version: Version,
    /// The path of the group, seen from the caller's cgroup namespace.
    pub path: String,
    /// The group, then those above it as far as they can be seen; none if the tree is not mounted where the
    /// caller could see the group.
    pub groups: Vec<Place>,
}

impl Membership {
    /// Whether its tree has this controller.
    pub fn serves(&self, controller: Controller) -> bool {
        self.groups.first().is_some_and(|place| place.serves(controller))
    }
}

impl Hierarchies {
    /// Of a process with this `/proc/PID/cgroup`, in each tree.
    pub fn memberships(&self, cgroup: &str) -> Vec<Membership> {
        cgroup.lines().filter_map(|line| self.membership(line)).collect()
    }

    fn membership(&self, line: &str) -> Option<Membership> {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?);
        let is_it = |tree: &&Tree| match tree.version {
            Version::V2 => names.is_empty(),
            Version::V1 => names.split(',').any(|name| tree.controllers.iter().any(|own| own == name)),
        };
        // A tree can be mounted at several places, and some can show only a part of it.
        let groups = self.trees.iter().filter(is_it).find_map(|tree| groups(tree, Path::new(path)));
        Some(Membership {
            tree: names.into(),
            version: if names.is_empty() { Version::V2 } else { Version::V1 },
            path: path.into(),
            groups: groups.unwrap_or_default(),
        })
    }
}

/// The group at `path`, and those above it in the mounted part of the tree.
fn groups(tree: &Tree, path: &Path) -> Option<Vec<Place>> {
    let below = path.strip_prefix(&tree.root).ok()?;
    // Outside of the caller's cgroup namespace: `/../other`.
    if below.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let place = |dir: &Path| Place {
        dir: dir.components().collect::<PathBuf>(),
        version: tree.version,
        controllers: tree.controllers.clone(),
    };
    let own = tree.mount.join(below);
    let visible = own.ancestors().take_while(|dir| dir.starts_with(&tree.mount));
    own.is_dir().then(|| visible.map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree whose mount point is any directory: `/proc/self` has `fd` and `net` in it, everywhere.
    fn tree(root: &str) -> Tree {
        let mount = PathBuf::from("/proc/self");
        Tree { version: Version::V2, own: mount.clone(), mount, root: root.into(), controllers: vec![] }
    }

    fn dirs(root: &str, path: &str) -> Option<Vec<String>> {
        let groups = groups(&tree(root), Path::new(path))?;
        Some(groups.iter().map(|place| place.dir.display().to_string()).collect())
    }

    #[test]
    fn a_group_is_found_below_what_is_mounted_and_nowhere_else() {
        let both = Some(vec!["/proc/self/fd".to_string(), "/proc/self".to_string()]);
        assert_eq!(dirs("/", "/fd"), both);
        assert_eq!(dirs("/docker/x", "/docker/x/fd"), both);
        assert_eq!(dirs("/..", "/../fd"), both, "mounted from above the cgroup namespace");
        assert_eq!(dirs("/", "/"), Some(vec!["/proc/self".to_string()]));
        for (root, path) in [("/docker/x", "/other"), ("/", "/../self"), ("/", "/nowhere")] {
            assert_eq!(dirs(root, path), None, "{root} {path}");
        }
    }
}
