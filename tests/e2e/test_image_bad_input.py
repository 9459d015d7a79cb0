"""Failing scripts and cut builds through the command line: told by name, nothing left behind."""

from __future__ import annotations

import signal
import tarfile
from typing import TYPE_CHECKING

import pytest

from lockenv.host import machine_here
from lockenv.sandbox import abilities
from tests.support.commands import User
from tests.support.debian_archive import Deb, DebianArchive, serve_files
from tests.support.debs import (
    can_make_host_base,
    folder,
    host_base,
)
from tests.support.debs import deb as tiny

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.debs import TinyDeb

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(
        not any(one.works for one in abilities()), reason="needs root or user namespaces"
    ),
    pytest.mark.skipif(not can_make_host_base(), reason="needs dpkg on this machine"),
    pytest.mark.skipif(
        machine_here().platform != "linux-x86_64", reason="images of this platform are built"
    ),
]
WAITS = "#!/bin/sh\necho started > /etc/started\nwhile :; do sleep 0.2; done\n"


def _published(one: TinyDeb, **fields: str) -> Deb:
    known = {"Package": one.name, "Version": one.version, "Architecture": one.architecture}
    more = {"Maintainer": "Nobody <nobody@example.com>", "Description": one.name}
    return Deb(known | more | fields, one.data)


@pytest.fixture(scope="module")
def archive() -> Iterator[tuple[str, bytes]]:
    """The address of an archive with all these packages, and its key."""
    content = DebianArchive()
    content.add(_published(host_base(), Essential="yes"))
    scripts = {
        "fails": {"postinst": "#!/bin/sh\necho what it says\necho and complains >&2\nexit 3\n"},
        "refuses": {"preinst": "#!/bin/sh\necho not here\nexit 4\n"},
        "waits": {"postinst": WAITS},
        "stays": {"postinst": "#!/bin/sh\nsleep 600 &\n"},
    }
    for name, texts in scripts.items():
        content.add(_published(tiny(name, members=[folder("usr/share")], scripts=texts)))
    content.publish("stable")
    with serve_files(content.files) as server:
        yield server.url, content.key.public


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, archive: tuple[str, bytes]) -> User:
    """One user for all: what a build leaves behind would meet the next one."""
    user = User(tmp_path_factory.mktemp("bad"))
    (user.folder / "key.pgp").write_bytes(archive[1])
    user.variables["LOCKENV_TEST_ARCHIVE"] = archive[0]
    return user


def _asks(user: User, *packages: str) -> None:
    names = ", ".join(f'"{name}"' for name in ("host-base", *packages))
    user.write(
        "lockenv.toml",
        f"""python = "3.11"
python-source = "host"
dependencies = []

[system]
distribution = "none"
packages = [{names}]

[[system.archive]]
name = "local"
url = "{user.variables["LOCKENV_TEST_ARCHIVE"]}"
suites = ["stable"]
components = ["main"]
signed-by = "key.pgp"

[target.gpu]
platform = "linux-x86_64"
system = true

[image]
project = false
""",
    )
    user.lockenv("lock")


def _left(user: User) -> list[str]:
    """What a build has under way, or has not cleared away."""
    image = user.cache / "image"
    known = {path.stem for path in image.glob("roots/*.json")}
    roots = [path for path in image.glob("roots/*") if path.is_dir() and path.name not in known]
    return [path.name for path in (*roots, *image.glob("work/*"), *image.glob("check-*"))]


@pytest.mark.parametrize(
    ("name", "said"), [("fails", ["what it says", "and complains"]), ("refuses", ["not here"])]
)
def test_a_script_that_fails_is_named_with_its_output(
    project: User, name: str, said: list[str]
) -> None:
    _asks(project, name)

    answer = project.lockenv("image", "--output", "failed.tar", status=7)

    assert answer.slug == "maintainer-script-failed"
    assert all(words in answer.err for words in [name, *said])
    assert _left(project) == []
    assert not (project.folder / "failed.tar").exists()


def test_what_a_script_leaves_running_ends_with_it(project: User) -> None:
    _asks(project, "stays")

    project.lockenv("image")


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_cut_leaves_no_process_and_harms_no_later_one(
    project: User, by: signal.Signals
) -> None:
    _asks(project, "waits")

    answer = project.interrupted("image", by=by, when=lambda: _is_configuring(project))

    assert answer.status == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(by, -by)
    if by != signal.SIGKILL:
        assert _left(project) == []
    _asks(project)
    project.lockenv("image", "--output", "out.tar")
    project.lockenv("cache", "prune")
    assert _left(project) == []
    with tarfile.open(project.folder / "out.tar") as written:
        assert "index.json" in written.getnames()


def _is_configuring(user: User) -> bool:
    return any(user.cache.glob("image/**/etc/started"))
