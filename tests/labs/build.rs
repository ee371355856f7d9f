//! Build an image without a key in its layers.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "build",
    tools: &["sed", "tar"],
    prelude: "
        glassbox() { \"$glassbox\" \"$@\" > /dev/null 2>&1; }
        made() { glassbox build -t $image $dir/context; glassbox save -o $dir/image.tar $image; }",
    wrong: &[
        Wrong {
            what: "built as it is",
            script: "made",
            claim: "no layer has the key",
            says: "the key is in a layer of the image",
        },
        Wrong {
            what: "overwritten in a later step",
            script: "
                mkdir $dir/context/none; : > $dir/context/none/secret.key
                sed -i 's,^COPY.*,&\\nCOPY none /srv,' $dir/context/Dockerfile
                made",
            claim: "no layer has the key",
            says: "a later layer hides it, and the one below still has it: whoever has the image has both",
        },
        Wrong {
            what: "the key deleted",
            script: "rm $dir/context/site/secret.key; made",
            claim: "the key is where it was",
            says: "the key was taken away: others need it there",
        },
        Wrong {
            what: "the directory ignored",
            script: "
                mkdir $dir/context/none; sed -i 's,^COPY site,COPY none,' $dir/context/Dockerfile
                made",
            claim: "the image has /srv/page",
            says: "the page is missing: an image without it is of no use",
        },
        Wrong {
            what: "built, and not saved",
            script: "echo site/secret.key > $dir/context/.dockerignore; glassbox build -t $image $dir/context",
            claim: "an image was saved",
            says: "build it, and save it as an archive where it is looked for",
        },
        Wrong {
            what: "a tar archive of the files",
            script: "tar -C $dir/context -cf $dir/image.tar site/page",
            claim: "an image was saved",
            says: "build it, and save it as an archive where it is looked for",
        },
    ],
    right: &[
        Right { what: ".dockerignore", script: "echo '**/*.key' > $dir/context/.dockerignore; made" },
        Right {
            what: "the page alone",
            script: "sed -i 's,^COPY.*,COPY site/page /srv/page,' $dir/context/Dockerfile; made",
        },
    ],
    follow: None,
    runs: None,
};
