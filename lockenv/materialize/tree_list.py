"""An environment as a list: every folder, link and file that it has, wherever it will stand.

The list is worked out once for a set of packages and an interpreter. Of a large environment the
larger packages are also put into a folder of the store, whole and read-only, and environments made
from the list lead there by one link each; the rest is linked file by file. Modules are compiled by
whoever imports them first: only the folders for that may be written.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, NamedTuple

from lockenv.formats.wheel import encode_digest
from lockenv.materialize.layout import check_clashes, files_of, layout_of
from lockenv.materialize.place import Placer, write
from lockenv.materialize.skeleton import skeleton_of
from lockenv.materialize.state import FORMAT, stamped_names
from lockenv.materialize.tree import FolderTree
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lockenv.materialize.unpack import Unpacked
    from lockenv.materialize.values import PlacedFile, WantedEnvironment, WantedPackage
    from lockenv.model import Digest, Overlaps

#: What stands for the environment's root and name while the list is worked out: plain text that
#: no package has.
ROOT_MARKED = "/lockenv-root-4f1c9e5d7a20"
_PROMPT = "lockenv-prompt-4f1c9e5d7a20"
_MARK = "\x01"
#: Below this, whoever makes a shared environment puts a link of its own.
_SHARED_LINK = "lib/python/"
#: Environments with fewer files are linked file by file: that is quick, and most ordinary.
SMALLEST_SHARED = 2000
#: A file may have some 65,000 names (ext4).
_MOST_NAMES = 30_000
#: So are folders with fewer files, for the same reason.
_SMALLEST_FOLDER = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeList:
    """The list, as far as it does not hang on the place where it lies.

    ``shared`` are names in site-packages whose folders are shared whole; ``library`` every file
    of the store that the tree's own folder must then have. Texts of ``written`` have marks where
    something is filled in; those of ``constant`` are the same everywhere, so that one file does
    for all environments.
    """

    python: str
    packages: str
    touched: str
    installed: str
    site_packages: str
    stamped: tuple[str, ...]
    shared: tuple[str, ...]
    folders: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    placed: tuple[tuple[str, str, int, int], ...]
    written: tuple[tuple[str, int, str], ...]
    constant: tuple[tuple[str, str], ...]
    library: tuple[PlacedFile, ...]

    def state_head(self, tree: str, wanted: WantedEnvironment) -> str:
        """The part of the state that is the same everywhere."""
        document = {
            "format": FORMAT,
            "site_packages": self.site_packages,
            "python": {
                "version": wanted.python.version,
                "executable": wanted.python.executable,
                "build": wanted.python.build,
            },
            "tree": tree,
        }
        return json.dumps(document, ensure_ascii=True)[1:-1]


class _File(NamedTuple):
    """A file of the list, and what the store says of its source."""

    file: PlacedFile
    mtime_ns: int


def tree_key(wanted: WantedEnvironment) -> str:
    """What is equal for environments that are made from one list."""
    document = [json.loads(_python_text(wanted)), json.loads(packages_text(wanted))]
    return hashlib.sha256(json.dumps(document, ensure_ascii=True).encode("ascii")).hexdigest()


def list_tree(
    wanted: WantedEnvironment, unpacked: Mapping[Digest, Unpacked], overlaps: Overlaps
) -> TreeList | None:
    """The list of an environment; None where it cannot be told without its place.

    ``unpacked`` must have the wheel of every package. Raises what `write_venv` would.
    """
    layout = layout_of(ROOT_MARKED, wanted.python)
    skeleton = skeleton_of(layout, wanted.python, _PROMPT)
    packages = sorted(wanted.packages, key=lambda one: one.name)
    by_package = {one.name: files_of(one, unpacked[one.digest], layout) for one in packages}
    check_clashes(by_package.items(), layout, overlaps)
    times = {
        f"{wheel.files_folder}/{file.path}": file.mtime_ns
        for wheel in unpacked.values()
        for file in wheel.files
    }
    files: dict[str, PlacedFile] = {file.path: file for file in skeleton.files}
    for package_files in by_package.values():
        files.update((file.path, file) for file in package_files)
    library = tuple(file for file in files.values() if file.source is not None)
    shared = _shared_names(files.values(), layout.site_packages)
    prefixes = tuple(f"{layout.site_packages}/{name}/" for name in shared)
    own = [file for file in files.values() if not (prefixes and file.path.startswith(prefixes))]
    texts = Texts()
    # What others have the digest of comes first: RECORD has that of scripts.
    written = [file for file in own if file.source is None]
    written.sort(key=lambda file: file.path.endswith(".dist-info/RECORD"))
    filled = [(file.path, _mode(file), texts.added(file)) for file in written]
    known = [(path, mode, text) for path, mode, text in filled if text is not None]
    if skeleton.copies or len(known) < len(filled):
        return None
    return TreeList(
        python=_python_text(wanted),
        packages=packages_text(wanted),
        touched=json.dumps([one.name for one in packages]),
        installed=_installed(packages, unpacked, by_package, texts),
        site_packages=layout.site_packages,
        stamped=stamped_names(layout),
        shared=shared,
        folders=_folders([*skeleton.folders], [file.path for file in own], skeleton.links),
        links=skeleton.links,
        placed=tuple(
            (file.path, file.source, file.size, times[file.source])
            for file in own
            if file.source is not None
        ),
        written=tuple(one for one in known if not is_constant(one[0], one[2])),
        constant=tuple((path, text) for path, _, text in known if is_constant(path, text)),
        library=library if shared else (),
    )


def write_shared(
    found: TreeList, place: str, first: tuple[str, bytes] | None = None
) -> list[tuple[str, int, int]] | None:
    """Put the library of a list into a folder, read-only; path, size and time of what is shared.

    ``first`` are the word and the content of the byte code that is laid for each module. None
    where the disk has no hard links: then nothing is gained by sharing.
    """
    placer = Placer()
    os.mkdir(place)  # noqa: PTH102 - thousands of files: strings for speed
    tree = FolderTree(place, placer)
    for file in found.library:
        tree.add_file(file)
    if placer.used != "hardlink":
        return None
    prefixes = tuple(f"{found.site_packages}/{name}/" for name in found.shared)
    rows = []
    modules = set()
    for file in found.library:
        if file.path.startswith(prefixes):
            state = os.stat(f"{place}/{file.path}", follow_symlinks=False)  # noqa: PTH116 - thousands of files: strings for speed
            rows.append((file.path, state.st_size, state.st_mtime_ns))
            if file.path.endswith(".py"):
                modules.add(file.path.rpartition("/")[0])
    for folder in sorted(modules):
        tree.add_folder(f"{folder}/__pycache__")
    if first is not None:
        sources = [path for path, _, _ in rows if path.endswith(".py")]
        _lay_byte_code(place, sources, *first)
    for made in reversed(tree.made):
        if not made.endswith("/__pycache__"):
            os.chmod(made, 0o555)  # noqa: PTH101, S103 - likewise; every user of a machine may read
    return rows


def _lay_byte_code(place: str, sources: list[str], tag: str, content: bytes) -> None:
    """Lay byte code for each module: one file by many names, which compiling replaces."""
    one = ""
    for number, source in enumerate(sources):
        folder, _, name = source.rpartition("/")
        target = f"{place}/{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"
        if number % _MOST_NAMES:
            os.link(one, target)
        else:
            one = target
            write(target, content, 0o644)


class Texts:
    """Contents of our making, each with marks for what hangs on the place."""

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._count = 0

    def added(self, file: PlacedFile) -> str | None:
        """The text of the next file; None where it cannot be one."""
        try:
            text = (file.content or b"").decode("utf-8")
        except UnicodeDecodeError:
            return None
        if _MARK in text or "\0" in text:
            return None
        filled = text.replace(ROOT_MARKED, f"{_MARK}R").replace(_PROMPT, f"{_MARK}P")
        if file.path.endswith(".dist-info/RECORD"):
            for row, number in self._rows.items():
                filled = filled.replace(row, f"{_MARK}D{number};")
        if filled != text:
            self._marks[file.digest] = self._count
            self._rows[f"sha256={encode_digest(file.digest)},{file.size}"] = self._count
        if not is_constant(file.path, filled):
            self._count += 1
        return filled

    def digest(self, digest: str) -> str:
        """A digest of one of them in hexadecimal, or its mark."""
        number = self._marks.get(digest)
        return digest if number is None else f"{_MARK}H{number};"


def is_constant(path: str, text: str) -> bool:
    """Whether a file of our making about a package is the same in every environment."""
    return ".dist-info/" in path and _MARK not in text


def _installed(
    packages: Iterable[WantedPackage],
    unpacked: Mapping[Digest, Unpacked],
    files: Mapping[str, tuple[PlacedFile, ...]],
    texts: Texts,
) -> str:
    """The packages of the state, as `render_state` has them."""
    rows = [
        installed_row(one, unpacked[one.digest].dist_info, files[one.name], texts)
        for one in packages
    ]
    return f"[{', '.join(rows)}]"


def installed_row(
    wanted: WantedPackage, dist_info: str, files: Sequence[PlacedFile], texts: Texts
) -> str:
    """One package of the state, its files RECORD last."""
    row = {
        "name": wanted.name,
        "version": wanted.version,
        "dist_info": dist_info,
        "artifact": str(wanted.digest),
        "origin": wanted.origin_key,
        "record": texts.digest(files[-1].digest),
        "scripts": any(file.content is not None and file.is_executable for file in files),
    }
    # JSON spells the mark as an escape; where it is filled in, it must be the mark itself.
    return json.dumps(row, ensure_ascii=True).replace("\\u0001", _MARK)


def _shared_names(files: Iterable[PlacedFile], site_packages: str) -> tuple[str, ...]:
    """The folders of site-packages that are worth sharing, and hold nothing of our making."""
    counts: dict[str, int] = {}
    ours: set[str] = set()
    total = 0
    for file in files:
        total += 1
        if file.path.startswith(_SHARED_LINK):
            return ()
        if not file.path.startswith(f"{site_packages}/"):
            continue
        name, _, below = file.path[len(site_packages) + 1 :].partition("/")
        if below:
            counts[name] = counts.get(name, 0) + 1
            if file.source is None:
                ours.add(name)
    if total < SMALLEST_SHARED:
        return ()
    return tuple(
        sorted(
            name for name, count in counts.items() if count >= _SMALLEST_FOLDER and name not in ours
        )
    )


def _folders(
    made: Iterable[str], paths: Iterable[str], links: Iterable[tuple[str, str]]
) -> tuple[str, ...]:
    """Every folder that these paths need, those above before those below."""
    found: dict[str, None] = {}

    def add(folder: str) -> None:
        if folder and folder not in found:
            add(folder.rpartition("/")[0])
            found[folder] = None

    for folder in made:
        add(folder)
    for path in (*paths, *(path for path, _ in links)):
        add(path.rpartition("/")[0])
    return tuple(found)


def _mode(file: PlacedFile) -> int:
    return 0o755 if file.is_executable else 0o644


def _python_text(wanted: WantedEnvironment) -> str:
    python = wanted.python
    return _compact([python.executable, python.version, python.build])


def packages_text(wanted: WantedEnvironment) -> str:
    """The packages as the key of an environment has them."""
    return _compact(
        sorted([one.name, one.version, str(one.digest), one.origin_key] for one in wanted.packages)
    )


def selection_texts(wanted: WantedEnvironment) -> tuple[str, str]:
    """The selection as the state has it, and as the key has it."""
    pairs = sorted([name, value] for name, value in wanted.selection.items())
    return json.dumps(dict(wanted.selection), ensure_ascii=True), _compact(pairs)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def without(wanted: WantedEnvironment, names: Iterable[str]) -> WantedEnvironment:
    """The environment without some packages."""
    left = set(names)
    return replace(wanted, packages=tuple(one for one in wanted.packages if one.name not in left))
