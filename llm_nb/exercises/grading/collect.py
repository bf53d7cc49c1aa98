"""What a class handed in: one notebook for each student, out of folders and zips.

Names in archives are only read, never used as places: what is kept goes to a scratch folder
under numbers. Links are not followed. Whatever is refused is said in a remark.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath

MAX_NOTEBOOK = 32 << 20  # bytes
MAX_ARCHIVE = 2 << 30  # bytes of notebooks out of one archive
MAX_ENTRIES = 20_000
_NOT_ONE = "is no notebook"
_LEFT_OUT = {".ipynb_checkpoints", "__MACOSX", ".git", "__pycache__"}
_MOODLE = re.compile(r"^(?P<name>.+?)_(?P<user>\d+)_assignsubmission_(?:file|onlinetext)_?$")
_CANVAS = re.compile(r"^(?P<name>[^_]+)(?:_LATE)?_(?P<user>\d+)_\d+_(?P<file>.+)$", re.I)


@dataclass
class Submission:
    """What one student handed in: ``path`` is None if there was no notebook."""

    student: str
    path: Path | None = None
    remarks: list[str] = field(default_factory=list)


@dataclass
class _Entry:
    """A file or a refusal: where it stood, and where its content is."""

    place: tuple[str, ...]
    path: Path | None = None
    refused: str = ""


def collect(submissions: Path, scratch: Path, assignment: str) -> list[Submission]:
    """One submission for each student in a folder or a zip, sorted by student.

    Understood are: a zip as Moodle (a folder for each student) and Canvas (all files in one
    folder) make it, a folder of such zips, a folder or a zip for each student, and notebooks
    that bear their students' names.

    Args:
        scratch: an empty folder for what comes out of archives.
        assignment: the name that the notebook was handed out under, without ``.ipynb``.

    Raises:
        ValueError: there is nothing.
    """
    unpacked = _Unpacked(scratch)
    if submissions.is_dir():
        entries = list(_walk(submissions, unpacked))
    elif zipfile.is_zipfile(submissions):
        entries = _without_common_folder(list(unpacked.archive(submissions, ())), assignment)
    else:
        raise ValueError(f"{submissions} is neither a folder nor a zip: give what students sent")
    found: dict[str, list[_Entry]] = defaultdict(list)
    for entry in entries:
        stray = len(entry.place) == 1 and entry.refused.endswith(_NOT_ONE)
        if stray and not _CANVAS.match(entry.place[0]):
            continue  # a list or a note that lies beside the submissions
        found[_student_of(entry.place, assignment)].append(entry)
    if not found:
        raise ValueError(f"there are no submissions in {submissions}")
    return _named([_chosen(raw, mine, assignment) for raw, mine in sorted(found.items())])


def _walk(folder: Path, unpacked: _Unpacked) -> Iterator[_Entry]:
    """The files under a folder; zips are opened, links are not."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        inside = Path(base).relative_to(folder).parts
        for name in [*folders]:
            if os.path.islink(os.path.join(base, name)):
                folders.remove(name)
                yield _Entry((*inside, name, ""), refused=f"{_shown(name)} is a link: left out")
        if inside and not folders and not names:
            yield _Entry((*inside, ""), refused="the folder is empty")
        for name in sorted(names):
            path, place = Path(base, name), (*inside, name)
            kind = os.lstat(path).st_mode
            if not stat.S_ISREG(kind):
                what = "a link" if stat.S_ISLNK(kind) else "no ordinary file"
                yield _Entry(place, refused=f"{_shown(name)} is {what}: left out")
            elif name.lower().endswith(".zip"):
                within = place if inside else (name[:-4],)
                entries = list(unpacked.archive(path, within))
                if not inside and _is_of_a_class(entries):
                    entries = [_Entry(e.place[1:], e.path, e.refused) for e in entries]
                yield from entries
            elif name.lower().endswith(".ipynb"):
                yield _Entry(place, path)
            else:
                yield _Entry(place, refused=f"{_shown(name)} {_NOT_ONE}")


def _is_of_a_class(entries: list[_Entry]) -> bool:
    """Whether an archive is what Moodle or Canvas makes."""
    return any(_MOODLE.match(part) or _CANVAS.match(part) for e in entries for part in e.place)


class _Unpacked:
    """Notebooks out of archives, in files that are called 0.ipynb, 1.ipynb, …"""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.number = scratch, 0

    def archive(self, path: Path, within: tuple[str, ...], depth: int = 0) -> Iterator[_Entry]:
        """The notebooks in a zip; zips in it are opened once more."""
        try:
            with zipfile.ZipFile(path) as archive:
                yield from self._members(archive, within, depth)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            what = _shown(within[-1]) if within else path.name
            yield _Entry((*within, ""), refused=f"{what} is no zip that can be read ({error})")

    def _members(
        self, archive: zipfile.ZipFile, within: tuple[str, ...], depth: int
    ) -> Iterator[_Entry]:
        room, members = MAX_ARCHIVE, archive.infolist()
        if len(members) > MAX_ENTRIES:
            yield _Entry((*within, ""), refused=f"a zip of over {MAX_ENTRIES} files: left out")
            return
        for member in members:
            parts = PurePosixPath(member.filename.replace("\\", "/")).parts
            safe = tuple(part for part in parts if part not in ("..", "/", ".") and ":" not in part)
            place = (*within, *safe)
            if member.is_dir() or set(parts) & _LEFT_OUT:
                continue
            name = _shown(member.filename)
            if safe != parts:  # ../../etc, /etc, C:\\…
                yield _Entry(place, refused=f"{name} leads out of its folder: left out")
            elif stat.S_ISLNK(member.external_attr >> 16):
                yield _Entry(place, refused=f"{name} is a link: left out")
            elif name.lower().endswith((".ipynb", ".zip")):
                target = self.scratch / f"{self.number}{name[-4:].lower()}"
                self.number += 1
                size = min(MAX_NOTEBOOK, room)
                if refused := _unpack(archive, member, target, size):
                    yield _Entry(place, refused=f"{name} {refused}")
                    continue
                room -= target.stat().st_size
                if name.lower().endswith(".zip") and depth == 0:
                    yield from self.archive(target, place, depth + 1)
                elif name.lower().endswith(".zip"):
                    yield _Entry(place, refused=f"{name} is a zip in a zip in a zip: left out")
                else:
                    yield _Entry(place, target)
            else:
                yield _Entry(place, refused=f"{name} {_NOT_ONE}")


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, limit: int) -> str:
    """Write a member to ``target``; say why not, if it is broken or too large."""
    if member.flag_bits & 1:
        return "is locked with a password: left out"
    left = limit
    try:
        with archive.open(member) as source, target.open("wb") as sink:
            while piece := source.read(1 << 16):
                left -= len(piece)
                if left < 0:  # whatever size its entry claims
                    return f"has over {limit >> 20} MB: left out"
                sink.write(piece)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        return f"cannot be unpacked ({error}): left out"
    return ""


def _without_common_folder(entries: list[_Entry], assignment: str) -> list[_Entry]:
    """Without the one folder that a zip of a class often has around it all."""
    tops = {entry.place[0] for entry in entries if entry.place}
    inner = {entry.place[1] for entry in entries if len(entry.place) > 2}
    deep = all(len(entry.place) > 2 for entry in entries)
    if len(tops) != 1 or not deep or assignment in inner or _is_of_a_class(entries):
        return entries
    return [_Entry(entry.place[1:], entry.path, entry.refused) for entry in entries]


def _student_of(place: tuple[str, ...], assignment: str) -> str:
    """Whose a file is, by the names around it."""
    for part in place:
        if found := _MOODLE.match(part):
            return f"{found['name']} {found['user']}"
    if place and (found := _CANVAS.match(place[-1])):
        return f"{found['name']} {found['user']}"
    if len(place) > 1:
        return place[0]
    stem = PurePosixPath(place[0]).stem if place else ""
    return re.sub(rf"^{re.escape(assignment)}[-_ ]+|[-_ ]+{re.escape(assignment)}$", "", stem)


def _chosen(student: str, entries: list[_Entry], assignment: str) -> Submission:
    """The notebook that counts: of the right name, else of the most similar one."""
    remarks = [entry.refused for entry in entries if entry.refused]
    files = [entry for entry in entries if entry.path is not None]
    if not files:
        why = "; ".join(remarks[:3]) or "nothing"
        return Submission(student, None, [f"no notebook was handed in ({why})"])

    def likeness(entry: _Entry) -> float:
        name = entry.place[-1]
        if found := _CANVAS.match(name):
            name = found["file"]
        stem = PurePosixPath(name).stem
        if stem != assignment:  # as browsers and platforms name second copies
            stem = re.sub(r"[ _-]*(\(\d+\)|-\d+|copy)$", "", stem, flags=re.I)
        return SequenceMatcher(None, stem.lower(), assignment.lower()).ratio()

    # Of equals the one whose very name it is, then the first.
    best = max(files, key=lambda entry: (likeness(entry), entry.place[-1] == f"{assignment}.ipynb"))
    if len(files) > 1:
        remarks.append(f"{len(files)} notebooks: {_shown(best.place[-1])} counts")
    elif likeness(best) < 1 and len(best.place) > 1 and not _CANVAS.match(best.place[-1]):
        remarks.append(f"the file is called {_shown(best.place[-1])}")
    return Submission(student, best.path, [r for r in remarks if not r.endswith(_NOT_ONE)])


def _named(submissions: list[Submission]) -> list[Submission]:
    """With names that are safe as folders and in tables, each once."""
    taken: set[str] = set()
    for submission in submissions:
        raw = submission.student
        name = unicodedata.normalize("NFC", raw.encode("utf-8", "replace").decode("utf-8"))
        name = re.sub(r"[^\w .@-]", "_", name)[:80].strip(" .").lstrip("=+-@. ") or "student"
        number, unique = 2, name
        while unique.casefold() in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique.casefold())
        if unique != raw:
            submission.remarks.insert(0, f"the name {_shown(raw)} was changed")
        submission.student = unique
    return sorted(submissions, key=lambda submission: submission.student)


def _shown(name: str) -> str:
    """A name as a remark may hold it."""
    text = name.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() and c not in "`<>" else "?" for c in text)[:100]
