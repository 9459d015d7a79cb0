"""Where the files of a wheel go in an environment; pure, the same for a venv and for an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lockenv.errors import IntegrityError
from lockenv.formats.contents import harmful_paths
from lockenv.formats.wheel import (
    DIRECT_URL,
    PROVENANCE_URL,
    collision_key,
    commands_for,
    render_command,
    render_record,
    render_shebang,
    rewrite_shebang,
)
from lockenv.materialize.values import PlacedFile, VenvPython, WantedPackage, written_file
from lockenv.model import Overlaps
from lockenv.patterns import pattern
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lockenv.materialize.unpack import Unpacked

INSTALLER = "lockenv"
#: What an installer writes itself; a wheel that brings its own has them left out.
_INSTALLERS_OWN = ("RECORD", "INSTALLER", "REQUESTED", DIRECT_URL, PROVENANCE_URL)
#: What belongs to the environment, at its root and in its folder of scripts, by collision key.
_OWN_ROOT = frozenset({"pyvenv.cfg", ".gitignore", "lockenv-state.json", "lib64", "__pycache__"})
_OWN_SCRIPTS = frozenset(
    {"activate", "activate.fish", "activate.csh", "activate.ps1", "activate.bat", "deactivate.bat"}
)
#: What stands where the interpreter does: ``python``, ``python3.13t``, ``pythonw.exe``.
_PYTHON = pattern(r"pythonw?(?:\d+(?:\.\d+)*t?)?(?:\.exe)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The folders of an environment below its root, with ``/``; ``data`` is the root itself."""

    root: str
    site_packages: str
    scripts: str
    headers: str
    python: str
    minor: str
    system: str


def layout_of(root: str, python: VenvPython) -> Layout:
    """The layout that CPython expects of an environment with this interpreter."""
    name = f"python{python.minor}{'t' if python.freethreaded else ''}"
    if python.system == "win32":
        return Layout(
            root=root,
            site_packages="Lib/site-packages",
            scripts="Scripts",
            headers=f"include/site/{name}",
            python=f"{root}\\Scripts\\python.exe",
            minor=python.minor,
            system=python.system,
        )
    return Layout(
        root=root,
        site_packages=f"lib/{name}/site-packages",
        scripts="bin",
        headers=f"include/site/{name}",
        python=f"{root}/bin/python",
        minor=python.minor,
        system=python.system,
    )


def files_of(wanted: WantedPackage, unpacked: Unpacked, layout: Layout) -> tuple[PlacedFile, ...]:
    """Every file that installing a wheel writes, RECORD last; `IntegrityError` if one may not be.

    They are those that pip writes, without compiled bytecode.
    """
    dist_info = f"{layout.site_packages}/{unpacked.dist_info}"
    own = {f"{unpacked.dist_info}/{name}" for name in _INSTALLERS_OWN}
    shebang = render_shebang(layout.python, layout.system)
    commands = commands_for(unpacked.console, layout.minor) + unpacked.gui
    generated = {command.name for command in commands}
    prefix = f"{layout.site_packages}/"
    folder = unpacked.files_folder
    library: list[PlacedFile] = []
    files: list[PlacedFile] = []
    for path, digest, size, is_executable, _ in unpacked.files:
        if path in own:
            continue
        source = f"{folder}/{path}"
        if ".data/" not in path:  # nearly all of them
            library.append(PlacedFile(prefix + path, digest, size, is_executable, source))
            continue
        scheme, rest = unpacked.scheme_of(path)
        if scheme in {"purelib", "platlib"}:
            files.append(PlacedFile(prefix + rest, digest, size, is_executable, source))
        elif scheme != "scripts":
            base = f"{layout.headers}/{unpacked.name}/" if scheme == "headers" else ""
            target = _canonical(base + rest, layout)
            files.append(PlacedFile(target, digest, size, is_executable, source))
        elif _wrapped_name(rest) not in generated:
            # A wrapper that the builder made for a command is left out: ours takes its place.
            files += _script(f"{layout.scripts}/{rest}", source, shebang, digest, size)
    for command in commands:
        files += _command_files(command.name, render_command(command, shebang), layout)
    _check_protected(files, wanted, unpacked.dist_info, layout)
    files += library
    files.append(written_file(f"{dist_info}/INSTALLER", f"{INSTALLER}\n".encode()))
    for name, text in (
        ("REQUESTED", "" if wanted.requested else None),
        (DIRECT_URL, wanted.direct_url),
        (PROVENANCE_URL, wanted.provenance_url),
    ):
        if text is not None:
            files.append(written_file(f"{dist_info}/{name}", text.encode("utf-8")))
    unhashed = {f"{dist_info}/RECORD.jws", f"{dist_info}/RECORD.p7s"}
    files.append(_record(files, f"{dist_info}/RECORD", unhashed, layout))
    return tuple(files)


def check_clashes(
    packages: Iterable[tuple[str, Iterable[PlacedFile]]],
    layout: Layout,
    overlaps: Overlaps | None = None,
) -> None:
    """Refuse two packages that write different bytes to one path, or one a file in the other's way.

    Identical files may be shared (namespace packages have them), and what ``overlaps`` lets be:
    then the file of the package whose name is last stands.
    """
    fold: Callable[[str], str] = str if layout.system == "linux" else collision_key
    seen: dict[str, tuple[str, PlacedFile]] = {}
    apart: dict[tuple[str, str], list[tuple[PlacedFile, PlacedFile]]] = {}
    for name, files in packages:
        for file in files:
            other_name, other = seen.setdefault(fold(file.path), (name, file))
            if other.path != file.path:
                _clash(other_name, other, name, file)
            if other.digest != file.digest:
                apart.setdefault((other_name, name), []).append((other, file))
    for (one, another), pairs in apart.items():
        _check_overlap(one, another, pairs, layout, overlaps or Overlaps())
    folders: dict[str, str] = {}
    for path in seen:
        end = path.rfind("/")
        while end > 0 and (folder := path[:end]) not in folders:
            folders[folder] = path
            end = path.rfind("/", 0, end)
    for path in folders.keys() & seen.keys():
        _clash(*seen[path], *seen[folders[path]])


def _check_overlap(
    one: str,
    another: str,
    pairs: list[tuple[PlacedFile, PlacedFile]],
    layout: Layout,
    overlaps: Overlaps,
) -> None:
    """Refuse what two packages write differently, by the same rule as the lock was made."""
    by_path = {_seen_from_packages(file.path, layout): (file, its) for file, its in pairs}
    harmful = harmful_paths({path: (a.size, b.size) for path, (a, b) in by_path.items()})
    if one == another or overlaps.verdict(one, another, harmful=bool(harmful)) == "refuse":
        file, its = by_path[(harmful or tuple(sorted(by_path)))[0]]
        _clash(one, file, another, its)


def _seen_from_packages(path: str, layout: Layout) -> str:
    """A path as the lists of wheels have it: below site-packages, or with its scheme in front."""
    prefix = f"{layout.site_packages}/"
    return path.removeprefix(prefix) if path.startswith(prefix) else f"{{data}}/{path}"


def record_path(path: str, layout: Layout) -> str:
    """The path of a file as RECORD has it: relative to the folder of the ``.dist-info``."""
    prefix = f"{layout.site_packages}/"
    if path.startswith(prefix):
        return path.removeprefix(prefix)
    return "../" * prefix.count("/") + path


def _record(files: list[PlacedFile], path: str, unhashed: set[str], layout: Layout) -> PlacedFile:
    rows: list[tuple[str, str, int | None]] = [
        (record_path(file.path, layout), "" if file.path in unhashed else file.digest, file.size)
        for file in files
    ]
    rows.append((record_path(path, layout), "", None))
    return written_file(path, render_record(rows).encode("utf-8"))


def _script(
    target: str, source: str, shebang: bytes, digest: str, size: int
) -> tuple[PlacedFile, ...]:
    """A script of the wheel, always executable; read only to see whether its first line is ours."""
    with open(source, "rb") as file:  # noqa: PTH123 - paths of the store are strings for speed
        if file.read(8) != b"#!python":
            return (PlacedFile(target, digest, size, is_executable=True, source=source),)
        file.seek(0)
        content = rewrite_shebang(file.read(), shebang)
    return (written_file(target, content, is_executable=True),)


def _command_files(name: str, script: bytes, layout: Layout) -> tuple[PlacedFile, ...]:
    if layout.system != "win32":
        return (written_file(f"{layout.scripts}/{name}", script, is_executable=True),)
    # Windows runs no shebang lines: a batch file beside the script starts it.
    batch = f'@"%~dp0python.exe" "%~dp0{name}-script.py" %*\r\n'.encode()
    return (
        written_file(f"{layout.scripts}/{name}-script.py", script),
        written_file(f"{layout.scripts}/{name}.cmd", batch),
    )


def _wrapped_name(script: str) -> str:
    """The command that a script of a wheel is the wrapper of, if it is one (as pip tells them)."""
    lower = script.lower()
    for end in (".exe", "-script.py", ".pya"):
        if lower.endswith(end):
            return script[: -len(end)]
    return script


def _canonical(path: str, layout: Layout) -> str:
    """A path of the data scheme with ``lib64`` taken for the ``lib`` that it leads to."""
    if layout.system != "win32" and path.startswith("lib64/"):
        return "lib/" + path.removeprefix("lib64/")
    return path


def _check_protected(
    files: list[PlacedFile], wanted: WantedPackage, dist_info: str, layout: Layout
) -> None:
    """Refuse what would replace the interpreter, our own files or another package's metadata."""
    scripts = f"{layout.scripts.lower()}/"
    site_packages = f"{layout.site_packages}/"
    for file in files:
        if file.path.startswith(site_packages):
            top = file.path[len(site_packages) :].partition("/")[0]
            is_own = top.lower().endswith(".dist-info") and top != dist_info
        elif (key := collision_key(file.path)).startswith(scripts):
            name = key.removeprefix(scripts)
            is_own = name in _OWN_SCRIPTS or _PYTHON.fullmatch(name) is not None
        else:
            top = key.partition("/")[0]
            is_own = top in _OWN_ROOT or top.startswith(".lockenv")
        if is_own:
            raise IntegrityError(
                "protected-path",
                f"{wanted.filename} would replace {file.path}, which does not belong to it",
                why=["no package may replace the interpreter or another's metadata"],
                fix=["do not use this file; report it to the index that serves it"],
            )


def _clash(one: str, file: PlacedFile, other: str, its: PlacedFile) -> NoReturn:
    raise IntegrityError(
        "file-clash",
        f"{one} and {other} both write {file.path}, with different content",
        why=[
            f"{one}: {file.path} sha256:{file.digest}",
            f"{other}: {its.path} sha256:{its.digest}",
        ],
        fix=[f"leave one of {one} and {other} out of what is installed together"],
    )
