"""Projects for stories: a manifest on a local index, and a build backend small enough to read.

user.write("pyproject.toml", pyproject(index, dependencies=["app>=1"]))
index.publish(backend_wheel())          # for projects with ``build=True``
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from lockenv.host import machine_here
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.index_server import IndexServer
    from tests.support.wheels import Built

#: The X.Y of the interpreter that runs the tests: what stories that sync pin.
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
#: The platform that the tests run on: stories that sync lock for it.
PLATFORM = machine_here().platform
#: Another platform, for stories about two.
OTHER = "macos-arm64"


def pyproject(
    index: IndexServer,
    *,
    name: str = "demo-project",
    dependencies: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    extras: Mapping[str, Sequence[str]] | None = None,
    targets: Sequence[str] = (PLATFORM,),
    build: bool = False,
    tool: str = "",
    tables: str = "",
    url: str = "",
) -> str:
    """The text of a ``pyproject.toml`` whose one index is the server.

    ``tool`` are more lines of ``[tool.lockenv]``, ``tables`` whole tables after it. The interpreter
    is the host's own of the tests' X.Y, so that no story needs a download.
    """
    lines = ["[project]", f'name = "{name}"', 'version = "0.1"']
    lines += [f'requires-python = ">={MINOR}"', f"dependencies = {_array(dependencies)}", ""]
    if extras:
        lines += ["[project.optional-dependencies]"]
        lines += [f"{key} = {_array(value)}" for key, value in extras.items()]
        lines.append("")
    if groups:
        lines += ["[dependency-groups]"]
        lines += [f"{key} = {_array(value)}" for key, value in groups.items()]
        lines.append("")
    if build:
        lines += ["[build-system]", 'requires = ["tinybackend"]']
        lines += ['build-backend = "tinybackend"', ""]
    lines += ["[tool.lockenv]", f'python = "{MINOR}"', 'python-source = "host"']
    lines += [f"targets = {_array(targets)}"]
    lines += [tool] if tool else []
    lines += ["", "[[tool.lockenv.index]]", 'name = "local"', f'url = "{url or index.url}"']
    lines += ["default = true", ""]
    return "\n".join(lines) + ("\n" + tables if tables else "")


def _array(values: Sequence[str]) -> str:
    return json.dumps(list(values))


#: PEP 517 and 660 in the least code that tells the truth: one module, an editable by a ``.pth``.
BACKEND = """
import base64, hashlib, os, sys, zipfile, tomllib

def _project():
    with open("pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]

def _write(folder, files):
    project = _project()
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    inside = f"{stem}.dist-info"
    requires = "".join(f"Requires-Dist: {one}\\n" for one in project.get("dependencies", []))
    files[f"{inside}/METADATA"] = (
        f"Metadata-Version: 2.1\\nName: {project['name']}\\n"
        f"Version: {project['version']}\\n{requires}"
    )
    files[f"{inside}/WHEEL"] = (
        "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    )
    scripts = project.get("scripts", {})
    if scripts:
        lines = "\\n".join(f"{key} = {value}" for key, value in scripts.items())
        files[f"{inside}/entry_points.txt"] = f"[console_scripts]\\n{lines}\\n"
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text.encode())}")
    files[f"{inside}/RECORD"] = "\\n".join([*rows, f"{inside}/RECORD,,"]) + "\\n"
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    if os.path.exists("break-the-build"):
        sys.exit("the build is broken on purpose")
    module = _project()["name"].replace("-", "_")
    with open(f"{module}.py") as file:
        return _write(folder, {f"{module}.py": file.read()})

def build_editable(folder, config_settings=None, metadata_directory=None):
    if os.path.exists("break-the-build"):
        sys.exit("the build is broken on purpose")
    return _write(folder, {"_tiny_editable.pth": os.getcwd() + "\\n"})
"""


def backend_wheel(version: str = "1.0") -> Built:
    """A build backend, ``tinybackend``, for a project that is one module beside its manifest."""
    return wheel("tinybackend", version, files={"tinybackend.py": BACKEND})
