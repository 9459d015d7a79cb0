from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lockenv.interchange import render_cyclonedx, render_spdx
from lockenv.lockfile import environment_digest, select
from tests.support.locks import small_lock

if TYPE_CHECKING:
    from pathlib import Path


def _cyclonedx() -> dict[str, object]:
    lock = small_lock()
    document: dict[str, object] = json.loads(
        render_cyclonedx(lock, select(lock, "gpu"), name="demo")
    )
    return document


def test_a_bill_of_materials_holds_every_layer() -> None:
    components = _cyclonedx()["components"]

    assert isinstance(components, list)
    purls = {one["purl"].partition("?")[0] for one in components if "purl" in one}
    assert {
        "pkg:pypi/requests@2.31.0",
        "pkg:deb/debian/libc6@2.36-9",
        "pkg:generic/cpython@3.11.7",
        "pkg:generic/nvidia/cuda_nvcc@12.8.93",
        "pkg:pypi/hatchling@1.27.0",
    } <= purls
    scopes = {one["name"]: one.get("scope") for one in components}
    assert scopes["hatchling"] == "excluded"
    assert scopes["requests"] == "required"


def test_a_bill_of_materials_says_who_needs_whom() -> None:
    edges = _cyclonedx()["dependencies"]

    assert isinstance(edges, list)
    needs = {one["ref"]: one.get("dependsOn", []) for one in edges}
    assert needs["pypi:requests"] == ["pypi:idna", "pypi:pysocks"]
    assert "deb:libgcc-s1:amd64" in needs["deb:libc6:amd64"]
    assert "pypi:requests" in needs["subject"]
    assert "python" in needs["subject"]


def test_the_same_lock_gives_the_same_bill_and_another_environment_another_serial() -> None:
    lock = small_lock()
    selection = select(lock, "gpu")
    less = replace(selection, packages=selection.packages[1:])

    for render in (render_cyclonedx, render_spdx):
        assert render(lock, selection, name="demo") == render(lock, selection, name="demo")
    serials = {
        json.loads(render_cyclonedx(lock, one, name="demo"))["serialNumber"]
        for one in (selection, less)
    }
    assert len(serials) == 2
    assert str(environment_digest(lock, selection)) in render_spdx(lock, selection, name="demo")


_CYCLONEDX = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for path in sys.argv[1:]:
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    assert not found, found
"""
_SPDX = """
import sys
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
for path in sys.argv[1:]:
    found = validate_full_spdx_document(parse_file(path))
    assert not found, found
"""


@pytest.mark.parametrize(("name", "script"), [("bom.json", _CYCLONEDX), ("bom.spdx.json", _SPDX)])
def test_the_formats_own_validators_accept_a_bill(tmp_path: Path, name: str, script: str) -> None:
    lock = small_lock()
    render = render_spdx if "spdx" in name else render_cyclonedx
    paths = [tmp_path / f"{target}-{name}" for target in ("cpu", "gpu")]
    for path in paths:
        selection = select(lock, path.name[:3])
        path.write_text(render(lock, selection, name="démo/x y"), encoding="utf-8")

    # In a process of its own: what the validators warn of is their affair.
    process = subprocess.run(
        [sys.executable, "-c", script, *paths], capture_output=True, text=True, check=False
    )

    assert process.returncode == 0, process.stderr
