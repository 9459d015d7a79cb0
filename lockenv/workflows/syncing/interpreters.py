"""Which interpreter an environment stands on: the locked build, else exactly its version."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError, SourceError
from lockenv.host import (
    check_interpreter,
    find_interpreter,
    find_minor,
    minor_of,
    places_here,
)
from lockenv.materialize import InterpreterArchive, VenvPython, materialize_interpreter
from lockenv.model import Wanted
from lockenv.patterns import pattern
from lockenv.workflows.network import open_network

if TYPE_CHECKING:
    from lockenv.fetch import StoreFetcher
    from lockenv.host import Interpreter
    from lockenv.model import Artifact, LockedInterpreter
    from lockenv.workflows.scene import Scene

_MINOR = pattern(r"\d+\.\d+(t?)")


def is_path(python: str) -> bool:
    """Whether ``--python`` names a program rather than a cell of the matrix."""
    return _MINOR.fullmatch(python) is None


def interpreter_for(
    scene: Scene,
    locked: LockedInterpreter,
    fetcher: StoreFetcher,
    *,
    recorded: VenvPython | None = None,
    named: str | None = None,
) -> tuple[VenvPython, str]:
    """The interpreter, and a note where it is not the locked build itself (else empty).

    Order: what the user named; the one that the environment stands on, if it still answers; the
    locked build, from our store or from where it can be had; an installed one of exactly the
    locked version. Raises `HostError` where nothing answers.
    """
    freethreaded = locked.variant == "freethreaded"
    if named is not None:
        found = check_interpreter(
            _program(scene, named), locked.version, freethreaded=freethreaded, memory=fetcher
        )
        return _python(found), f"Python {found}, named by --python, stands in for {locked.version}"
    if recorded is not None and still_answers(recorded, locked):
        return recorded, ""
    places = places_here(os.environ, Path.home(), sys.platform)
    if locked.source == "host":
        minor = minor_of(locked.version)
        found = find_minor(minor, places, freethreaded=freethreaded, memory=fetcher)
        return _python(found), f"Python {found}: the lock pins {minor} alone"
    unreachable = ""
    if locked.artifact is not None:
        unreachable = _recent_failure(scene, locked.artifact, fetcher)
        if not unreachable:
            try:
                return _unpacked(locked, locked.artifact, scene), ""
            except SourceError as error:
                unreachable = error.what
                _note_failure(scene, locked.artifact, fetcher, unreachable)
    try:
        found = find_interpreter(locked.version, places, freethreaded=freethreaded, memory=fetcher)
    except HostError as missing:
        if not unreachable:
            raise
        reach = (
            "run without --offline, so that the locked build can be fetched"
            if scene.settings.offline
            else "name a mirror of the locked build under [mirrors] in your configuration"
        )
        raise HostError(
            missing.slug,
            missing.what,
            why=[*missing.why, f"the locked build could not be had: {unreachable}"],
            fix=[reach, *(f"or {one.removeprefix('or ')}" for one in missing.fix)],
        ) from missing
    return _python(found), f"Python {found}: the locked build is not at hand ({unreachable})"


def is_settled(scene: Scene, locked: LockedInterpreter, fetcher: StoreFetcher) -> bool:
    """Whether the interpreter is told without the network: nothing will be fetched for it."""
    artifact = locked.artifact
    return (
        locked.source == "host"
        or artifact is None
        or (_folder(scene) / artifact.digest.hex).is_dir()
        or bool(_recent_failure(scene, artifact, fetcher))
    )


def still_answers(recorded: VenvPython, locked: LockedInterpreter) -> bool:
    """Whether the interpreter below an environment is still what the lock asks for."""
    same = recorded.version == locked.version
    if locked.source == "host":
        same = recorded.minor == minor_of(locked.version)
    kind = recorded.freethreaded == (locked.variant == "freethreaded")
    return same and kind and os.access(recorded.executable, os.X_OK)


def _program(scene: Scene, named: str) -> Path:
    import shutil  # noqa: PLC0415 - only where a program is named

    if os.sep in named or Path(scene.directory / named).exists():
        return scene.directory / named
    found = shutil.which(named)
    return Path(found) if found else scene.directory / named


#: For how many seconds a place that could not be reached is not asked again: as for pages.
_FAILURE_LASTS = 600


def _recent_failure(scene: Scene, artifact: Artifact, fetcher: StoreFetcher) -> str:
    """Why the build could not be had a moment ago; empty if nobody tried or we have it."""
    if (_folder(scene) / artifact.digest.hex).is_dir() or fetcher.has_blob(artifact.digest):
        return ""
    noted = fetcher.recall("unreachable", str(artifact.digest))
    if noted is None:
        return ""
    time, _, reason = noted.decode("utf-8", "replace").partition(" ")
    age = scene.clock().timestamp() - float(time)
    return reason if 0 <= age < _FAILURE_LASTS else ""


def _note_failure(scene: Scene, artifact: Artifact, fetcher: StoreFetcher, reason: str) -> None:
    text = f"{scene.clock().timestamp():.0f} {reason}"
    fetcher.remember("unreachable", str(artifact.digest), text.encode("utf-8"))


def _folder(scene: Scene) -> Path:
    return scene.settings.data_dir / "interpreters"


def _unpacked(locked: LockedInterpreter, artifact: Artifact, scene: Scene) -> VenvPython:
    folder = _folder(scene)
    # One attempt: an installed interpreter of that version will do, and nobody waits in vain.
    with open_network(scene, None, attempts=1) as line:
        path = line.blob(
            Wanted(
                name=artifact.name,
                digest=artifact.digest,
                urls=(artifact.url,) if artifact.url else (),
                size=artifact.size,
                where="lockenv.lock: interpreters",
            )
        )
    archive = InterpreterArchive(
        path=path,
        filename=artifact.name,
        digest=artifact.digest,
        version=locked.version,
        freethreaded=locked.variant == "freethreaded",
    )
    executable = materialize_interpreter(archive, folder)
    return VenvPython(
        executable=str(executable),
        version=locked.version,
        system=sys.platform,
        freethreaded=archive.freethreaded,
        build=artifact.digest.hex,
    )


def _python(found: Interpreter) -> VenvPython:
    return VenvPython(
        executable=found.executable,
        version=found.version,
        system=found.system,
        freethreaded=found.freethreaded,
    )
