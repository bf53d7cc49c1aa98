"""The system calls that a student's process may not make, as a seccomp filter.

They would open what namespaces close (mounts, new namespaces, other processes' memory), hold
memory that no limit of a process counts, or reach parts of the kernel that nobody needs here.
The program is classic BPF over ``struct seccomp_data`` (Linux, seccomp(2)); numbers from
asm/unistd.h of x86-64 and of the generic table that 64-bit ARM uses.
"""

from __future__ import annotations

import errno
import platform
import struct

from llm_nb.exercises.grading.system import (
    NEW_IPC,
    NEW_MOUNTS,
    NEW_NAME,
    NEW_NETWORK,
    NEW_PIDS,
    NEW_USERS,
)

_REFUSED = {  # name: (x86_64, aarch64)
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_CLONE, _CLONE3, _SOCKET = (56, 220), (435, 435), (41, 198)
_AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_FAMILIES = (1, 2, 10)  # sockets: Unix, IPv4, IPv6; the latter two lead nowhere
_NEW = 0x0200_0000 | NEW_MOUNTS | NEW_NAME | NEW_IPC | NEW_USERS | NEW_PIDS | NEW_NETWORK
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000


def program() -> bytes | None:
    """The filter for this machine; None for a kind of processor whose numbers are not here."""
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        return None
    which = list(_AUDIT_ARCH).index(machine)

    def refuse(number: int) -> bytes:
        return _op(_RETURN, _ERROR | number)

    code = [_op(_LOAD, _ARCH), _op(_EQUAL, _AUDIT_ARCH[machine], 1, 0), _op(_RETURN, _KILL)]
    code += [_op(_LOAD, _NR)]
    if machine == "x86_64":  # the x32 numbers
        code += [_op(_AT_LEAST, 0x4000_0000, 0, 1), _op(_RETURN, _KILL)]
    for numbers in _REFUSED.values():
        code += [_op(_EQUAL, numbers[which], 0, 1), refuse(errno.EPERM)]
    # clone3 hides its flags behind a pointer; without it the C library uses clone.
    code += [_op(_EQUAL, _CLONE3[which], 0, 1), refuse(errno.ENOSYS)]
    code += [_op(_EQUAL, _CLONE[which], 0, 4), _op(_LOAD, _FIRST_ARGUMENT)]
    code += [_op(_ANY_BIT, _NEW, 0, 1), refuse(errno.EPERM), _op(_RETURN, _ALLOW)]
    code += [_op(_EQUAL, _SOCKET[which], 0, len(_FAMILIES) + 2), _op(_LOAD, _FIRST_ARGUMENT)]
    code += [_op(_EQUAL, f, len(_FAMILIES) - i, 0) for i, f in enumerate(_FAMILIES)]
    code += [refuse(errno.EAFNOSUPPORT), _op(_RETURN, _ALLOW)]
    return b"".join(code)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
