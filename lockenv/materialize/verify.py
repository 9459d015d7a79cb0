"""Compare an environment with what is wanted, file by file, and change nothing."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.materialize.layout import Layout, files_of, layout_of
from lockenv.materialize.removal import read_record
from lockenv.materialize.skeleton import skeleton_of
from lockenv.materialize.state import InstalledPackage, read_installed
from lockenv.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockenv.materialize.state import Installed
    from lockenv.materialize.unpack import UnpackedStore
    from lockenv.materialize.values import WantedEnvironment, WantedPackage

_SYNC = "lockenv sync"


def verify_venv(
    wanted: WantedEnvironment, store: UnpackedStore | None = None, *, exact: bool = True
) -> tuple[Finding, ...]:
    """Every difference between the environment and the wish, by package and path.

    Each file is hashed and compared with RECORD, RECORD itself with the hash that was kept when it
    was written; where the store still has the unpacked wheel's index, each file is compared with
    the archive's own hash too, so that a changed RECORD hides nothing. Files that no package owns
    are nobody's difference.
    """
    installed = read_installed(Path(wanted.root))
    if not installed.exists or not installed.is_ours:
        fact = "was not made by lockenv" if installed.exists else "does not exist"
        return (_finding("LE301", f"the environment {wanted.root} {fact}"),)
    layout = layout_of(wanted.root, wanted.python)
    findings = list(_interpreter_findings(installed, wanted))
    former: dict[str, list[InstalledPackage]] = {}
    for package in installed.packages:
        former.setdefault(package.name, []).append(package)
    present: list[tuple[WantedPackage, InstalledPackage]] = []
    for one in sorted(wanted.packages, key=lambda one: one.name):
        found = former.pop(one.name, [])
        difference = _package_finding(one, found, installed)
        if difference is not None:
            findings.append(difference)
        else:
            present.append((one, found[0]))
    if exact:
        findings += [
            _finding(
                "LE302", f"{other.name} {other.version} is installed and not locked", other.name
            )
            for name in sorted(former)
            for other in former[name]
        ]
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, "verify") as pool:
        for package_findings in pool.map(
            lambda pair: _file_findings(pair[0], pair[1], layout, store), present
        ):
            findings += package_findings
    findings = _without_overlaps(findings, present, layout)
    return tuple(sorted(findings, key=lambda one: (one.code, one.package or "", one.file or "")))


def _interpreter_findings(installed: Installed, wanted: WantedEnvironment) -> Iterable[Finding]:
    python = wanted.python
    has = (installed.python_version, installed.python_executable, installed.python_build)
    if has != (python.version, python.executable, python.build):
        yield _finding(
            "LE305",
            f"the environment was made for Python {has[0] or 'of no known version'} ({has[1]}), "
            f"and Python {python.version} ({python.executable}) is wanted",
        )
        return
    scripts = "Scripts/python.exe" if python.system == "win32" else "bin/python"
    link = Path(wanted.root) / scripts
    config = Path(wanted.root) / "pyvenv.cfg"
    skeleton = skeleton_of(layout_of(wanted.root, python), python, wanted.prompt)
    written = next(file for file in skeleton.files if file.path == config.name)
    if _hash(str(config)) != written.digest:
        yield _finding("LE304", f"{config} is not as sync wrote it", None, config.name)
    try:
        leads_there = python.system == "win32" or link.resolve(strict=True) == Path(
            python.executable
        ).resolve(strict=True)
    except OSError:
        leads_there = False
    if not leads_there:
        yield _finding("LE305", f"{link} does not lead to {python.executable}")


def _package_finding(
    wanted: WantedPackage, found: list[InstalledPackage], installed: Installed
) -> Finding | None:
    name = wanted.name
    if not found:
        return _finding("LE301", f"{name} {wanted.version} is not installed", name)
    versions = ", ".join(one.version for one in found)
    if len(found) > 1 or found[0].version != wanted.version:
        return _finding("LE303", f"{name} {versions} is installed, {wanted.version} locked", name)
    if name in installed.touched or not found[0].is_ours:
        fact = "was not installed by lockenv" if not found[0].is_ours else "is half installed"
        return _finding("LE303", f"{name} {versions} {fact}", name)
    if found[0].artifact != str(wanted.digest):
        return _finding(
            "LE303",
            f"{name} {versions} was installed from {found[0].artifact}, "
            f"{wanted.digest} ({wanted.filename}) is locked",
            name,
        )
    return None


def _file_findings(
    wanted: WantedPackage, package: InstalledPackage, layout: Layout, store: UnpackedStore | None
) -> list[Finding]:
    """The files of one package that are not what RECORD and the archive say."""
    record = f"{layout.site_packages}/{package.dist_info}/RECORD"
    expected: dict[str, tuple[str, str]] = {
        row.path: ("RECORD", row.digest)
        for row in read_record(layout.root, package, layout)
        if row.digest and row.algorithm == "sha256"
    }
    expected[record] = ("what was written", package.record)
    unpacked = store.index(wanted.digest) if store is not None else None
    if unpacked is not None:
        for file in files_of(wanted, unpacked, layout):
            expected[file.path] = (wanted.filename, file.digest)
    findings = []
    for path, (source, digest) in sorted(expected.items()):
        found = _hash(f"{layout.root}/{path}")
        if found != digest:
            fact = "is missing" if found is None else f"is not what {source} has"
            findings.append(
                _finding("LE304", f"{path} of {package.name} {fact}", package.name, path)
            )
    return findings


def _without_overlaps(
    findings: list[Finding], present: list[tuple[WantedPackage, InstalledPackage]], layout: Layout
) -> list[Finding]:
    """The findings but for files that another package wrote over: there that one's must stand."""
    changed = {one.file for one in findings if one.code == "LE304" and one.file}
    if not changed:
        return findings
    owners: dict[str, tuple[str, str]] = {}
    for wanted, package in sorted(present, key=lambda pair: pair[0].name):
        for row in read_record(layout.root, package, layout):
            if row.path in changed and row.algorithm == "sha256":
                owners[row.path] = (wanted.name, row.digest)
    return [
        one
        for one in findings
        if one.code != "LE304"
        or one.file not in owners
        or owners[one.file][0] == one.package
        or _hash(f"{layout.root}/{one.file}") != owners[one.file][1]
    ]


def _hash(place: str) -> str | None:
    try:
        with open(place, "rb") as file:  # noqa: PTH123 - thousands of paths: strings for speed
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _finding(
    code: str, message: str, package: str | None = None, file: str | None = None
) -> Finding:
    return Finding(code=code, message=message, layer="venv", package=package, file=file, fix=_SYNC)
