"""The system calls of Linux that cut a process off, as far as Python does not offer them.

Numbers and structures: linux/sched.h, linux/mount.h, linux/capability.h, linux/prctl.h, and
asm/unistd.h of x86-64 and of the generic table that 64-bit ARM uses.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

NEW_MOUNTS, NEW_NAME, NEW_IPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
NEW_USERS, NEW_PIDS, NEW_NETWORK = 0x1000_0000, 0x2000_0000, 0x4000_0000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC = 1, 2, 4, 8  # both MS_* and MOUNT_ATTR_*
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x4_0000
_DETACH = 2
_AT_CWD, _AT_RECURSIVE = -100, 0x8000
_SET_DUMPABLE, _CAP_DROP, _NO_NEW_PRIVS, _SET_SECCOMP = 4, 24, 38, 22
_CAPABILITY_VERSION = 0x2008_0522
# pivot_root, capset, mount_setattr
NUMBERS = {"x86_64": (155, 126, 442), "aarch64": (41, 91, 442)}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _number(place: int, what: str) -> int:
    machine = platform.machine()
    if machine not in NUMBERS:
        raise OSError(f"{what}: its number is not known for {machine} processors")
    return NUMBERS[machine][place]


def unshare(flags: int) -> None:
    """Give this process namespaces of its own."""
    _check(_libc.unshare(flags), "namespaces (unshare)")


def private_mounts() -> None:
    """Let no later mount be seen outside."""
    _check(_libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None), "private mounts")


def mount_new(kind: str, place: str, flags: int, options: str = "") -> None:
    """Mount a new ``tmpfs`` or ``proc``."""
    words = (kind.encode(), os.fsencode(place), kind.encode())
    _check(_libc.mount(*words, ctypes.c_ulong(flags), options.encode()), f"{kind} at {place}")


def bind(source: str, place: str) -> None:
    """Let ``source``, a file or folder with all that is mounted in it, be seen at ``place``."""
    flags = ctypes.c_ulong(_BIND | _RECURSIVE)
    done = _libc.mount(os.fsencode(source), os.fsencode(place), None, flags, None)
    _check(done, f"binding {source}")


def set_mount_flags(place: str, flags: int, *, recursive: bool) -> None:
    """Set READ_ONLY and the like (Linux 5.12 or newer)."""
    attributes = struct.pack("QQQQ", flags, 0, 0, 0)
    path, where = os.fsencode(place), _AT_RECURSIVE if recursive else 0
    number = _number(2, "mount_setattr")
    done = _libc.syscall(number, _AT_CWD, path, where, attributes, len(attributes))
    _check(done, f"read-only {place} (mount_setattr)")


def change_root(place: str) -> None:
    """Make ``place`` the root folder and let go of the old one."""
    os.chdir(place)
    _check(_libc.syscall(_number(0, "pivot_root"), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _DETACH), "letting go of the old root")
    os.chdir("/")


def bound_capabilities() -> None:
    """Let no program that is started later gain a privilege. To be called while there are some."""
    for capability in range(64):
        if _libc.prctl(_CAP_DROP, capability, 0, 0, 0) < 0:
            break  # the kernel knows no more of them


def drop_capabilities() -> None:
    """Give up every privilege, for this process and what it starts, for good."""
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    _check(_libc.syscall(_number(1, "capset"), header, bytes(24)), "dropping privileges (capset)")
    _check(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")


def set_inspectable(yes: bool) -> None:
    """Whether other processes of the same user may look into this one."""
    _check(_libc.prctl(_SET_DUMPABLE, int(yes), 0, 0, 0), "set_dumpable")


def set_filter(program: bytes) -> None:
    """Install a seccomp filter, instructions of 8 bytes each, for good."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _check(_libc.prctl(_SET_SECCOMP, 2, header, 0, 0), "filter of system calls (seccomp)")
