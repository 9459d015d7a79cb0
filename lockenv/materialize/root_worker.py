"""The process that builds a root: it is root there, by right or in a user namespace.

It unpacks, configures, compares what lies there with the layers below, and writes the difference
as a fragment. Started by `root_build`, which is the same for every mode.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError, LockenvError
from lockenv.formats.oci import open_compressor
from lockenv.materialize.debian_database import (
    DpkgPackage,
    render_activations,
    render_status,
    render_triggers,
)
from lockenv.materialize.image_plan import CONSTANT_TIME, PYTHON_PREFIX, VENV_PREFIX
from lockenv.materialize.layers_fragment import Fragment, FragmentWriter, read_fragment
from lockenv.materialize.root_apply import lay_layers
from lockenv.materialize.root_configure import Configurer
from lockenv.materialize.root_divert import (
    Diversion,
    move_waiting,
    moves_for,
    override,
    read_diversions,
)
from lockenv.materialize.root_native import configure_natively, skipped_scripts
from lockenv.materialize.root_order import RootAnswer, parse_order, render_answer
from lockenv.materialize.root_scan import Scanner, difference, whiteouts
from lockenv.materialize.root_shut import refused, shut_into
from lockenv.materialize.root_stages import essential_closure, stages_of
from lockenv.materialize.root_unpack import Parcel, unpack
from lockenv.materialize.root_user import add_user
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockenv.formats.tar import Entry
    from lockenv.materialize.root_order import RootOrder
    from lockenv.materialize.root_port import Confinement
    from lockenv.materialize.root_scan import Scan

#: Where a child that is shut into the root sees it.
_ROOT = Path("/")
_DATABASE = "var/lib/dpkg"
MOUNT_POINTS = (PYTHON_PREFIX, VENV_PREFIX, "app", "dev", "proc", "sys", "tmp")
_READ = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Package:
    unpacked: DpkgPackage
    fragment: Fragment
    left_out: frozenset[str]


@dataclass(kw_only=True)
class _Builder:
    order: RootOrder
    confinement: Confinement
    packages: list[_Package]
    stamps: dict[str, tuple[int, int]] = field(default_factory=dict)
    # File systems stamp with a clock that lags by some milliseconds.
    began: int = field(default_factory=lambda: int(time.time() - 0.1))

    def build(self) -> RootAnswer:
        order = self.order
        root = Path(order.root)
        root.mkdir(parents=True)
        root.chmod(0o755)
        if order.base_layers:
            owners = lay_layers(order.root, order.base_layers, own=self._owns)
            self._record(owners)
        shut_into(order.root, self._link)
        skipped: tuple[str, ...] = ()
        if order.scripts == "run":
            self._configure()
        else:
            skipped = self._leave_out_scripts()
        self._add_own()
        clock = (order.epoch, self.began)
        scan = Scanner(order.root, clock, self._baseline(), self.stamps, self._owner_of).scan()
        self._write(scan)
        # After the scan: programs that run here find the Python part mounted on these.
        shut_into(order.root, _make_mount_points)
        return RootAnswer(dropped=tuple(sorted(scan.dropped)), skipped=skipped)

    def _link(self) -> None:
        for path, target in self.order.links:
            place = _ROOT / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)
            os.utime(place, (CONSTANT_TIME, CONSTANT_TIME), follow_symlinks=False)

    def _owner_of(self, status: os.stat_result) -> tuple[int, int]:
        if self.confinement.owners is not None:
            return self.confinement.owners.owner(status)
        return status.st_uid, status.st_gid

    @property
    def _owns(self) -> bool:
        return self.confinement.owners is None

    def _record(self, owners: Iterable[tuple[str, int, int]]) -> None:
        if self.confinement.owners is not None:
            self.confinement.owners.set_owners(
                (f"{self.order.root}/{path}", uid, gid) for path, uid, gid in owners
            )

    def _configure(self) -> None:
        configurer = Configurer(
            root=self.order.root,
            epoch=self.order.epoch,
            confinement=self.confinement,
        )
        # A base image has its own essential packages, configured long since.
        base_names = (
            set()
            if self.order.base_layers
            else essential_closure([package.unpacked for package in self.packages])
        )
        base = [package for package in self.packages if package.unpacked.name in base_names]
        configurer.upgrade(self.order.upgrades)
        if base:
            self._unpack(base)
            configurer.prepare()
            self._write_database(base, base)
            configurer.preinst([package.unpacked for package in base])
            self._override()
            configurer.configure(*(package.unpacked.qualified for package in base))
        done = base
        for names in stages_of([one.unpacked for one in self.packages], base_names):
            stage = [one for one in self.packages if one.unpacked.qualified in names]
            self._unpack_stage(configurer, stage, done)
            done = [*done, *stage]
            is_last = len(done) == len(self.packages)
            configurer.configure(*(() if is_last else sorted(names)))
        if len(done) == len(base) and self.order.upgrades:
            configurer.configure()
        configurer.tidy()

    def _unpack_stage(
        self, configurer: Configurer, stage: Sequence[_Package], done: Sequence[_Package]
    ) -> None:
        """Unpack what is configured next, over what is configured already, as dpkg would."""
        late = [package for package in stage if package.unpacked.facts["diverts"]]
        self._unpack([package for package in stage if package not in late])
        self._unpack(late, part="info")
        configurer.prepare()
        self._write_database(stage, [*done, *stage])
        configurer.preinst([package.unpacked for package in stage])
        self._unpack(late, part="files")
        shut_into(self.order.root, self._move_waiting)
        self._override()
        self._activate(done, stage)

    def _move_waiting(self) -> None:
        known = [package.unpacked for package in self.packages]
        move_waiting(_ROOT, known, read_diversions(_ROOT))

    def _leave_out_scripts(self) -> tuple[str, ...]:
        self._unpack(self.packages, whole=True)
        unpacked = [package.unpacked for package in self.packages]
        self._write_database(self.packages, self.packages, state="installed")

        def configure() -> list[tuple[str, int, int]]:
            owners = configure_natively(_ROOT, unpacked, self.order.epoch)
            if self._owns:
                for path, uid, gid in owners:
                    os.chown(path, uid, gid)
            return owners

        self._record(shut_into(self.order.root, configure))
        return tuple(shut_into(self.order.root, lambda: skipped_scripts(_ROOT, unpacked)))

    def _unpack(
        self, packages: Sequence[_Package], part: str = "all", *, whole: bool = False
    ) -> None:
        if not packages:
            return
        rows = shut_into(
            self.order.root,
            lambda: [(one.path, one.place, one.owner) for one in read_diversions(_ROOT)],
        )
        diversions = [Diversion(*row) for row in rows]
        parcels = [
            Parcel(
                fragment=package.fragment,
                # Without scripts nobody would move a configuration file into its place.
                conffiles=frozenset(
                    () if whole else (path for path, _ in package.unpacked.conffiles)
                ),
                left_out=package.left_out,
                moved=moves_for(package.unpacked, diversions),
                part=part,
            )
            for package in packages
        ]
        names = {entry.path for package in packages for entry in package.fragment.directories}
        names.update(target for _, target in self.order.links)
        traces = unpack(
            self.order.root,
            [entry for entry in self.order.directories if entry.path in names],
            parcels,
            self.order.compression,
            own=self._owns,
        )
        for path, stamp in traces.stamps.items():
            self.stamps[path.removesuffix(".dpkg-new")] = stamp
        self._record(traces.owners)

    def _override(self) -> None:
        """Give files the owners and modes that packages told dpkg before it unpacked them."""
        self._record(shut_into(self.order.root, lambda: override(_ROOT, own=self._owns)))

    def _write_database(
        self, fresh: Sequence[_Package], known: Sequence[_Package], state: str = "unpacked"
    ) -> None:
        """What dpkg would know had it unpacked ``fresh``, after what it knows by now."""
        order = self.order

        def write() -> None:
            folder = _ROOT / _DATABASE
            for name in ("info", "triggers", "updates", "alternatives", "parts"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / "info/format").write_text("1\n")
            for name in ("available", "diversions", "statoverride"):
                (folder / name).touch()
            if order.foreign:
                lines = (order.architecture, *order.foreign)
                (folder / "arch").write_text("".join(f"{line}\n" for line in lines))
            with (folder / "status").open("a", encoding="utf-8", errors="surrogateescape") as file:
                sums = _sums(fresh) if state == "installed" else {}
                file.write(render_status((package.unpacked for package in fresh), state, sums))
            for name, text in render_triggers(package.unpacked for package in known).items():
                _add_lines(folder / "triggers" / name, text)

        shut_into(order.root, write)

    def _activate(self, configured: Sequence[_Package], fresh: Sequence[_Package]) -> None:
        paths = (entry.path for package in fresh for entry in package.fragment.entries)
        text = render_activations((package.unpacked for package in configured), paths)
        if text:
            place = _ROOT / _DATABASE / "triggers/Unincorp"
            shut_into(self.order.root, lambda: _append(place, text))

    def _add_own(self) -> None:
        """The user, and the few files that no package brings."""
        order = self.order

        def add() -> list[tuple[str, int, int]]:
            for path, text in order.files:
                place = _ROOT / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
                place.chmod(0o644)
            if order.user is None:
                return []
            name, uid = order.user
            owned = add_user(_ROOT, name, uid, order.epoch)
            if self._owns:
                for path in owned:
                    os.chown(path, uid, uid)
            return [(path.lstrip("/"), uid, uid) for path in owned]

        self._record(shut_into(order.root, add))

    def _baseline(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self.order.baseline}

    def _write(self, scan: Scan) -> None:
        found = difference(self._baseline(), scan.entries)
        compressor = open_compressor(self.order.compression)
        writer = FragmentWriter(Path(self.order.temporary), compressor)
        try:
            for mark in whiteouts(found.removed):
                writer.add_mark(mark)
            for entry in found.members:
                writer.add(entry, self._content(entry, scan))
            writer.finish(Path(self.order.fragment), (), {})
        except BaseException:
            writer.discard()
            raise

    def _content(self, entry: Entry, scan: Scan) -> Iterator[bytes]:
        if entry.path in scan.content:
            yield scan.content[entry.path]
        elif entry.kind == "file":
            with Path(self.order.root, entry.path).open("rb", buffering=0) as file:
                while piece := file.read(_READ):
                    yield piece


def _make_mount_points() -> None:
    for path in MOUNT_POINTS:
        (_ROOT / path).mkdir(parents=True, exist_ok=True)


def _sums(packages: Iterable[_Package]) -> dict[str, str]:
    """The sums by which dpkg tells later whether somebody changed a configuration file."""
    paths = (path for package in packages for path, _ in package.unpacked.conffiles)
    files = ((path, _ROOT / path) for path in paths)
    return {
        # MD5 is what dpkg keeps.
        path: hashlib.md5(file.read_bytes()).hexdigest()  # noqa: S324
        for path, file in files
        if file.is_file() and not file.is_symlink()
    }


def _append(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)


def _add_lines(file: Path, text: str) -> None:
    """Add lines that a file lacks; a base image has some."""
    known = file.read_text().splitlines(keepends=True) if file.exists() else []
    fresh = [line for line in text.splitlines(keepends=True) if line not in known]
    file.write_text("".join([*known, *fresh]))


def _load(order: RootOrder) -> list[_Package]:
    packages = []
    for data, left_out in order.packages:
        fragment = read_fragment(Path(data))
        if fragment is None:
            raise HostError(
                "store-changed",
                "a part of the store vanished while the image was built",
                why=(data,),
                fix="run the command again",
            )
        packages.append(
            _Package(
                unpacked=DpkgPackage(facts=fragment.facts),
                fragment=fragment,
                left_out=frozenset(left_out),
            )
        )
    return packages


def build(confinement: Confinement, source: str, target: str) -> None:
    """Carry out the order in the file ``source``; the answer goes to the file ``target``."""
    # Files of the root must have the modes that packages ask, whatever the user's own mask.
    os.umask(0o022)
    order = parse_order(Path(source).read_bytes())
    answer: RootAnswer | LockenvError
    try:
        packages = _load(order)
        answer = _Builder(order=order, confinement=confinement, packages=packages).build()
    except LockenvError as error:
        answer = error
    except OSError as error:
        answer = refused(f"{error.strerror}: {error.filename or order.root}")
    if isinstance(answer, LockenvError):
        # Makes room for the answer, where it was the disk that was full.
        shutil.rmtree(order.root, ignore_errors=True)
    Path(target).write_bytes(render_answer(answer))


def remove(_confinement: Confinement, folder: str) -> None:
    """Remove a folder that others may own files in."""
    shutil.rmtree(folder)
