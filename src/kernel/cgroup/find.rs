//! Which cgroup trees this machine has, and where in them this process may make groups.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::super::short;
use super::{Controller, Version, fs};

/// The three ways in which a machine can be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One tree for everything: every system since about 2020.
    V2,
    /// A tree for each controller: CentOS 8 and older.
    V1,
    /// Both are mounted.
    Mixed,
    /// No cgroup file system is mounted.
    None,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Layout::V2 => "v2",
            Layout::V1 => "v1",
            Layout::Mixed => "mixed",
            Layout::None => "none",
        })
    }
}

/// Why a controller cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The kernel does not have it, or it is switched off.
    #[error("this kernel offers no {0} controller in any mounted cgroup tree")]
    Controller(Controller),
    /// It is there, but this user may not make groups for it.
    #[error("this user may not make a cgroup with the {controller} controller below {}", below.display())]
    NotDelegated {
        /// The controller that was asked for.
        controller: Controller,
        /// The interface of its tree.
        version: Version,
        /// Where its tree is mounted.
        mount: PathBuf,
        /// The process's own place in the tree.
        below: PathBuf,
    },
}

/// One mounted cgroup tree.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) version: Version,
    pub(super) mount: PathBuf,
    /// The group that is mounted there.
    pub(super) root: PathBuf,
    /// This process's own group in it.
    pub(super) own: PathBuf,
    pub(super) controllers: Vec<String>,
}

/// Every cgroup tree that is mounted.
#[derive(Debug, Clone)]
pub struct Hierarchies {
    pub(super) trees: Vec<Tree>,
}

/// A group that is there, in one of the trees.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its directory.
    pub dir: PathBuf,
    /// The interface of its tree.
    pub version: Version,
    /// What its tree controls.
    pub controllers: Vec<String>,
}

impl Place {
    /// The name of the group.
    pub fn name(&self) -> &str {
        self.dir.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Whether its tree has this controller.
    pub fn serves(&self, controller: Controller) -> bool {
        self.controllers.iter().any(|name| name == controller.name_in(self.version))
    }
}

impl Hierarchies {
    /// Read the machine's: `/proc/self/mountinfo` and `/proc/self/cgroup`.
    pub fn detect() -> io::Result<Self> {
        let mounts = short::text("/proc/self/mountinfo")?;
        let own = short::text("/proc/self/cgroup")?;
        Ok(Self { trees: mounts.lines().filter_map(|line| tree(line, &own)).collect() })
    }

    /// The layout as a whole. A version 1 tree without a controller (systemd's own) does not count.
    pub fn layout(&self) -> Layout {
        let v1 = self.trees.iter().any(|tree| tree.version == Version::V1 && tree.serves_any());
        let v2 = self.trees.iter().any(|tree| tree.version == Version::V2);
        match (v1, v2) {
            (true, true) => Layout::Mixed,
            (true, false) => Layout::V1,
            (false, true) => Layout::V2,
            (false, false) => Layout::None,
        }
    }

    /// Which version serves a controller here, if any does.
    pub fn version(&self, controller: Controller) -> Option<Version> {
        self.tree(controller).map(|tree| tree.version)
    }

    /// The directory of the uppermost group that is in sight, in every tree.
    pub fn roots(&self) -> Vec<PathBuf> {
        self.trees.iter().map(|tree| tree.mount.clone()).collect()
    }

    /// Every group below it in every tree, parents before their children.
    pub fn places(&self) -> Vec<Place> {
        let mut places = vec![];
        for Tree { version, mount, controllers, .. } in &self.trees {
            let place = |dir| Place { dir, version: *version, controllers: controllers.clone() };
            walk(mount, DEEPEST, &mut |dir| places.push(place(dir)));
        }
        places
    }

    fn tree(&self, controller: Controller) -> Option<&Tree> {
        // Where both versions can freeze or count, it is version 1, as for everything else there.
        self.trees
            .iter()
            .filter(|tree| tree.serves(controller))
            .min_by_key(|tree| tree.version == Version::V2)
    }

    /// The directory in which a group with this controller can be made.
    ///
    /// It is the nearest one at or above the process's own place where the user may write. Version 2 in
    /// addition wants one that hands the controllers on to its children, which a group that has
    /// processes of its own cannot do. `together` are the controllers that the group will have.
    pub fn home(
        &self,
        controller: Controller,
        together: &[Controller],
    ) -> Result<(Version, PathBuf), Missing> {
        let tree = self.tree(controller).ok_or(Missing::Controller(controller))?;
        let wanted: Vec<Controller> = together.iter().copied().filter(|other| tree.serves(*other)).collect();
        tree.own
            .ancestors()
            .take_while(|dir| dir.starts_with(&tree.mount))
            .find(|dir| {
                access(*dir, AccessFlags::W_OK).is_ok()
                    && (tree.version == Version::V1 || hands_on(dir, &wanted))
            })
            .map(|dir| (tree.version, dir.to_path_buf()))
            .ok_or_else(|| Missing::NotDelegated {
                controller,
                version: tree.version,
                mount: tree.mount.clone(),
                below: tree.own.clone(),
            })
    }

    /// The same, as a process in this group of version 2 sees them.
    pub fn seen_from(&self, group: &Path) -> Self {
        let mut seen = self.clone();
        for tree in seen.trees.iter_mut().filter(|tree| tree.version == Version::V2) {
            tree.own = group.into();
        }
        seen
    }

    /// Make the caller's own group of version 2 one in which groups can be made: it moves into a child, and the
    /// group hands on what it has been given. The caller must be its only process.
    pub fn make_room(&self) -> super::Result<()> {
        let Some(tree) = self.trees.iter().find(|tree| tree.version == Version::V2) else { return Ok(()) };
        let aside = tree.own.join("glassbox");
        fs::mkdir(&aside)?;
        fs::write(aside.join("cgroup.procs"), "0")?;
        let given = short::text(tree.own.join("cgroup.controllers")).unwrap_or_default();
        let control = tree.own.join("cgroup.subtree_control");
        let given: Vec<&str> = given.split_whitespace().collect();
        let mut handed_on = Controller::ALL.iter().filter(|controller| given.contains(&controller.name()));
        handed_on.try_for_each(|controller| fs::write(&control, format!("+{controller}")))
    }
}

/// So many levels below the root of a tree are looked at: more than any machine has.
const DEEPEST: usize = 16;

/// Groups come and go while we look: one that cannot be read is one that is not there.
fn walk(dir: &Path, levels: usize, found: &mut impl FnMut(PathBuf)) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if levels > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found(entry.path());
            walk(&entry.path(), levels - 1, found);
        }
    }
}

fn hands_on(dir: &Path, wanted: &[Controller]) -> bool {
    let enabled = short::text(dir.join("cgroup.subtree_control")).unwrap_or_default();
    let mut wanted = wanted.iter().filter(|controller| !Controller::IN_EVERY_GROUP.contains(controller));
    wanted.all(|controller| enabled.split_whitespace().any(|name| name == controller.name()))
}

impl Tree {
    fn serves(&self, controller: Controller) -> bool {
        self.controllers.iter().any(|name| name == controller.name_in(self.version))
    }

    fn serves_any(&self) -> bool {
        !self.controllers.iter().all(|option| option.starts_with("name="))
    }
}

/// A line of mountinfo, if it is a cgroup tree:
/// `35 31 0:32 /root/of/mount /mount/point rw,relatime - cgroup cgroup rw,memory`.
fn tree(line: &str, own: &str) -> Option<Tree> {
    let mut fields = line.split(' ').skip(3);
    let (root, mount) = (fields.next()?, fields.next()?);
    let mut kind = fields.skip_while(|field| *field != "-").skip(1);
    let version = match kind.next()? {
        "cgroup" => Version::V1,
        "cgroup2" => Version::V2,
        _ => return None,
    };
    let mount = PathBuf::from(mount);
    let controllers: Vec<String> = match version {
        Version::V1 => {
            let options = kind.nth(1)?.split(',').map(str::to_string);
            options.filter(|option| !matches!(option.as_str(), "rw" | "ro" | "xattr" | "none")).collect()
        }
        Version::V2 => short::text(mount.join("cgroup.controllers"))
            .unwrap_or_default()
            .split_whitespace()
            .chain(Controller::IN_EVERY_GROUP.map(Controller::name))
            .map(str::to_string)
            .collect(),
    };
    let own = own.lines().find_map(|line| own_path(line, version, &controllers))?;
    // Inside a container the mount can show only a part of the tree.
    let below = Path::new(own).strip_prefix(root).or_else(|_| Path::new(own).strip_prefix("/"));
    let below = below.ok()?;
    // Joined with nothing, a path would get a slash at its end.
    let own = Some(below).filter(|below| *below != Path::new("")).map(|below| mount.join(below));
    let own = own.filter(|own| own.is_dir()).unwrap_or_else(|| mount.clone());
    Some(Tree { version, mount, root: root.into(), own, controllers })
}

/// A line of `/proc/self/cgroup`, `4:memory:/path` or `0::/path`, if it is that of this tree.
fn own_path<'a>(line: &'a str, version: Version, controllers: &[String]) -> Option<&'a str> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (names, path) = (fields.next()?, fields.next()?);
    let is_it = match version {
        Version::V2 => names.is_empty(),
        Version::V1 => names.split(',').any(|name| controllers.iter().any(|own| own == name)),
    };
    is_it.then_some(path)
}
