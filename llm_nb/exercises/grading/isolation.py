"""A process that sees Python, an empty folder and nothing else.

Linux only. The process gets namespaces of its own (mounts, processes, network, IPC, names) and a
root folder that holds a read-only view of the system's libraries and of this Python, a small
folder in memory to write to, and no more: no home, no course, no network. It loses every
privilege, may not get any, and has limits on memory, processor, processes and files.
"""

from __future__ import annotations

import os
import resource
import site
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from llm_nb.exercises.grading import seccomp, system
from llm_nb.exercises.grading.limits import Limits

SCRATCH = "/tmp"  # inside the sandbox: the one place where a student's code may write
WORK = f"{SCRATCH}/student"  # its current folder
_SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
_ETC = ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime"]
_DEVICES = ["null", "zero", "full", "random", "urandom"]
_FIRST_UID, _UIDS = 20_000, 40_000  # users that stand in no list, one for each process


@dataclass(frozen=True)
class View:
    """What can be seen: ``shown`` read-only, but for what lies in ``hidden``.

    ``root`` is an empty folder over which the new root is mounted.
    """

    root: str
    shown: tuple[str, ...]
    hidden: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def view_of_python(root: str | Path, hidden: list[Path]) -> View:
    """The view that a student's code needs: this Python, its packages, and this package.

    Of a folder that holds a checkout (an editable installation) only the package itself is shown,
    and of it neither the exercises, which hold the right answers, nor anything in ``hidden``.
    """
    package = Path(__file__).resolve().parents[2]
    shown = [*_SYSTEM, sys.base_prefix, sys.prefix, str(package)]
    packages = [*site.getsitepackages(), site.getusersitepackages()]
    shown += [name for name in sys.path if name in packages]
    covered = [package / "exercises", *(path.resolve() for path in hidden)]
    there = [name for name in dict.fromkeys(shown) if os.path.exists(name)]
    return View(str(root), tuple(there), tuple(map(str, covered)))


def enter(view: View, limits: Limits) -> None:
    """Cut this process off. On return it runs as number 1 of its own processes.

    Call it in a child made for it: the child itself ends, and its own child returns.

    Raises:
        OSError: something that this needs is not there, or is not allowed here.
    """
    user, group = os.geteuid(), os.getegid()
    flags = system.NEW_MOUNTS | system.NEW_PIDS | system.NEW_NETWORK
    flags |= system.NEW_IPC | system.NEW_NAME
    system.unshare(flags if user == 0 else flags | system.NEW_USERS)
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    system.private_mounts()
    if user == 0:
        user = group = _FIRST_UID + os.getpid() % _UIDS
    if os.fork():
        os._exit(0)
    _build_root(view, limits, user, group)
    system.change_root(view.root)
    system.set_mount_flags("/", system.READ_ONLY | system.NO_SUID, recursive=False)
    Path("/proc/self/oom_score_adj").write_text("1000")  # the first to go if memory runs out
    set_limits(limits)
    system.bound_capabilities()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    system.drop_capabilities()
    if (program := seccomp.program()) is not None:
        system.set_filter(program)
    os.chdir(WORK)


def set_limits(limits: Limits) -> None:
    """The limits of each process; ``supervise`` adds those of all together."""
    address_space = _held_now() + (limits.memory_mb << 20)
    seconds = int(limits.total_seconds) + 1
    for name, value in {
        "RLIMIT_AS": address_space,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": limits.disk_mb << 20,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_SIGPENDING": 128,
    }.items():
        number = getattr(resource, name, None)
        if number is None:
            continue  # macOS lacks some
        hard = resource.getrlimit(number)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        try:
            resource.setrlimit(number, (value, value))
        except (OSError, ValueError):
            if sys.platform == "linux":
                raise


def _held_now() -> int:
    """Bytes of address space that this process has."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 4 << 30
    return pages * resource.getpagesize()


def _build_root(view: View, limits: Limits, user: int, group: int) -> None:
    root = view.root
    system.mount_new("tmpfs", root, system.NO_SUID, "size=1m,mode=755")
    Path(root + SCRATCH).mkdir()  # first: what is shown may lie in it
    options = f"size={limits.disk_mb}m,nr_inodes=4096,mode=1777"
    system.mount_new("tmpfs", root + SCRATCH, system.NO_SUID | system.NO_DEV, options)
    shared = f"{SCRATCH}/shm"
    for name in (WORK, shared):
        Path(root + name).mkdir()
        os.chmod(root + name, 0o777)
    for name in _outermost(view.shown):
        _show(root, name)
    for name in _ETC:
        if os.path.exists(f"/etc/{name}"):
            _show(root, f"/etc/{name}")
    Path(f"{root}/etc").mkdir(exist_ok=True)
    Path(f"{root}/etc/passwd").write_text(f"student:x:{user}:{group}::/tmp:/bin/sh\n")
    Path(f"{root}/dev").mkdir()
    for name in _DEVICES:
        Path(f"{root}/dev/{name}").touch()
        system.bind(f"/dev/{name}", f"{root}/dev/{name}")
    os.symlink(shared, f"{root}/dev/shm")
    for name in view.hidden:
        if os.path.lexists(root + name):
            _cover(root + name)
    Path(f"{root}/proc").mkdir()
    system.mount_new("proc", f"{root}/proc", system.NO_SUID | system.NO_DEV | system.NO_EXEC)


def _outermost(names: tuple[str, ...]) -> Iterator[str]:
    """The folders that lie in no other of them."""
    for name in names:
        if not any(name != other and name.startswith(f"{other}/") for other in names):
            yield name


def _show(root: str, name: str) -> None:
    place = Path(root + name)
    place.parent.mkdir(parents=True, exist_ok=True)
    if os.path.islink(name) and name in _SYSTEM:
        os.symlink(os.readlink(name), place)  # /lib -> usr/lib
        return
    if os.path.isdir(name):
        place.mkdir(exist_ok=True)
    else:
        place.touch()
    system.bind(name, str(place))
    flags = system.READ_ONLY | system.NO_SUID | system.NO_DEV
    system.set_mount_flags(str(place), flags, recursive=True)


def _cover(place: str) -> None:
    if os.path.isdir(place):
        system.mount_new("tmpfs", place, system.READ_ONLY, "size=4k,mode=755")
    else:
        system.bind("/dev/null", place)
