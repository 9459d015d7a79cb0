"""Real build backends from the public index: a C extension and a pure package, on two machines."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from typing import TYPE_CHECKING

import pytest

from lockenv.tables.addresses import PYTHON_INDEX
from tests.support.commands import User, snapshot
from tests.support.projects import MINOR, PLATFORM, pyproject
from tests.support.wheels import sdist

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

pytestmark = [pytest.mark.network, pytest.mark.slow]

EXTENSION = """\
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, __FILE__}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "quick", NULL, -1, methods};
PyMODINIT_FUNC PyInit_quick(void) { return PyModule_Create(&module); }
"""
SETUP = """\
from setuptools import Extension, setup
setup(name="quick", version="1.0", ext_modules=[Extension("quick", ["quick.c"])])
"""
PURE = """\
[build-system]
requires = ["setuptools>=70", "wheel"]
build-backend = "setuptools.build_meta"

[project]
name = "pure"
dynamic = ["version", "dependencies"]

[tool.setuptools]
py-modules = ["pure"]

[tool.setuptools.dynamic]
version = { attr = "pure.VERSION" }
dependencies = { file = ["asks.txt"] }
"""
TABLES = f"""\
[[tool.lockenv.index]]
name = "public"
url = "{PYTHON_INDEX}"
explicit = true

[tool.lockenv.sources]
setuptools = {{ index = "public" }}
wheel = {{ index = "public" }}
packaging = {{ index = "public" }}

[tool.lockenv.policy]
sdist = "locked-build"
"""


def wheels_of(user: User) -> dict[str, str]:
    """The wheels that were built here: name to digest."""
    found = {}
    for file in (user.cache / "blobs" / "sha256").glob("*/*"):
        data = file.read_bytes()
        for name in ("quick", "pure"):
            if data.startswith(b"PK") and f"{name}-1.0.dist-info/RECORD".encode() in data:
                found[name] = hashlib.sha256(data).hexdigest()
    return found


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_an_extension_and_a_pure_package_come_out_alike_on_two_machines(
    tmp_path: Path, index: IndexServer
) -> None:
    index.publish(
        sdist(
            "quick", "1.0", metadata_version="2.1", files={"quick.c": EXTENSION, "setup.py": SETUP}
        ),
        sdist(
            "pure",
            "1.0",
            metadata_version="2.1",
            pyproject=PURE,
            files={"pure.py": "VERSION = '1.0'\n", "asks.txt": "quick\n"},
        ),
    )
    found = []
    for number, zone in enumerate(("Pacific/Auckland", "America/Lima")):
        user = User(tmp_path / f"machine-{number}", variables={"TZ": zone})
        user.write("pyproject.toml", pyproject(index, dependencies=["pure"], tables=TABLES))
        user.lockenv("lock")
        user.lockenv("sync")
        assert user.asks("import quick, pure; print(quick.answer(), pure.VERSION)") == "42 1.0"
        found.append((user.read("lockenv.lock"), wheels_of(user)))

    assert found[0] == found[1]
    assert set(found[0][1]) == {"pure", "quick"}
    lock = tomllib.loads(found[0][0])
    assert [one["name"] for one in lock["builds"]] == ["pure", "quick"]
    assert lock["builds"][0]["targets"] == [PLATFORM]


def test_a_project_of_a_setup_script_is_locked_and_synced(tmp_path: Path) -> None:
    user = User(tmp_path)
    user.write(
        "setup.py",
        "from setuptools import setup\n"
        'setup(name="lab", version="0.1", py_modules=["lab"], install_requires=["idna>=3"])\n',
    )
    user.write("lab.py", "WHERE = __file__\n")
    user.lockenv("init", "--python", MINOR)
    manifest = user.read("lockenv.toml")
    user.write("lockenv.toml", manifest.replace("targets", 'python-source = "host"\ntargets', 1))

    user.lockenv("lock")
    user.lockenv("sync")

    lock = tomllib.loads(user.read("lockenv.lock"))
    [entry] = [one for one in lock["packages"] if one["name"] == "lab"]
    assert entry["dependencies"] == ["idna>=3"]
    assert [build["name"] for build in lock["builds"]] == ["lab"]
    assert {"lab", "idna"} <= set(user.versions())
    assert user.asks("import lab; print(lab.WHERE)") == str(user.folder / "lab.py")
    user.lockenv("check", "--all")


def test_a_folder_is_built_without_what_was_left_in_it_and_nothing_is_left(
    user: User, index: IndexServer
) -> None:
    text = (
        '[build-system]\nrequires = ["setuptools>=70"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    text += '[project]\nname = "lib"\nversion = "1"\n[tool.setuptools]\npackages = ["lib"]\n'
    files = {"pyproject.toml": text, "lib/__init__.py": "", "lib/gone.py": ""}
    files["build/lib/lib/old.py"] = "left by another tool\n"
    for path, content in files.items():
        (user.ground / "lib" / path).parent.mkdir(parents=True, exist_ok=True)
        (user.ground / "lib" / path).write_text(content)
    before = snapshot(user.ground / "lib")
    rule = TABLES.replace("setuptools =", 'lib = { path = "../lib" }\nsetuptools =')
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"], tables=rule))
    user.lockenv("lock")
    user.lockenv("sync")
    assert snapshot(user.ground / "lib") == before
    (user.ground / "lib" / "lib" / "gone.py").unlink()

    user.lockenv("sync")

    assert {path.name for path in (user.site / "lib").glob("*.py")} == {"__init__.py"}
