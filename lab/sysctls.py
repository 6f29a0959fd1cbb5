"""Sysctls of the whole machine that a kubelet would set: on our nodes it gets files to write to instead.

Standard library only: the nodes of kind read it too.
"""

GLOBAL_SYSCTLS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
