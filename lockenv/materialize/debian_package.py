"""From a ``.deb`` to a fragment: its files as they lie in a root, and dpkg's part for it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lockenv.errors import IntegrityError
from lockenv.formats.deb import (
    MERGED_DIRECTORIES,
    info_name,
    merged_path,
    open_data,
    parse_conffiles,
    read_package,
)
from lockenv.formats.tar import Entry, Reader
from lockenv.materialize.debian_members import MemberJudge
from lockenv.materialize.image_plan import CONSTANT_TIME
from lockenv.materialize.image_rules import NORMALISATION, timed
from lockenv.materialize.layers_fragment import FragmentWriter
from lockenv.materialize.layers_kept import kept_fragment
from lockenv.materialize.layers_store import key_of
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.formats.deb import Package
    from lockenv.formats.oci import Compressor
    from lockenv.materialize.image_plan import Deb
    from lockenv.materialize.layers_fragment import Fragment
    from lockenv.materialize.layers_store import ImageStore

INFO = "var/lib/dpkg/info"
#: deb(5): the members that are programs; dpkg runs them, so they keep a mode of their own.
SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")


def convert_package(deb: Deb, epoch: int, compressor: Compressor, store: ImageStore) -> Fragment:
    """The package's fragment: from the store, or made now from the file.

    Times are clamped to the epoch, but nearly no package has a file younger than the archive's
    own date; so the fragment is kept without the epoch unless it did matter.
    """
    key = ("deb", NORMALISATION, deb.digest.hex)
    anywhere, clamped = key_of(*key), key_of(*key, epoch)
    kept = kept_fragment(anywhere, compressor, store)
    if kept is not None and int(kept.facts["newest"]) <= epoch:
        return kept
    kept = kept_fragment(clamped, compressor, store)
    if kept is not None:
        return kept
    with deb.path.open("rb") as file:
        package = read_package(file, deb.label)
        _check_identity(deb, package.fields)
        writer = FragmentWriter(store.temporary(), compressor)
        try:
            members = _Members(deb, package, epoch)
            packed = deb.path.stat().st_size
            reader = Reader(open_data(file, deb.label), deb.label, packed=packed)
            members.write(reader, writer)
            data = store.fragment(anywhere if members.newest <= epoch else clamped, compressor)
            return writer.finish(data, members.directories.values(), members.facts())
        except BaseException:
            writer.discard()
            raise


def _check_identity(deb: Deb, fields: Mapping[str, str]) -> None:
    real = (fields["Package"], fields["Version"], fields["Architecture"])
    if real != (deb.name, deb.version, deb.architecture):
        raise IntegrityError(
            "wrong-package",
            f"{deb.path.name} is not the package that was locked",
            why=(f"locked   {deb.label}", f"the file {' '.join(real)}"),
            fix="lockenv lock",
        )


class _Members:
    """What is learned while one package's members pass by."""

    def __init__(self, deb: Deb, package: Package, epoch: int) -> None:
        self._package = package
        self._judge = MemberJudge(deb.label)
        self._epoch = epoch
        self.newest = 0
        self.directories: dict[str, Entry] = {}
        self._list: list[str] = []
        self._sums: list[str] = []
        self._conffiles = parse_conffiles(package.files.get("conffiles", b""), deb.label)

    def write(self, reader: Reader, writer: FragmentWriter) -> None:
        """Every member but directories in the package's own order, then dpkg's part for it."""
        needs_sums = "md5sums" not in self._package.files
        conffiles = {conffile.path for conffile in self._conffiles}
        for entry in reader:
            self._judge.admit(replace(entry, path=merged_path(entry.path)))
            self._list.append("/." if entry.path == "." else f"/{entry.path}")
            moved = self._placed(entry)
            if moved is None:
                continue
            content = reader.content()
            if needs_sums and entry.kind == "file" and entry.path not in conffiles:
                content = self._summed(entry.path, content)
            writer.add(moved, content)
        for name, text in self._information():
            mode = 0o755 if name in SCRIPTS else 0o644
            path = f"{INFO}/{info_name(self._package.fields)}.{name}"
            size = len(text)
            writer.add(Entry(path=path, mode=mode, size=size, mtime=CONSTANT_TIME), [text])

    def _placed(self, entry: Entry) -> Entry | None:
        """The member where /bin and its kin are links into /usr; None for directories."""
        if entry.kind == "directory":
            if entry.path != "." and entry.path not in MERGED_DIRECTORIES:
                moved = replace(entry, path=merged_path(entry.path))
                self.directories.setdefault(moved.path, timed(moved, self._epoch))
            elif entry.path in MERGED_DIRECTORIES:
                moved = replace(entry, path=f"usr/{entry.path}")
                self.directories.setdefault(moved.path, timed(moved, self._epoch))
            return None
        self.newest = max(self.newest, entry.mtime)
        target = merged_path(entry.target) if entry.kind == "hardlink" else entry.target
        mode = 0o777 if entry.kind == "symlink" else entry.mode
        moved = replace(entry, path=merged_path(entry.path), target=target, mode=mode)
        return timed(moved, self._epoch)

    def _summed(self, path: str, content: Iterator[bytes]) -> Iterator[bytes]:
        # dpkg writes the sums of a package that brings none; `dpkg --verify` compares them.
        hasher = hashlib.md5(usedforsecurity=False)
        for piece in content:
            hasher.update(piece)
            yield piece
        self._sums.append(f"{hasher.hexdigest()}  {path}\n")

    def _information(self) -> Iterator[tuple[str, bytes]]:
        files = {name: text for name, text in self._package.files.items() if name != "control"}
        listed = "".join(f"{path}\n" for path in self._list)
        files["list"] = listed.encode("utf-8", "surrogateescape")
        if "md5sums" not in files and self._sums:
            files["md5sums"] = "".join(self._sums).encode("utf-8", "surrogateescape")
        yield from sorted(files.items())

    def facts(self) -> dict[str, str]:
        """What the root's builder needs to know without opening the package again."""
        files = self._package.files
        preinst = files.get("preinst", b"")
        return {
            "newest": str(self.newest),
            "control": files["control"].decode("utf-8", "surrogateescape"),
            "conffiles": json.dumps(
                [[conffile.path, conffile.removed_on_upgrade] for conffile in self._conffiles]
            ),
            "triggers": files.get("triggers", b"").decode("utf-8", "replace"),
            "scripts": " ".join(name for name in SCRIPTS if name in files),
            # Moves a file of another package away, so must have run before this one is unpacked.
            "diverts": "yes" if b"dpkg-divert" in preinst and b"--rename" in preinst else "",
        }
