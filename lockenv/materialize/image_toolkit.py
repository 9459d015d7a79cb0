"""NVIDIA's redistributable archives in an image: one toolkit in ``/usr/local/cuda``.

Each archive has one top folder, which is left away; what lies beside its folders (a licence) goes
below ``share/doc``. Libraries are also linked by soname where the linker looks by itself, which is
after what a wheel names, so that a wheel keeps the libraries that were locked with it.
"""

from __future__ import annotations

import lzma
import re
from typing import TYPE_CHECKING

from lockenv.errors import IntegrityError
from lockenv.formats.tar import Entry, Reader, sort_key
from lockenv.materialize.debian_members import MemberJudge
from lockenv.materialize.image_layers import plain_plan
from lockenv.materialize.image_plan import CONSTANT_TIME
from lockenv.materialize.image_rules import NORMALISATION
from lockenv.materialize.layers_fragment import FragmentWriter
from lockenv.materialize.layers_kept import kept_fragment
from lockenv.materialize.layers_store import key_of
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.formats.oci import Compressor
    from lockenv.materialize.image_plan import ToolkitArchive
    from lockenv.materialize.layers_assemble import LayerPlan
    from lockenv.materialize.layers_fragment import Fragment
    from lockenv.materialize.layers_store import ImageStore

TOOLKIT_PREFIX = "usr/local/cuda"
_SONAME = re.compile(rf"{TOOLKIT_PREFIX}/lib(?:64)?/(lib[^/]+\.so\.\d+(?:\.\d+)?)")
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def toolkit_fragment(
    archive: ToolkitArchive, compressor: Compressor, store: ImageStore
) -> Fragment:
    """The files of one archive; IntegrityError for what no archive of NVIDIA's holds."""
    key = key_of("toolkit", NORMALISATION, archive.digest.hex, archive.name)
    kept = kept_fragment(key, compressor, store)
    if kept is not None:
        return kept
    writer = FragmentWriter(store.temporary(), compressor)
    try:
        with lzma.open(archive.path) as file:
            judge = MemberJudge(archive.filename, reserved=())
            packed = archive.path.stat().st_size
            reader = Reader(file, archive.filename, packed=packed)
            for entry in reader:
                made = _placed(entry, archive)
                if made is not None:
                    judge.admit(made)
                    writer.add(made, reader.content() if made.kind == "file" else ())
        return writer.finish(store.fragment(key, compressor), (), {})
    except (lzma.LZMAError, EOFError) as error:
        writer.discard()
        raise _refused(archive, f"it cannot be decompressed: {error}") from None
    except BaseException:
        writer.discard()
        raise


def _placed(entry: Entry, archive: ToolkitArchive) -> Entry | None:
    """A member where it lies in an image; None for folders, which layers make themselves."""
    if entry.kind == "directory":
        return None
    if entry.kind not in {"file", "symlink", "hardlink"}:
        raise _refused(archive, f"it holds a {entry.kind}: {entry.path}")
    is_link = entry.kind == "symlink"
    return replace(
        entry,
        path=_path(entry.path, archive),
        target=_path(entry.target, archive) if entry.kind == "hardlink" else entry.target,
        mode=0o777 if is_link else 0o755 if entry.mode & 0o100 else 0o644,
        uid=0,
        gid=0,
        mtime=CONSTANT_TIME,
        xattrs=(),
    )


def _path(path: str, archive: ToolkitArchive) -> str:
    _, _, inner = path.partition("/")
    if not inner:
        raise _refused(archive, f"it has more than a folder at its top: {path}")
    return f"{TOOLKIT_PREFIX}/{inner if '/' in inner else f'share/doc/{archive.name}/{inner}'}"


def toolkit_plan(fragments: Sequence[Fragment], architecture: str) -> LayerPlan:
    """The layer of a toolkit's parts, with the links by which its libraries are found."""
    plan = plain_plan("cuda", fragments)
    names = {entry.path for fragment in fragments for entry in fragment.entries}
    links = list(_links(names, architecture))
    first = {entry.path: entry for entry in (*links, *plan.first)}
    return replace(plan, first=tuple(sorted(first.values(), key=lambda one: sort_key(one.path))))


def _links(names: set[str], architecture: str) -> Iterator[Entry]:
    if not any(name.startswith(f"{TOOLKIT_PREFIX}/lib64/") for name in names):
        yield _link(f"{TOOLKIT_PREFIX}/lib64", "lib")
    found = sorted({match[1] for name in names if (match := _SONAME.fullmatch(name))})
    folder = f"usr/lib/{_TRIPLETS.get(architecture, '')}".rstrip("/")
    parents = folder.split("/")
    for count in range(1, len(parents) + 1) if found else ():
        path = "/".join(parents[:count])
        yield Entry(path=path, kind="directory", mode=0o755, mtime=CONSTANT_TIME)
    for name in found:
        yield _link(f"{folder}/{name}", f"/{TOOLKIT_PREFIX}/lib64/{name}")


def _link(path: str, target: str) -> Entry:
    return Entry(path=path, kind="symlink", mode=0o777, target=target, mtime=CONSTANT_TIME)


def _refused(archive: ToolkitArchive, why: str) -> IntegrityError:
    return IntegrityError(
        "broken-toolkit",
        f"{archive.filename} is no part of a CUDA toolkit",
        why=why,
        fix="lockenv lock --upgrade=cuda",
    )
