from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from packaging.pylock import Pylock

from lockenv.errors import InputError
from lockenv.interchange import is_pylock_name, render_pylock, render_requirements
from lockenv.lockfile import select, target_of
from lockenv.model import DirectoryPin, LockedPackage, VcsPin
from tests.support.locks import file, lock_of, package, small_lock


def test_pylock_is_valid_and_installs_the_same_files() -> None:
    selection = select(small_lock(), "gpu")
    pylock = Pylock.from_dict(tomllib.loads(render_pylock(selection)))

    target = target_of(selection.target)
    chosen = {
        (chosen.name, getattr(file, "name", None))
        for chosen, file in pylock.select(
            environment=target.markers,  # type: ignore[arg-type]  # a TypedDict of the same keys
            tags=target.tags,
        )
    }
    assert chosen == {
        (member.name, member.artifact.name if member.artifact else None)
        for member in selection.packages
    }


def test_pylock_says_vcs_directory_and_archive() -> None:
    asked = tuple(f"requirement project {name}" for name in ("a", "b", "c"))
    lock = lock_of(
        LockedPackage(
            name="a",
            version="1.0",
            vcs=VcsPin(type="git", url="https://example.com/a.git", commit="ab" * 20),
            targets=("gpu",),
        ),
        LockedPackage(
            name="b", directory=DirectoryPin(path="../b", editable=True), targets=("gpu",)
        ),
        LockedPackage(
            name="c", version="1.0", archive=file("c-1.0-py3-none-any.whl"), targets=("gpu",)
        ),
        asked=asked,
    )
    pylock = Pylock.from_dict(tomllib.loads(render_pylock(select(lock, "gpu"))))

    a, b, c = pylock.packages
    assert a.vcs is not None
    assert b.directory is not None
    assert b.directory.editable
    assert c.archive is not None


def test_pylock_refuses_a_file_without_an_address_unless_one_is_given() -> None:
    wheel = file("a-1.0-py3-none-any.whl")
    lock = lock_of(
        replace(package("a"), wheels=(replace(wheel, url=None),)),
        asked=("requirement project a",),
    )
    selection = select(lock, "gpu")

    with pytest.raises(InputError, match="no address"):
        render_pylock(selection)
    text = render_pylock(selection, address=lambda item: f"https://mirror.example.com/{item.name}")
    assert "https://mirror.example.com/a-1.0-py3-none-any.whl" in text


def test_the_environment_is_said_in_the_words_that_pdm_knows() -> None:
    pylock = Pylock.from_dict(tomllib.loads(render_pylock(select(small_lock(), "gpu"))))

    assert pylock.environments is not None
    (environment,) = map(str, pylock.environments)
    for word in ("implementation_name", "platform_machine", "platform_system", "python_version"):
        assert word in environment


def test_pylock_of_nothing_is_valid() -> None:
    selection = replace(select(small_lock(), "gpu"), packages=())

    assert Pylock.from_dict(tomllib.loads(render_pylock(selection))).packages == []


@pytest.mark.parametrize(
    ("name", "fits"),
    [("pylock.toml", True), ("pylock.gpu.toml", True), ("pylock.gpu.x.toml", False), ("x", False)],
)
def test_only_the_standards_file_names_are_accepted(name: str, *, fits: bool) -> None:
    assert is_pylock_name(name) == fits


def test_requirements_carry_one_hash_each_and_their_reasons() -> None:
    text = render_requirements(select(small_lock(), "gpu"))

    assert text.count("--hash=sha256:") == 4
    assert "requests==2.31.0 \\\n    --hash=sha256:" in text
    assert "    # via idna, project" in text
    assert "--index-url https://packages.example.com/simple/" in text
