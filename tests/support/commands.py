"""A user at a terminal: types lockenv's commands in a project, on a machine of their own.

    user = User(tmp_path)
    user.write("pyproject.toml", manifest)
    answer = user.lockenv("lock")               # asserts status 0
    answer = user.lockenv("sync", status=5)     # asserts status 5
    assert "error[unreachable]" in answer.err

Every command is a process of its own, whose home, store, data, configuration and temporary folders
lie below the folder given; nothing of the surrounding environment is handed on, but for what a test
names in ``variables``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping

#: The folder that holds the package ``lockenv`` under test.
SOURCE = Path(__file__).parents[2]
#: The folder of the interpreter that runs the tests, without any virtual environment.
PYTHON_FOLDER = Path(sys.base_prefix) / ("Scripts" if sys.platform == "win32" else "bin")
#: No command of a test takes longer, however busy the machine is: seconds.
PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answered: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams, for a failed assertion."""
        return f"status {self.status}\n--- out\n{self.out}\n--- err\n{self.err}"

    @property
    def slug(self) -> str:
        """The first slug or code between brackets, empty where there is none."""
        for line in (self.err + "\n" + self.out).splitlines():
            if line.startswith("error[") and "]" in line:
                return line[len("error[") : line.index("]")]
        return ""


@dataclass(slots=True)
class User:
    """A user with a machine (below ``ground``) and a project (``folder``)."""

    ground: Path
    variables: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.ground / "project"
        for name in ("project", "home", "tmp"):
            (self.ground / name).mkdir(parents=True, exist_ok=True)

    @property
    def lock_path(self) -> Path:
        """Where the project's lock stands, or will."""
        return self.folder / "lockenv.lock"

    @property
    def venv(self) -> Path:
        """Where the project's environment stands, or will."""
        return self.folder / ".venv"

    @property
    def site(self) -> Path:
        """The environment's folder of packages."""
        return next(self.venv.glob("lib/python3*/site-packages"))

    @property
    def cache(self) -> Path:
        """The user's store."""
        return self.ground / "cache" / "lockenv"

    def write(self, name: str, text: str) -> Path:
        """Put a file into the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def read(self, name: str) -> str:
        """The text of a file of the project."""
        return (self.folder / name).read_text(encoding="utf-8")

    def configure(self, text: str) -> None:
        """Write the user's own configuration."""
        path = self.ground / "config" / "lockenv" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables of this user's commands."""
        return {
            "HOME": str(self.ground / "home"),
            "XDG_CACHE_HOME": str(self.ground / "cache"),
            "XDG_DATA_HOME": str(self.ground / "data"),
            "XDG_CONFIG_HOME": str(self.ground / "config"),
            "TMPDIR": str(self.ground / "tmp"),
            "PATH": f"{PYTHON_FOLDER}{os.pathsep}{os.defpath}",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(SOURCE),
            "PYTHONDONTWRITEBYTECODE": "",
            **self.variables,
            **(more or {}),
        }

    def start(
        self, *words: str, variables: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start a command and leave it running, in a process group of its own."""
        return subprocess.Popen(
            [self.python, "-m", "lockenv", *words],
            cwd=cwd or self.folder,
            env=self.environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def lockenv(
        self,
        *words: str,
        status: int | None = 0,
        variables: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Answer:
        """Type a command, wait for its answer, and assert its exit status (None: any)."""
        process = self.start(*words, variables=variables, cwd=cwd)
        answer = finish(process)
        if status is not None:
            assert answer.status == status, f"lockenv {' '.join(words)}: {answer.text}"
        assert "Traceback" not in answer.err, answer.err
        return answer

    def interrupted(
        self,
        *words: str,
        by: signal.Signals,
        after: float = 0.0,
        when: Callable[[], bool] | None = None,
    ) -> Answer:
        """Start a command, send it a signal after so many seconds or once ``when`` holds."""
        process = self.start(*words)
        end = time.monotonic() + PATIENCE
        while when is not None and process.poll() is None and time.monotonic() < end:
            if when():
                break
            time.sleep(0.002)
        time.sleep(after)
        process.send_signal(by)
        return finish(process)

    def versions(self) -> dict[str, str]:
        """The packages that lie in the environment, by name, as their folders say."""
        found = {}
        for folder in self.site.glob("*.dist-info"):
            name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
            found[name] = version
        return dict(sorted(found.items()))

    def asks(self, code: str) -> str:
        """What the environment's own interpreter prints for a line of code."""
        process = subprocess.run(
            [self.venv / "bin" / "python", "-I", "-c", code],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout.strip()


def finish(process: subprocess.Popen[str], patience: float = PATIENCE) -> Answer:
    """Wait for a started command; it is killed where it outlasts all patience."""
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        message = f"the command did not end\n{out}\n{err}"
        raise AssertionError(message) from None
    return Answer(process.returncode, out, err)


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Every path below a folder with its mode and content, to see that nothing changed."""
    found: dict[str, tuple[int, str]] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[relative] = (0, os.readlink(path))  # noqa: PTH115 - a text, not a Path
        elif path.is_file():
            found[relative] = (path.stat().st_mode, path.read_bytes().hex())
        else:
            found[relative] = (path.stat().st_mode, "")
    return found
