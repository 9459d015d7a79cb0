"""Environments to make: wheels in a folder, unpacked into a store, wanted below a root.

world = World(tmp_path)
world.publish(wheel("demo", "1.0"))
world.sync("demo")                      # makes or changes world.root
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename

from lockenv.materialize import (
    Plan,
    UnpackedStore,
    VenvPython,
    WantedEnvironment,
    WantedPackage,
    WheelFile,
    WriteOptions,
    plan,
    read_installed,
    write_venv,
)
from lockenv.model import sha256

if TYPE_CHECKING:
    from tests.support.wheels import Built

#: The interpreter that runs the tests, as the base of environments.
THIS_PYTHON = VenvPython(
    executable=os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
    version=".".join(map(str, sys.version_info[:3])),
    system=sys.platform,
)
#: Where packages go in an environment of that interpreter.
SITE = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


class World:
    """A folder with wheels, a store and one environment; each test has its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project" / ".venv"
        self.store = UnpackedStore(folder / "cache" / "unpacked")
        self.files = folder / "blobs"
        self.wheels: dict[str, WheelFile] = {}
        self.python = THIS_PYTHON

    def publish(self, *builts: Built) -> None:
        """Put wheels where they can be asked for by name; a later one replaces a former."""
        for built in builts:
            name = str(parse_wheel_filename(built.filename)[0])
            path = built.write(self.files / built.sha256)
            self.wheels[name] = WheelFile(path, built.filename, sha256(built.sha256))

    def package(self, name: str, **changes: object) -> WantedPackage:
        """A published wheel, wanted."""
        wheel = self.wheels[name]
        version = str(parse_wheel_filename(wheel.filename)[1])
        return WantedPackage(
            name=name,
            version=version,
            filename=wheel.filename,
            digest=wheel.digest,
            **changes,  # type: ignore[arg-type]  # a test says which
        )

    def wanted(self, *packages: str | WantedPackage, prompt: str = "demo") -> WantedEnvironment:
        """An environment with these packages."""
        values = tuple(self.package(one) if isinstance(one, str) else one for one in packages)
        return WantedEnvironment(
            root=str(self.root),
            python=self.python,
            packages=values,
            selection={"target": "linux-x86_64", "groups": ("dev",)},
            prompt=prompt,
        )

    def plan(self, *packages: str | WantedPackage, exact: bool = True) -> Plan:
        """What `sync` would change."""
        return plan(read_installed(self.root), self.wanted(*packages), exact=exact)

    def sync(
        self, *packages: str | WantedPackage, link_mode: str = "auto", exact: bool = True
    ) -> Plan:
        """Make the environment hold these packages."""
        wanted = self.wanted(*packages)
        by_digest = {wheel.digest: wheel for wheel in self.wheels.values()}
        wheels = [by_digest[package.digest] for package in wanted.packages]
        unpacked = {wheel.digest: self.store.load(wheel.digest) for wheel in wheels}
        have = {digest: one for digest, one in unpacked.items() if one is not None}
        have.update(self.store.unpack([one for one in wheels if one.digest not in have], jobs=1))
        return write_venv(wanted, have, WriteOptions(link_mode=link_mode, exact=exact))

    def tree(self) -> dict[str, str | bytes]:
        """Every file of the environment by path: its bytes, or where a link leads.

        Without what tells one making from another: the state's times and the lock file.
        """
        found: dict[str, str | bytes] = {}
        for folder, folders, files in os.walk(self.root):
            for name in [*folders, *files]:
                path = Path(folder) / name
                relative = path.relative_to(self.root).as_posix()
                if path.is_symlink():
                    found[relative] = str(path.readlink())
                elif path.is_file() and not relative.startswith((".lockenv", "lockenv-state")):
                    found[relative] = path.read_bytes()
        return found
