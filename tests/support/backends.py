"""Source packages and a build backend that tells how it was run.

    index.publish(witness_wheel(), source_package("demo", "1.0", requires=["base"]))

``witness`` is a PEP 517 and 660 backend of one module. It takes what a package is from a file
``facts.json``, so that only a build can tell it, and puts a module ``NAME_built.py`` into the wheel
that says under which circumstances it ran. A setup that the facts name (``asks``, ``breaks``,
``calls_itself``) makes it misbehave.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.wheels import Built

WITNESS = r"""
import base64, hashlib, importlib.metadata, json, os, socket, sys, zipfile

def _facts():
    with open("facts.json") as file:
        return json.load(file)

def _umask():
    mask = os.umask(0o022)
    os.umask(mask)
    return mask

def _reaches(address):
    if not address:
        return None
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True

def _circumstances(facts):
    names = ("SOURCE_DATE_EPOCH", "TZ", "LC_ALL", "PYTHONHASHSEED", "SECRET", "HOME")
    there = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    return {
        "folder": os.getcwd(),
        "umask": _umask(),
        "variables": {name: os.environ.get(name) for name in names},
        "installed": dict(sorted(there.items())),
        "reaches": _reaches(facts.get("reaches")),
        "modes": {name: os.stat(name).st_mode & 0o777 for name in sorted(os.listdir("."))
                  if os.path.isfile(name)},
    }

def _metadata(facts):
    requires = "".join(f"Requires-Dist: {one}\n" for one in facts["requires"])
    head = f"Metadata-Version: 2.1\nName: {facts['name']}\nVersion: {facts['version']}\n"
    return head + requires

def _stem(facts):
    return f"{facts['name'].replace('-', '_')}-{facts.get('comes_out', facts['version'])}"

def _write(folder, facts, files):
    inside = f"{_stem(facts)}.dist-info"
    files[f"{inside}/METADATA"] = _metadata(facts)
    files[f"{inside}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: witness\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text.encode())}")
    files[f"{inside}/RECORD"] = "\n".join([*rows, f"{inside}/RECORD,,"]) + "\n"
    name = f"{_stem(facts)}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return name

def get_requires_for_build_wheel(config_settings=None):
    return _facts().get("asks", [])

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    facts = _facts()
    if facts.get("breaks"):
        sys.exit("the build is broken on purpose")
    inside = f"{_stem(facts)}.dist-info"
    os.mkdir(os.path.join(folder, inside))
    with open(os.path.join(folder, inside, "METADATA"), "w") as file:
        file.write(_metadata(facts))
    return inside

def build_wheel(folder, config_settings=None, metadata_directory=None):
    facts = _facts()
    if facts.get("breaks"):
        sys.exit("the build is broken on purpose")
    module = facts["name"].replace("-", "_")
    built = f"CIRCUMSTANCES = {_circumstances(facts)!r}\n"
    return _write(folder, facts, {
        f"{module}.py": f"VERSION = {facts['version']!r}\n", f"{module}_built.py": built,
    })

def build_editable(folder, config_settings=None, metadata_directory=None):
    facts = _facts()
    return _write(folder, facts, {f"_{facts['name']}_editable.pth": os.getcwd() + "\n"})
"""


def witness_wheel(version: str = "1.0", *, requires: Sequence[str] = ()) -> Built:
    """The backend as a wheel."""
    return wheel("witness", version, requires=requires, files={"witness.py": WITNESS})


def build_system(requires: Sequence[str] = ("witness",)) -> str:
    """The ``[build-system]`` of what the witness builds."""
    return f'[build-system]\nrequires = {json.dumps(list(requires))}\nbuild-backend = "witness"\n'


def source_files(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    build_requires: Sequence[str] = ("witness",),
    **facts: object,
) -> Mapping[str, str]:
    """The files of a source tree whose metadata only a build can tell."""
    document = {"name": name, "version": version, "requires": list(requires), **facts}
    return {
        "facts.json": json.dumps(document),
        "pyproject.toml": build_system(build_requires),
        f"{name.replace('-', '_')}.py": f"VERSION = {version!r}\n",
    }


def source_package(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    build_requires: Sequence[str] = ("witness",),
    static: bool = False,
    **facts: object,
) -> Built:
    """An sdist that the witness builds; ``static`` ones say what they need in PKG-INFO too."""
    files = dict(
        source_files(name, version, requires=requires, build_requires=build_requires, **facts)
    )
    pyproject = files.pop("pyproject.toml")
    return sdist(
        name,
        version,
        requires=requires if static else (),
        metadata_version="2.2" if static else "2.1",
        pyproject=pyproject,
        files=files,
    )


def source_folder(folder: Path, files: Mapping[str, str]) -> Path:
    """Put a source tree into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")
    return folder
