"""A user who is not root, made for one test by root: with sub-ids or with one id alone.

    user = OrdinaryUser(tmp_path, sub_ids=True)
    answer = user.lockenv("image")

The user lives in a mount namespace of their own, where ``/etc/passwd``, ``/etc/subuid`` and
``/etc/subgid`` are the test's: the machine's own accounts are not touched. What tests run from
(source, packages, interpreter) is put where anybody can read it, since it may lie in root's home.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.commands import SOURCE, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The user's id: no account of Debian's has it (Policy 9.2.2 leaves it to administrators).
UID = 59999
#: Where everything of the user's lies, in the namespace.
_PLACE = "/mnt"
_ENTER = f"""
set -e
mount -t tmpfs -o mode=755 tmpfs {_PLACE}
for name in source packages base ground; do mkdir {_PLACE}/$name; done
mount --bind "$SOURCE" {_PLACE}/source
mount --bind "$PACKAGES" {_PLACE}/packages
mount --bind "$BASE" {_PLACE}/base
mount --bind "$GROUND" {_PLACE}/ground
for name in passwd subuid subgid; do mount --bind "$GROUND/etc/$name" /etc/$name; done
cd "$FOLDER"
exec setpriv --reuid {UID} --regid {UID} --clear-groups --inh-caps=-all "$@"
"""


def why_not() -> str:
    """Why no such user can be made here; empty where one can."""
    if os.geteuid() != 0:
        return "needs to be root, to become other users"
    if not all(map(shutil.which, ("unshare", "setpriv"))):
        return "needs unshare and setpriv (util-linux)"
    probe = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", _PLACE],
        capture_output=True,
        check=False,
    )
    return "" if probe.returncode == 0 else "needs the right to mount"


@dataclass(slots=True)
class OrdinaryUser:
    """A user on this machine whose home, project and store lie below ``ground``."""

    ground: Path
    sub_ids: bool
    umask: int = 0o022
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("etc", "home", "tmp", "project", "venv/bin"):
            (self.ground / name).mkdir(parents=True, exist_ok=True)
        accounts = Path("/etc/passwd").read_text(encoding="utf-8")
        (self.ground / "etc/passwd").write_text(
            f"{accounts.rstrip()}\nordinary:x:{UID}:{UID}::{_PLACE}/ground/home:/bin/sh\n",
            encoding="utf-8",
        )
        for name in ("subuid", "subgid"):
            line = "ordinary:1000000:65536\n" if self.sub_ids else ""
            (self.ground / "etc" / name).write_text(line, encoding="utf-8")
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        venv = self.ground / "venv"
        (venv / "pyvenv.cfg").write_text(f"home = {_PLACE}/base/bin\n", encoding="utf-8")
        (venv / "bin/python").symlink_to(f"{_PLACE}/base/bin/{version}")
        (venv / "lib" / version).mkdir(parents=True)
        (venv / "lib" / version / "site-packages").symlink_to(f"{_PLACE}/packages")

    @property
    def project(self) -> Path:
        """The user's project, as the test sees it."""
        return self.ground / "project"

    @property
    def cache(self) -> Path:
        """The user's store, as the test sees it."""
        return self.ground / "cache" / "lockenv"

    def lockenv(self, *words: str, patience: float, status: int = 0) -> Answer:
        """Type a command in the project, wait for its answer, and assert its exit status."""
        subprocess.run(["chown", "-R", f"{UID}:{UID}", self.ground], check=True)
        place = Path(_PLACE, "ground")
        command = [
            *("unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "sh"),
            *(f"{place}/venv/bin/python", "-m", "lockenv", *words),
        ]
        done = subprocess.run(
            command,
            env=self._environment(place),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=patience,
            umask=self.umask,
        )
        answer = Answer(done.returncode, done.stdout, done.stderr)
        assert answer.status == status, f"lockenv {' '.join(words)}: {answer.text}"
        return answer

    def _environment(self, place: Path) -> Mapping[str, str]:
        purelib = next(path for path in sys.path if path.endswith("site-packages"))
        return {
            "SOURCE": str(SOURCE),
            "PACKAGES": purelib,
            "BASE": sys.base_prefix,
            "GROUND": str(self.ground),
            "FOLDER": f"{place}/project",
            "HOME": f"{place}/home",
            "XDG_CACHE_HOME": f"{place}/cache",
            "XDG_DATA_HOME": f"{place}/data",
            "XDG_CONFIG_HOME": f"{place}/config",
            "TMPDIR": f"{place}/tmp",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONPATH": f"{_PLACE}/source",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            **self.variables,
        }
