"""Environments in the store: made once a machine, then had again in next to no time.

The first `sync` of a set of packages makes an ordinary environment. When the same set is asked for
again in a place where nothing is yet (another checkout, a worktree, a clean), the machine keeps a
list of it, and for a large one a shared folder, and that and every further environment comes from
there (`lockenv.workflows.seen`). They lie in ``trees`` of the user's data, since environments lead
into them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lockenv.host import first_byte_code
from lockenv.materialize import Placer, list_tree, selection_texts, tree_key, write_shared
from lockenv.workflows.registry import registered_digests
from lockenv.workflows.seen import (
    CONSTANTS_NAME,
    FILES_NAME,
    LIST_FORM,
    LIST_NAME,
    SHARED_NAME,
    TURN_NAME,
    kept_by,
    make_seen,
    render_fields,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.materialize import TreeList, UnpackedStore, WantedEnvironment
    from lockenv.model import Overlaps

TREES = "trees"
#: Where a file goes, what it is a link to, and that one's size and time.
PlacedRow: TypeAlias = tuple[str, str, int, int]


def make_from_tree(
    data_dir: Path, wanted: WantedEnvironment, store: UnpackedStore, overlaps: Overlaps
) -> Path | None:
    """Make an environment where nothing is, if its set was seen before; the tree that it is of.

    None where it was not, or cannot be; an environment may have been begun then.
    """
    trees = data_dir / TREES
    key = tree_key(wanted)
    place = trees / key
    known = (place / LIST_NAME).exists()
    if not known and not _was_seen(trees, key):
        return None
    if not known and not _keep_tree(place, wanted, store, overlaps):
        return None
    made = make_seen(str(place), wanted.root, wanted.prompt, selection_texts(wanted))
    if not made and known:
        # Files of the store are new ones, or somebody changed them: the list is out of date.
        _keep_tree(place, wanted, store, overlaps)
        if not Path(wanted.root).exists():
            made = make_seen(str(place), wanted.root, wanted.prompt, selection_texts(wanted))
    return place if made else None


def _was_seen(trees: Path, key: str) -> bool:
    """Whether a set was installed here before; from now on it was."""
    note = trees / f"{key}.seen"
    if note.exists():
        return True
    with contextlib.suppress(OSError):
        trees.mkdir(parents=True, exist_ok=True)
        note.touch()
    return False


def _keep_tree(
    place: Path, wanted: WantedEnvironment, store: UnpackedStore, overlaps: Overlaps
) -> bool:
    """Work out the list of an environment and keep it; False where that cannot be."""
    unpacked = {}
    for one in wanted.packages:
        wheel = store.load(one.digest)
        if wheel is None:
            return False
        unpacked[one.digest] = wheel
    found = list_tree(wanted, unpacked, overlaps)
    if found is None:
        return False
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    except OSError:
        return False
    try:
        temporary.chmod(0o755)
        if not (found.shared or not found.placed or would_link(found.placed[0][1], temporary)):
            return False  # each file is a private copy there, and costs no space: nothing to gain
        return _written(found, wanted, temporary, place)
    except OSError:
        return False  # a store that cannot be written costs time and nothing else
    finally:
        remove_tree(temporary)


def would_link(source: str, folder: Path) -> bool:
    """Whether files of the store come as hard links here, as those of a list do."""
    placer = Placer()
    target = folder / f".way-{os.getpid()}"
    placer.place(source, str(target), is_executable=False)
    target.unlink()
    return placer.used == "hardlink"


def _written(found: TreeList, wanted: WantedEnvironment, temporary: Path, place: Path) -> bool:
    if found.shared:
        code = first_byte_code(Path(wanted.python.executable))
        first = (code.tag, code.content) if code is not None else None
        rows = write_shared(found, str(temporary / FILES_NAME), first)
        if rows is None:
            return False
        fields = [str(cell) for row in rows for cell in row]
        (temporary / SHARED_NAME).write_bytes(render_fields(fields, LIST_FORM))
    fields = list(_fields(found, wanted, place, _write_constants(found, temporary, place)))
    (temporary / LIST_NAME).write_bytes(render_fields(fields, LIST_FORM))
    former = temporary.with_name(f"{temporary.name}-former")
    with contextlib.suppress(FileNotFoundError):
        # Environments lead into what lies there: nothing may come between these two steps.
        place.rename(former)
    with contextlib.suppress(OSError):  # another process may have been faster
        temporary.rename(place)
    remove_tree(former)
    return (place / LIST_NAME).exists()


def _write_constants(found: TreeList, temporary: Path, place: Path) -> list[PlacedRow]:
    """Write what is the same in every environment, each text once; the rows that link to it."""
    folder = temporary / CONSTANTS_NAME
    folder.mkdir()
    written: dict[str, tuple[str, int, int]] = {}
    for _, text in found.constant:
        if text not in written:
            name = str(len(written))
            file = folder / name
            file.write_bytes(text.encode("utf-8"))
            file.chmod(0o444)
            state = file.stat()
            source = str(place / CONSTANTS_NAME / name)
            written[text] = (source, state.st_size, state.st_mtime_ns)
    return [(path, *written[text]) for path, text in found.constant]


def _fields(
    found: TreeList, wanted: WantedEnvironment, place: Path, constants: Iterable[PlacedRow]
) -> Iterator[str]:
    yield from (found.python, found.packages)
    tree = str(place) if found.shared else ""
    yield from (found.state_head(tree, wanted), found.touched, found.installed)
    yield found.site_packages
    for names in (found.stamped, found.shared, found.folders):
        yield from (str(len(names)), *names)
    written = tuple((path, f"{mode:o}", text) for path, mode, text in found.written)
    # What says which files a package has comes before them: see `lockenv.workflows.seen`.
    for rows in (found.links, (*constants, *found.placed), written):
        cells = [str(cell) for row in rows for cell in row]
        yield from (str(len(cells)), *cells)


def forget_list(tree: Path) -> None:
    """Let the next environment of a tree make it anew: files of it are not what they were."""
    (tree / LIST_NAME).unlink(missing_ok=True)


def prune_trees(data_dir: Path) -> int:
    """Remove the trees that no environment leads into; the bytes that nobody else had.

    Nobody makes an environment meanwhile, so none can come to lead into what goes.
    """
    freed = 0
    with contextlib.suppress(OSError), kept_by(str(data_dir / TREES), alone=True):
        used = registered_digests(data_dir)
        for entry in sorted((data_dir / TREES).iterdir()):
            if str(entry) in used or entry.name == TURN_NAME:
                continue
            if entry.is_dir():
                freed += sum(one.stat().st_size for one in _files(entry))
                away = entry.with_name(f".old-{entry.name}-{os.getpid()}")
                with contextlib.suppress(OSError):
                    entry.rename(away)
                remove_tree(away)
            else:
                entry.unlink(missing_ok=True)
    return freed


def _files(folder: Path) -> Iterator[Path]:
    """The files that have no other name."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1:
            yield path


def remove_tree(folder: Path) -> None:
    """Remove a folder whose folders are read-only."""
    for place, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            os.chmod(place, 0o700)  # noqa: PTH101 - a name, not a Path
    shutil.rmtree(folder, ignore_errors=True)
