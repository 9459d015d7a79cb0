"""Real wheels on real Debian: their gaps are found, and what is named for them closes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.sandbox import abilities

if TYPE_CHECKING:
    from tests.support.commands import User

pytestmark = [pytest.mark.network, pytest.mark.slow]

LIVE = """\
python = "3.11"
python-source = "debian"
targets = ["linux-x86_64"]
dependencies = [{wheels}]

[system]
distribution = "debian"
suite = "{suite}"

[policy]
native-libraries = "{policy}"

[image]
"""
WHEELS = {
    "opencv-python==4.11.0.86": ("cv2", "libGL.so.1: add libgl1"),
    "lightgbm==4.6.0": ("lightgbm", "libgomp.so.1: add libgomp1"),
    "sounddevice==0.5.1": ("sounddevice", "libportaudio.so.2: add libportaudio2"),
    "soundfile==0.13.1": ("soundfile", ""),
    "psycopg2-binary==2.9.10": ("psycopg2", ""),
    "rasterio==1.4.3": ("rasterio.crs", ""),
}


def _live(user: User, suite: str, policy: str, *, python: str = "") -> None:
    wheels = ", ".join(f'"{name}"' for name in WHEELS)
    text = LIVE.format(wheels=wheels, suite=suite, policy=policy)
    if python:
        text = text.replace('python-source = "debian"\n', "").replace("3.11", python, 1)
    user.write("lockenv.toml", text)


def test_the_gaps_of_real_wheels_are_found(user: User) -> None:
    _live(user, "trixie", "warn", python="3.12")

    answer = user.lockenv("lock")

    if "missing libraries were not looked for" in answer.err:
        pytest.skip("the mirror's Contents are not those of its Release at the moment")
    for name, (_, gap) in WHEELS.items():
        assert not gap or f"{name.replace('==', ' ')} needs {gap}" in answer.err, name
    # The minimal system has no expat; with Debian's own Python it would come along.
    assert "rasterio 1.4.3 needs libexpat.so.1: add libexpat1" in answer.err
    assert "libgthread-2.0.so.0: add libglib2.0-0t64" in answer.err


@pytest.mark.skipif(
    not any(one.works for one in abilities()), reason="needs root or user namespaces"
)
def test_real_wheels_import_in_a_root_made_from_the_lock(user: User) -> None:
    _live(user, "bookworm", "add")
    user.lockenv("lock")

    for module, _ in WHEELS.values():
        user.lockenv("run", "--in", "image", "python", "-c", f"import {module}")
