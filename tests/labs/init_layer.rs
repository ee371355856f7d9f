//! Give a container its name and its address, in no layer.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "init-layer",
    tools: &["nsenter", "mount", "umount"],
    prelude: "
        layers=lowerdir=/tmp/init:/tmp/image,upperdir=/tmp/upper,workdir=/tmp/work
        inside() { $enter -euc \"cd /tmp; $1\"; }
        bound() { inside \"echo '$2' > own/$1; mount --bind own/$1 merged/etc/$1\"; }",
    wrong: &[
        Wrong {
            what: "written where it is seen",
            script: "inside \"echo $hostname > merged/etc/hostname; echo $address $hostname > merged/etc/hosts\"",
            claim: "nothing is in the upper directory",
            says: "what was written in merged was copied up: `docker commit` would make it part of an image",
        },
        Wrong {
            what: "written into the init layer",
            script: "inside \"umount merged; echo $hostname > init/etc/hostname
                echo $address $hostname > init/etc/hosts; mount -t overlay overlay -o $layers merged\"",
            claim: "the init layer is as it was",
            says: "the init layer was written to: every container that has it would get this name",
        },
        Wrong {
            what: "written into the image",
            script: "inside \"umount merged; echo $hostname > image/etc/hostname
                echo $address $hostname > image/etc/hosts; mount -t overlay overlay -o $layers merged\"",
            claim: "the container has its name",
            says: "the empty file of the init layer is in front of what is in the image",
        },
        Wrong {
            what: "written into the image, and the init layer left out",
            script: "inside \"umount merged; echo $hostname > image/etc/hostname
                echo $address $hostname > image/etc/hosts
                mount -t overlay overlay -o lowerdir=/tmp/image,upperdir=/tmp/upper,workdir=/tmp/work merged\"",
            claim: "the image is as it was",
            says: "the image was changed: its hash is another one now, and all its containers see it",
        },
        Wrong {
            what: "one file of two",
            script: "bound hostname $hostname",
            claim: "it knows its address",
            says: "it is empty, as the init layer has it",
        },
        Wrong {
            what: "another address",
            script: "bound hostname $hostname; bound hosts \"127.0.0.1 $hostname\"",
            claim: "it knows its address",
            says: "the name is there with another address",
        },
        Wrong {
            what: "bound in another mount namespace",
            script: "inside \"echo $hostname > own/hostname
                unshare -m mount --bind own/hostname merged/etc/hostname\"",
            claim: "the container has its name",
            says: "what is seen is the empty file of the init layer",
        },
    ],
    right: &[
        Right {
            what: "two bind mounts",
            script: "bound hostname $hostname; bound hosts \"$address $hostname\"",
        },
        Right {
            what: "bound first, and written in place then, with more lines",
            script: "inside \"touch own/hostname own/hosts
                for name in hostname hosts; do mount --bind own/\\$name merged/etc/\\$name; done
                echo $hostname > merged/etc/hostname
                printf '127.0.0.1 localhost\\n$address\\t$hostname other\\n' > merged/etc/hosts\"",
        },
    ],
    follow: Some("inside \"$hint\""),
    runs: None,
};
