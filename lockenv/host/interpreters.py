"""The Python interpreters of this machine: where they are looked for, and what they say they are.

An interpreter is asked once and remembered by path, time and size; whoever calls brings the memory.
Nothing is ever taken for another version than it is.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lockenv.errors import HostError, InputError
from lockenv.fields import Fields
from lockenv.patterns import pattern
from lockenv.values import asdict, dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What an interpreter is asked; written so that every Python since 3.4 understands it.
_QUESTION = """\
import json, os, platform, sys, sysconfig
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3] + (
        "" if sys.version_info[3] == "final"
        else {"alpha": "a", "beta": "b"}.get(sys.version_info[3], "rc") + str(sys.version_info[4])),
    "implementation": sys.implementation.name,
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "prefix": os.path.realpath(sys.base_prefix),
    "system": sys.platform,
    "machine": platform.machine(),
    "freethreaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
}))
"""
#: Seconds; an interpreter answers within a tenth of one, on a busy machine within a few.
_PATIENCE = 20
_VERSION = pattern(r"(?P<minor>\d+\.\d+)\.\d+(?:(?:a|b|rc)\d+)?")


class Memory(Protocol):
    """Keeps what an interpreter said, under a key that changes when the interpreter does."""

    def recall(self, kind: str, key: str) -> bytes | None:
        """What was kept under a key, or None."""

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """Keep this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python of this machine.

    ``executable`` is the real one below any virtual environment; ``system`` and ``machine`` are
    what ``sys.platform`` and ``platform.machine()`` say in it.
    """

    executable: str
    version: str
    implementation: str
    prefix: str
    system: str
    machine: str
    freethreaded: bool = False

    @property
    def minor(self) -> str:
        """``3.13``."""
        return minor_of(self.version)

    def __str__(self) -> str:
        kind = "" if self.implementation == "cpython" else f" ({self.implementation})"
        return f"{self.version}{'t' if self.freethreaded else ''}{kind} at {self.executable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where interpreters may be: facts of a machine and a user, gathered by `places_here`.

    ``path`` are the folders of PATH; ``homes`` hold one installation a folder, with the version in
    its name (pyenv's and uv's); ``folders`` are searched like those of PATH, after them.
    """

    path: tuple[Path, ...] = ()
    homes: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    system: str = "linux"


def minor_of(version: str) -> str:
    """``3.13`` of ``3.13.0``; ValueError if that is not a version."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"not a full CPython version: {version[:40]!r}")
    return match["minor"]


def places_here(environ: Mapping[str, str], home: Path, system: str) -> Places:
    """The places of a user on a machine; ``system`` is ``sys.platform``'s word."""
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    shims = pyenv / "shims"
    path = [Path(entry) for entry in environ.get("PATH", "").split(os.pathsep) if entry]
    homes = [Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")]
    homes.append(pyenv / "versions")
    folders = [Path("/usr/local/bin"), Path("/usr/bin")]
    if system == "darwin":
        frameworks = Path("/Library/Frameworks/Python.framework/Versions")
        homes += [frameworks]
        folders += [Path("/opt/homebrew/bin")]
    elif system == "win32":
        local = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
        roaming = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
        homes = [Path(environ.get("UV_PYTHON_INSTALL_DIR") or roaming / "uv" / "python")]
        homes += [local / "Programs" / "Python", Path(environ.get("ProgramFiles") or "C:\\")]
        homes += [pyenv / "pyenv-win" / "versions"]
        folders = []
    else:
        homes += [Path("/opt"), Path("/opt/python")]
    return Places(
        # pyenv's shims only lead to what is found among its versions, and slowly.
        path=tuple(entry for entry in path if entry != shims and entry.is_absolute()),
        homes=tuple(homes),
        folders=tuple(folders),
        system=system,
    )


def find_interpreter(
    version: str, places: Places, *, freethreaded: bool = False, memory: Memory | None = None
) -> Interpreter:
    """A CPython of exactly this version; `HostError` with what was found if there is none."""
    others: list[str] = []
    for found in _interpreters(minor_of(version), places, memory, freethreaded=freethreaded):
        is_kind = found.implementation == "cpython" and found.freethreaded == freethreaded
        if found.version == version and is_kind:
            return found
        if str(found) not in others:
            others.append(str(found))
    wanted = f"{version}{'t' if freethreaded else ''}"
    raise HostError(
        "no-interpreter",
        f"Python {wanted} is locked, and this machine has none of exactly that version",
        why=[f"found {other}" for other in sorted(others)] or ["no other of its X.Y was found"],
        fix=[
            f"install it, for example by pyenv install {wanted}",
            f"or lockenv sync --python PATH, with another build of {minor_of(version)}",
        ],
    )


def find_minor(
    minor: str, places: Places, *, freethreaded: bool = False, memory: Memory | None = None
) -> Interpreter:
    """The first CPython of an ``X.Y``, for locks that pin no more; `HostError` if none is here."""
    for found in _interpreters(minor, places, memory, freethreaded=freethreaded):
        is_kind = found.implementation == "cpython" and found.freethreaded == freethreaded
        if found.minor == minor and is_kind:
            return found
    wanted = f"{minor}{'t' if freethreaded else ''}"
    raise HostError(
        "no-interpreter",
        f"Python {wanted} is locked from the host, and this machine has none",
        fix=[f"install it, or name one by lockenv sync --python PATH, or use {minor} standalone"],
    )


def check_interpreter(
    path: Path, version: str, *, freethreaded: bool = False, memory: Memory | None = None
) -> Interpreter:
    """The interpreter that the user named in place of the locked one.

    It must be a CPython of the same ``X.Y`` and kind; whether it is the very version is for the
    caller to record. `InputError` if it is another, `HostError` if it does not run.
    """
    found = inspect_interpreter(path, memory)
    same = found.minor == minor_of(version) and found.freethreaded == freethreaded
    if found.implementation != "cpython" or not same:
        wanted = f"{minor_of(version)}{' free-threaded' if freethreaded else ''}"
        raise InputError(
            "other-python",
            f"{path} is Python {found.version}, and the lock holds for CPython {wanted}",
            why=[f"named: {found}", f"locked: {version}{'t' if freethreaded else ''}"],
            fix=[f"name an interpreter of {wanted}, or lock for {found.minor}"],
        )
    return found


def inspect_interpreter(path: Path, memory: Memory | None = None) -> Interpreter:
    """What an executable says it is; `HostError` if it does not run or is no Python."""
    try:
        real = path.resolve(strict=True)
        found = real.stat()
    except OSError as error:
        raise _not_python(path, error.strerror or str(error)) from error
    key = f"{path}\n{real}\n{found.st_mtime_ns}\n{found.st_size}"
    remembered = memory.recall("interpreter", key) if memory is not None else None
    interpreter = _parse(remembered) if remembered is not None else None
    if interpreter is None or not Path(interpreter.executable).exists():
        interpreter = _ask(path)
        if memory is not None:
            memory.remember("interpreter", key, json.dumps(asdict(interpreter)).encode("utf-8"))
    return interpreter


def _ask(path: Path) -> Interpreter:
    try:
        answer = subprocess.run(
            [str(path), "-I", "-S", "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_python(path, str(error)) from error
    interpreter = _parse(answer.stdout) if answer.returncode == 0 else None
    if interpreter is None:
        said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        raise _not_python(path, said[-1] if said else f"it ended with {answer.returncode}")
    return interpreter


def _parse(answer: bytes) -> Interpreter | None:
    try:
        document = json.loads(answer)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    fields = Fields(document)
    interpreter = Interpreter(
        executable=fields.required_text("executable"),
        version=fields.required_text("version"),
        implementation=fields.required_text("implementation"),
        prefix=fields.required_text("prefix"),
        system=fields.required_text("system"),
        machine=fields.required_text("machine"),
        freethreaded=fields.flag("freethreaded") or False,
    )
    return None if fields.faults or not _VERSION.fullmatch(interpreter.version) else interpreter


def _not_python(path: Path, reason: str) -> HostError:
    return HostError(
        "not-an-interpreter",
        f"{path} is not a Python that runs here",
        why=[reason],
        fix=["name the executable of a CPython"],
    )


def _interpreters(
    minor: str, places: Places, memory: Memory | None, *, freethreaded: bool
) -> Iterator[Interpreter]:
    """Every interpreter that may be of an ``X.Y``, each once; those that do not run left out."""
    asked: set[Path] = set()
    for path in _candidates(minor, places, freethreaded=freethreaded):
        try:
            real = path.resolve(strict=True)
            if real in asked or not real.is_file() or not os.access(real, os.X_OK):
                continue
            asked.add(real)
            yield inspect_interpreter(path, memory)
        except (OSError, HostError):
            continue


def _candidates(minor: str, places: Places, *, freethreaded: bool) -> Iterator[Path]:
    exe = ".exe" if places.system == "win32" else ""
    suffix = "t" if freethreaded else ""
    names = (f"python{minor}{suffix}{exe}", f"python3{exe}", f"python{exe}")
    for home in places.homes:
        for installation in _installations(home, minor):
            folder = installation if places.system == "win32" else installation / "bin"
            # Whatever it is called there: one installation is one interpreter.
            yield from (folder / name for name in names)
    for folder in (*places.path, *places.folders):
        yield from (folder / name for name in names)


def _installations(home: Path, minor: str) -> list[Path]:
    """The folders of a home whose names may mean this ``X.Y``, newest name first."""
    number = re.compile(
        rf"(?<![\d.]){re.escape(minor)}(?!\d)|(?<!\d){minor.replace('.', '')}(?!\d)"
    )
    try:
        folders = [folder for folder in home.iterdir() if number.search(folder.name)]
    except OSError:
        return []
    return sorted(folders, key=lambda folder: folder.name, reverse=True)
