"""The Python part of an image as fragments: interpreter, environment, one fragment a wheel."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.formats.tar import Entry, sort_key
from lockenv.materialize.image_compile import compile_here, compile_sources
from lockenv.materialize.image_plan import (
    CONSTANT_TIME,
    PROJECTION_PATH,
    PYTHON_PREFIX,
    VENV_PREFIX,
    ImagePlan,
    ImagePython,
    ImageWheel,
)
from lockenv.materialize.image_rules import NORMALISATION
from lockenv.materialize.interpreter import materialize_interpreter
from lockenv.materialize.layers_fragment import FragmentWriter
from lockenv.materialize.layers_kept import kept_fragment
from lockenv.materialize.layers_store import key_of
from lockenv.materialize.layout import files_of, layout_of
from lockenv.materialize.skeleton import skeleton_of
from lockenv.materialize.unpack import UnpackedStore, WheelFile
from lockenv.materialize.values import PlacedFile, written_file
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockenv.formats.oci import Compressor
    from lockenv.materialize.layers_fragment import Fragment
    from lockenv.materialize.layers_store import ImageStore
    from lockenv.materialize.root_port import Confinement

_READ = 1 << 20
#: PEP 3147: where byte code lies, and the tag in its name.
_CACHE = "__pycache__"


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonMaker:
    """Makes fragments of Python files for one image.

    ``root`` is called only where byte code must be made; it answers with a root that the
    interpreter runs in. ``identity`` is what that root's interpreter depends on. ``compiler`` is
    one of this machine, of the same version, where the image's own cannot run here.
    """

    python: ImagePython
    confinement: Confinement
    identity: str
    root: Callable[[], Path]
    compressor: Compressor
    store: ImageStore
    unpacked: UnpackedStore
    interpreters: Path
    compiler: str | None = None

    @property
    def _tag(self) -> str:
        minor = self.python.venv_python.minor.replace(".", "")
        return f"cpython-{minor}{'t' if self.python.freethreaded else ''}"

    def wheel(self, wheel: ImageWheel) -> Fragment:
        """The files of one wheel in the environment, with byte code."""
        package = wheel.package
        key = self._key("wheel", package.digest.hex, package.origin_key)
        kept = kept_fragment(key, self.compressor, self.store)
        if kept is not None:
            return kept
        unpacked = self.unpacked.load(package.digest)
        if unpacked is None:
            file = WheelFile(wheel.path, package.filename, package.digest)
            unpacked = self.unpacked.unpack([file])[package.digest]
        layout = layout_of(f"/{VENV_PREFIX}", self.python.venv_python)
        files = [
            file._replace(path=f"{VENV_PREFIX}/{file.path}")
            for file in files_of(package, unpacked, layout)
        ]
        prefix = f"{VENV_PREFIX}/{layout.site_packages}/"
        return self._compiled(key, files, prefix)

    def environment(self) -> Fragment:
        """The environment's own files: its configuration and links."""
        key = self._key("environment")
        kept = kept_fragment(key, self.compressor, self.store)
        if kept is not None:
            return kept
        python = self.python.venv_python
        skeleton = skeleton_of(layout_of(f"/{VENV_PREFIX}", python), python, "")
        entries: list[tuple[Entry, PlacedFile | None]] = [
            (_file_entry(f"{VENV_PREFIX}/{file.path}", file), file) for file in skeleton.files
        ]
        entries += [
            (_link_entry(f"{VENV_PREFIX}/{path}", target), None) for path, target in skeleton.links
        ]
        return self._write(key, entries)

    def project(self, plan: ImagePlan) -> Fragment:
        """The project's files in ``/app``, and the lock's projection."""
        files = [
            _placed(f"app/{file.path}", file.source)._replace(is_executable=file.executable)
            for file in plan.project_files
            if not file.target
        ]
        links = [(f"app/{file.path}", file.target) for file in plan.project_files if file.target]
        if plan.projection:
            files.append(written_file(PROJECTION_PATH, plan.projection.encode()))
        files += [written_file(path, text.encode()) for path, text in plan.texts]
        contents = [(file.path, file.is_executable, _digest(file)) for file in files]
        key = key_of("project", NORMALISATION, contents, links)
        kept = kept_fragment(key, self.compressor, self.store)
        if kept is not None:
            return kept
        entries: list[tuple[Entry, PlacedFile | None]] = [
            (_file_entry(file.path, file), file) for file in files
        ]
        entries += [(_link_entry(path, target), None) for path, target in links]
        return self._write(key, entries)

    def interpreter(self) -> Fragment | None:
        """The standalone interpreter with its own byte code; None where it is Debian's."""
        if self.python.archive is None:
            return None
        key = self._key("interpreter")
        kept = kept_fragment(key, self.compressor, self.store)
        if kept is not None:
            return kept
        folder = self.interpreter_folder()
        files, links = [], []
        for path, place in _walk(folder):
            if place.is_symlink():
                entry = _link_entry(f"{PYTHON_PREFIX}/{path}", os.fspath(place.readlink()))
                links.append((entry, None))
            else:
                files.append(_placed(f"{PYTHON_PREFIX}/{path}", place))
        return self._compiled(key, files, f"{PYTHON_PREFIX}/lib/", links)

    def interpreter_folder(self) -> Path:
        """The standalone interpreter as it lies unpacked on this machine."""
        if self.python.archive is None:
            raise ValueError("Debian's interpreter lies in no folder of ours")
        executable = materialize_interpreter(self.python.archive, self.interpreters)
        return executable.parent.parent

    def _key(self, kind: str, *parts: str) -> str:
        python = self.python.venv_python
        return key_of(
            kind,
            NORMALISATION,
            [python.executable, python.version, python.freethreaded, self.identity],
            *parts,
        )

    def _compiled(
        self,
        key: str,
        files: list[PlacedFile],
        prefix: str,
        links: Iterable[tuple[Entry, PlacedFile | None]] = (),
    ) -> Fragment:
        """Write files with the byte code of the modules below ``prefix``."""
        sources = sorted(
            (file for file in files if file.path.startswith(prefix) and file.path.endswith(".py")),
            key=lambda file: sort_key(file.path),
        )
        with self.store.work() as folder:
            code = self._byte_code(sources, folder) if sources else []
            ours = {entry.path for entry, _ in code}
            # A wheel that ships byte code of its own has it replaced, as pip does.
            entries = [(_file_entry(file.path, file), file) for file in files]
            kept = [pair for pair in entries if pair[0].path not in ours]
            return self._write(key, [*kept, *code, *links])

    def _byte_code(self, sources: list[PlacedFile], folder: Path) -> list[tuple[Entry, PlacedFile]]:
        written = folder / "written"
        written.mkdir()
        jobs = []
        for number, file in enumerate(sources):
            place = Path(file.source) if file.source is not None else written / str(number)
            if file.source is None:
                place.write_bytes(file.content or b"")
            jobs.append((place, f"/{file.path}"))
        output = folder / "output"
        output.mkdir()
        made = self._compile(jobs, output)
        entries = []
        for file, target in zip(sources, made, strict=True):
            if target is not None:
                parent, _, name = file.path.rpartition("/")
                path = f"{parent}/{_CACHE}/{name.removesuffix('.py')}.{self._tag}.pyc"
                placed = _placed(path, target)
                entries.append((_file_entry(path, placed), placed))
        return entries

    def _compile(self, jobs: list[tuple[Path, str]], folder: Path) -> list[Path | None]:
        """The byte code of each (file, path in the image), in an empty folder."""
        if self.compiler is not None:
            return compile_here(self.compiler, jobs, folder)
        binds = []
        if self.python.archive is not None:
            binds.append((str(self.interpreter_folder()), f"/{PYTHON_PREFIX}"))
        executable = self.python.venv_python.executable
        return compile_sources(self.confinement, self.root(), executable, jobs, (folder, binds))

    def _write(self, key: str, entries: Iterable[tuple[Entry, PlacedFile | None]]) -> Fragment:
        writer = FragmentWriter(self.store.temporary(), self.compressor)
        try:
            for entry, file in sorted(entries, key=lambda pair: sort_key(pair[0].path)):
                writer.add(entry, _content(file) if file else ())
            return writer.finish(self.store.fragment(key, self.compressor), (), {})
        except BaseException:
            writer.discard()
            raise


def _file_entry(path: str, file: PlacedFile) -> Entry:
    mode = 0o755 if file.is_executable else 0o644
    return Entry(path=path, mode=mode, size=file.size, mtime=CONSTANT_TIME)


def _link_entry(path: str, target: str) -> Entry:
    return Entry(path=path, kind="symlink", mode=0o777, target=target, mtime=CONSTANT_TIME)


def _digest(file: PlacedFile) -> str:
    hasher = hashlib.sha256()
    for piece in _content(file):
        hasher.update(piece)
    return hasher.hexdigest()


def _content(file: PlacedFile) -> Iterator[bytes]:
    if file.content is not None:
        yield file.content
    elif file.source is not None:
        with Path(file.source).open("rb", buffering=0) as opened:
            while piece := opened.read(_READ):
                yield piece


def _placed(path: str, place: Path) -> PlacedFile:
    status = place.stat()
    # Its digest is learned when the fragment is written; nothing here looks at it before.
    return PlacedFile(path, "", status.st_size, bool(status.st_mode & 0o100), str(place))


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file and link below, without byte code that a run of the interpreter left."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != _CACHE)
        base = Path(parent)
        for name in sorted([*names, *(name for name in folders if (base / name).is_symlink())]):
            place = base / name
            yield place.relative_to(folder).as_posix(), place
