"""Run a build backend: PEP 517 and PEP 660 hooks in an environment of our making.

The backend runs in a process of its own with a fixed environment (`SOURCE_DATE_EPOCH`, locale, time
zone, umask, hash seed), without the user's variables, and without a network where the system can
take it away. What the backend does beyond that (reading the clock, say) is its own affair.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lockenv.errors import ExternalError
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: 1980-01-01, the first day that a zip archive can say: what a wheel's members carry.
EPOCH = 315532800
#: A build that runs longer than this hangs: a day's CUDA compilation fits, a prompt does not.
TIME_LIMIT = 24 * 3600
#: How much of a failed step's output a message shows.
OUTPUT_LINES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A build backend, installed in the environment that ``python`` belongs to.

    ``home`` is an empty folder that stands in for the user's and holds temporary files; without one
    each step gets a new one.
    """

    python: Path
    source: Path
    name: str = "setuptools.build_meta:__legacy__"
    path: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    home: Path | None = None


def build_wheel(backend: Backend, into: Path) -> Path:
    """Build a wheel into a folder; its path. Raises `ExternalError` with what was printed."""
    return into / str(_call(backend, "build_wheel", into))


def build_editable(backend: Backend, into: Path) -> Path:
    """Build an editable wheel (PEP 660) into a folder; its path.

    `ExternalError` (slug ``no-editable``) where the backend has no such hook.
    """
    return into / str(_call(backend, "build_editable", into))


def wheel_metadata(backend: Backend, into: Path) -> str:
    """The core metadata that a wheel of this source would have.

    Asks for the metadata alone where the backend has that hook, builds the wheel where it has not.
    """
    folder = into / str(_call(backend, "prepare_metadata_for_build_wheel", into))
    return (folder / "METADATA").read_text(encoding="utf-8")


def build_requirements(backend: Backend, kind: str) -> tuple[str, ...]:
    """What the backend asks for beyond ``build-system.requires``; ``kind`` is wheel or editable."""
    answer = _call(backend, f"get_requires_for_build_{kind}")
    return tuple(str(requirement) for requirement in answer) if isinstance(answer, list) else ()


def _call(backend: Backend, hook: str, into: Path | None = None) -> object:
    from pyproject_hooks import (  # noqa: PLC0415 - only builds need it
        BackendInvalid,
        BackendUnavailable,
        BuildBackendHookCaller,
        HookMissing,
    )

    def runner(
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        _run(backend, cmd, cwd, extra_environ or {})

    caller = BuildBackendHookCaller(
        str(backend.source),
        backend.name,
        backend_path=list(backend.path) or None,
        runner=runner,
        python_executable=str(backend.python),
    )
    arguments = () if into is None else (str(into),)
    try:
        # What a backend warns of reaches us as warnings of our own; it is for its author.
        with warnings.catch_warnings(action="ignore"):
            answer: object = getattr(caller, hook)(*arguments, config_settings=dict(backend.config))
    except HookMissing as error:
        raise ExternalError(
            "no-editable" if hook == "build_editable" else "no-hook",
            f"the build backend {backend.name} has no {hook}",
            why=f"building {backend.source}",
            fix="use a newer backend in [build-system], or `lockenv sync --no-editable`",
        ) from error
    except (BackendInvalid, BackendUnavailable) as error:
        raise ExternalError(
            "no-backend",
            f"the build backend {backend.name} cannot be loaded",
            why=f"building {backend.source}",
            fix="name the package that has it in build-system.requires",
            output=_tail(str(error)),
        ) from error
    return answer


def _run(
    backend: Backend, command: Sequence[str], cwd: str | None, extra: Mapping[str, str]
) -> None:
    """Run one hook's process; raises `ExternalError` with its output where it fails."""
    with ExitStack() as stack:
        home = str(backend.home) if backend.home else None
        home = home or stack.enter_context(tempfile.TemporaryDirectory(prefix="lockenv-home-"))
        environment = {**_environment(backend, home), **extra}
        words = list(command) if backend.network else [*_without_network(), *command]
        try:
            result = subprocess.run(
                words,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                umask=0o022,
                timeout=TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ExternalError(
                "build-hangs",
                f"the build of {backend.source.name} did not end within {TIME_LIMIT // 3600} hours",
                fix="build it by hand to see what it waits for",
            ) from error
    output = result.stdout.decode("utf-8", errors="replace")
    if result.returncode:
        raise ExternalError(
            "build-failed",
            f"the build backend {backend.name} failed in {backend.source.name}",
            why=f"exit status {result.returncode}",
            fix="mend what its output says; a build has no network and no user configuration",
            output=_tail(output),
        )


def _environment(backend: Backend, home: str) -> dict[str, str]:
    binaries = str(backend.python.parent)
    system = os.environ.get("PATH", os.defpath)
    environment = {
        "PATH": f"{binaries}{os.pathsep}{system}",
        "HOME": home,
        "USERPROFILE": home,
        "TMPDIR": home,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC0",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_NO_INDEX": "1",
    }
    if os.name == "nt":  # nothing starts there without these
        names = ("SYSTEMROOT", "TEMP")
        environment |= {name: os.environ[name] for name in names if name in os.environ}
    return environment | dict(backend.variables)


@functools.cache
def _without_network() -> tuple[str, ...]:
    """The words that start a process in an empty network namespace; none where it is refused."""
    program = shutil.which("unshare")
    if program is None:
        return ()
    words = (program, "-n") if os.geteuid() == 0 else (program, "-r", "-n")
    probe = subprocess.run(
        [*words, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return words if probe.returncode == 0 else ()


def _tail(output: str) -> str:
    lines = output.splitlines()
    if len(lines) <= OUTPUT_LINES:
        return output
    return "\n".join([f"… {len(lines) - OUTPUT_LINES} lines before", *lines[-OUTPUT_LINES:]])
