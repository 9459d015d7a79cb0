"""The stage of a Dockerfile that makes ``/opt/lockenv``: interpreter, environment, own builds."""

from __future__ import annotations

import posixpath
import shlex
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.interchange.requirements import index_lines, requirement_line
from lockenv.lockfile import target_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockenv.lockfile import SelectedPackage, Selection
    from lockenv.model import LockedBuild, LockedInterpreter, LockedPackage

_PYTHON = "/opt/lockenv/python"
_VENV = "/opt/lockenv/venv"
_PIP = "/tmp/lockenv/pip/bin/python -m pip --no-cache-dir --disable-pip-version-check"  # noqa: S108 - a path in the stage
_HASHED = "--require-hashes --no-deps"


def is_built(selection: Selection) -> bool:
    """Whether there is an environment at all: something of Python is selected."""
    return bool(selection.packages or selection.project)


def build_lines(selection: Selection, *, with_project: bool) -> list[str]:
    """The instructions of the stage; what has no wheel is built as the lock says, hash by hash."""
    if not is_built(selection):
        return ["RUN mkdir -p /opt/lockenv"]
    python, lines = _interpreter(selection)
    lines += [
        "RUN set -eu; \\",
        f"    {python} -m venv /tmp/lockenv/pip; \\",
        f"    {python} -m venv --without-pip {_VENV}",
    ]
    wheels = [one for one in selection.packages if _is_wheel(one)]
    if wheels:
        lines += _installed(wheels, _VENV, "--only-binary :all:")
    for member in selection.packages:
        if not _is_wheel(member):
            lines += _built(selection, member)
    if selection.project is not None and with_project:
        lines += _project(selection, selection.project)
    return lines


def _is_wheel(member: SelectedPackage) -> bool:
    return member.artifact is not None and member.artifact.name.endswith(".whl")


def _interpreter(selection: Selection) -> tuple[str, list[str]]:
    interpreter = selection.interpreter
    minor = target_of(selection.target).python_minor
    if interpreter is None or interpreter.source == "host":
        raise InputError(
            "no-interpreter",
            f"target {selection.target.name} locks no interpreter that a Dockerfile could install",
            why='python-source = "host" pins X.Y alone',
            fix='python-source = "standalone" or "debian", then lockenv lock',
        )
    if interpreter.source == "debian":
        if all(one.name != f"python{minor}-venv" for one in selection.system_packages):
            raise InputError(
                "no-venv",
                f"Debian's Python makes no environment without python{minor}-venv",
                fix=f"lockenv add --system python{minor}-venv",
            )
        return f"/usr/bin/python{minor}", []
    return f"{_PYTHON}/bin/python{minor}", _standalone(interpreter)


def _standalone(interpreter: LockedInterpreter) -> list[str]:
    artifact = interpreter.artifact
    if artifact is None or artifact.url is None:
        raise InputError(
            "no-url",
            f"lockenv.lock has no address of CPython {interpreter.version}",
            fix="lockenv lock --upgrade=interpreter",
        )
    if not artifact.name.endswith((".tar.gz", ".tgz")):
        raise InputError(
            "no-tar",
            f"{artifact.name} needs zstd to unpack, which base images do not have",
            fix='python-source = "debian", or a Python that is not free-threaded',
        )
    # The archive's one folder is called python.
    return [
        "ARG PYTHON_ARCHIVE=" + artifact.url,
        "ADD ${PYTHON_ARCHIVE} /tmp/lockenv/python.tar.gz",
        "RUN set -eu; \\",
        f"    echo '{artifact.digest.hex}  /tmp/lockenv/python.tar.gz' | sha256sum -c -; \\",
        "    mkdir -p /opt/lockenv; tar -xzf /tmp/lockenv/python.tar.gz -C /opt/lockenv",
    ]


def _installed(members: Sequence[SelectedPackage], venv: str, options: str) -> list[str]:
    files = [
        f"{requirement_line(member.package)} --hash={member.artifact.digest}"
        for member in members
        if member.artifact is not None
    ]
    return _pip_install([*index_lines(members), *files], venv, options)


def _pip_install(lines: Iterable[str], venv: str, options: str) -> list[str]:
    rows = [f"        {shlex.quote(line)} \\" for line in lines]
    return [
        "RUN set -eu; printf '%s\\n' \\",
        *rows,
        "        > /tmp/lockenv/requirements.txt; \\",
        f"    {_PIP} --python {venv}/bin/python install {_HASHED} \\",
        f"        {options} -r /tmp/lockenv/requirements.txt",
    ]


def _built(selection: Selection, member: SelectedPackage) -> list[str]:
    """A package without a wheel: its locked build environment, its wheel, its installation."""
    package = member.package
    venv, lines = _build_environment(selection, package.name)
    if package.directory is not None:
        place, more = _folder(package)
        return [*lines, *more, *_pip_wheel(venv, package.name, [place])]
    if package.vcs is not None:
        # A commit is its own hash; pip needs git for it, in the base image or among [system].
        return [*lines, *_pip_wheel(venv, package.name, [requirement_line(package)])]
    if member.artifact is None:
        raise InputError(
            "no-artifact",
            f"lockenv.lock has no file of {package.name} for this target",
            fix="lockenv lock",
        )
    asked = [
        *index_lines([member]),
        f"{requirement_line(package)} --hash={member.artifact.digest}",
    ]
    return [*lines, *_pip_wheel_of_file(venv, package.name, asked)]


def _build_environment(selection: Selection, name: str) -> tuple[str, list[str]]:
    build = next((one for one in selection.builds if one.name == name), None)
    if build is None:
        raise InputError(
            "no-build",
            f"lockenv.lock does not say how {name} is built",
            fix='[policy] with sdist = "locked-build", then lockenv lock',
        )
    venv = f"/tmp/lockenv/build-{name}"  # noqa: S108 - a path in the stage
    python, _ = _interpreter(selection)
    lines = [f"RUN {python} -m venv --without-pip {venv}"]
    files = _build_files(build, selection)
    return venv, lines + (_pip_install(files, venv, "--only-binary :all:") if files else [])


def _build_files(build: LockedBuild, selection: Selection) -> list[str]:
    target = selection.target.name
    found = []
    for package in build.packages:
        artifact = package.artifact
        if artifact.targets and target not in artifact.targets:
            continue
        if not artifact.name.endswith(".whl"):
            raise InputError(
                "nested-build",
                f"{build.name} is built with {package.name}, which must be built itself",
                why="a Dockerfile of one stage a package cannot say that",
                fix="lockenv image, which builds it",
            )
        found.append(f"{package.name}=={package.version} --hash={artifact.digest}")
    indexes = sorted({one.index for one in build.packages if one.index})
    return [*index_lines([], indexes), *found]


def _folder(package: LockedPackage) -> tuple[str, list[str]]:
    directory = package.directory
    path = posixpath.normpath(
        posixpath.join(directory.path, directory.subdirectory or "") if directory else "."
    )
    if path.startswith(("..", "/")):
        raise InputError(
            "outside-context",
            f"{package.name} lies in {path}, outside of what a Dockerfile can copy",
            fix="lockenv image, or publish it to an index",
        )
    place = f"/tmp/lockenv/source-{package.name}"  # noqa: S108 - a path in the stage
    return place, [f"COPY {shlex.quote(path)} {place}"]


def _project(selection: Selection, project: LockedPackage) -> list[str]:
    venv, lines = _build_environment(selection, project.name)
    place, more = _folder(project)
    return [*lines, *more, *_pip_wheel(venv, project.name, [place])]


def _pip_wheel(venv: str, name: str, words: Sequence[str]) -> list[str]:
    folder = f"/tmp/lockenv/wheel-{name}"  # noqa: S108 - a path in the stage
    return [
        "RUN set -eu; \\",
        f"    PATH={venv}/bin:$PATH {_PIP} --python {venv}/bin/python wheel --no-deps \\",
        f"        --no-build-isolation -w {folder} {' '.join(map(shlex.quote, words))}; \\",
        f"    {_PIP} --python {_VENV}/bin/python install --no-deps {folder}/*.whl",
    ]


def _pip_wheel_of_file(venv: str, name: str, lines: Sequence[str]) -> list[str]:
    folder = f"/tmp/lockenv/wheel-{name}"  # noqa: S108 - a path in the stage
    rows = [f"        {shlex.quote(line)} \\" for line in lines]
    return [
        "RUN set -eu; printf '%s\\n' \\",
        *rows,
        "        > /tmp/lockenv/requirements.txt; \\",
        f"    PATH={venv}/bin:$PATH {_PIP} --python {venv}/bin/python wheel {_HASHED} \\",
        f"        --no-build-isolation --no-binary :all: -w {folder} \\",
        "        -r /tmp/lockenv/requirements.txt; \\",
        f"    {_PIP} --python {_VENV}/bin/python install --no-deps {folder}/*.whl",
    ]
