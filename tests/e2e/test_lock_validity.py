"""Locks judged by a checker that shares no code with lockenv."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import serve_index
from tests.support.validity import World, violations
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = ("linux-x86_64", "linux-aarch64-musl", "macos-arm64", "windows-x86_64")
REAL = ("uvicorn[standard]>=0.30", "sqlalchemy[asyncio]", "cryptography", "rich", "requests[socks]")


def _manifest(asked: tuple[str, ...], targets: tuple[str, ...], more: str = "") -> str:
    lines = ", ".join(f'"{one}"' for one in asked)
    names = ", ".join(f'"{one}"' for one in targets)
    return f'python = "3.12"\ndependencies = [{lines}]\ntargets = [{names}]\n{more}'


@pytest.mark.network
def test_a_real_lock_for_four_platforms_is_valid(tmp_path: Path) -> None:
    user = User(tmp_path)
    user.write("lockenv.toml", _manifest(REAL, TARGETS))
    user.lockenv("lock")

    assert violations(user.read("lockenv.lock"), REAL, World()) == []


def test_the_checker_sees_what_is_wrong(tmp_path: Path) -> None:
    asked = ("app[x]", "only-mac; sys_platform == 'darwin'")
    with serve_index() as index:
        index.publish(wheel("app", "1.0", requires=["lib<2"], extras={"x": ["more"]}))
        index.publish(wheel("lib", "1.5"), wheel("lib", "2.0"), wheel("only-mac", "1"))
        index.publish(wheel("more", "1", tag="cp38-abi3-manylinux_2_17_x86_64"))
        index.publish(wheel("more", "1", tag="cp312-cp312-macosx_12_0_universal2"))
        more = f'[[index]]\nname = "own"\nurl = "{index.url}"\ndefault = true\n'
        user = User(tmp_path)
        user.write("lockenv.toml", _manifest(asked, ("linux-x86_64", "macos-arm64"), more))
        user.lockenv("lock")
        text = user.read("lockenv.lock")

        assert violations(text, asked, World()) == []
        assert violations(text, ("app[x]",), World()) == [
            "macos-arm64: nobody asks for only-mac",
        ]
        assert violations(text, (*asked, "lib>=2"), World()) == [
            "linux-x86_64: the manifest asks lib>=2, there is 1.5",
            "macos-arm64: the manifest asks lib>=2, there is 1.5",
        ]
        assert violations(text.replace('glibc = "2.28"', 'glibc = "2.12"'), asked, World()) == [
            "linux-x86_64: more has no wheel for it",
        ]
