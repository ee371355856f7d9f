//! What a virtual machine of this computer's architecture is called by those who make it.

use glassbox::kernel::arch;

/// The names that one architecture has.
pub(crate) struct Processor {
    /// The program of QEMU that is one.
    pub(crate) qemu: &'static str,
    /// The package of Debian with that program.
    pub(crate) package: &'static str,
    /// QEMU's name of the processor: an old one, for what a new one has besides is dear to emulate.
    pub(crate) model: &'static str,
    /// Debian's small kernel for virtual machines.
    pub(crate) kernel: &'static str,
    /// In a seccomp filter of the OCI's.
    pub(crate) oci: &'static str,
}

const KNOWN: [(&str, Processor); 1] = [(
    "x86_64",
    Processor {
        qemu: "qemu-system-x86_64",
        package: "qemu-system-x86",
        model: "qemu64,+rdrand",
        kernel: "cloud-amd64",
        oci: "SCMP_ARCH_X86_64",
    },
)];

/// The one of this computer, if there are machines for it.
pub(crate) fn here() -> Option<&'static Processor> {
    KNOWN.iter().find(|(name, _)| *name == arch::HERE.name).map(|(_, processor)| processor)
}
