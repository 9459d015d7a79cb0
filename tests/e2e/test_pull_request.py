"""docs/pull-request.md shows a pull request as `diff --format markdown` prints it.

``LOCKENV_WRITE_GOLDEN=1 pytest tests/e2e/test_pull_request.py`` writes the page's example anew.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import jsonschema

from lockenv.lockfile import canonical, regrouped, render_lock
from lockenv.model import ArchiveState, CudaFacts, Lock, LockedSystemPackage
from lockenv.values import replace
from tests.support.commands import SOURCE
from tests.support.locks import digest_of, lock_of, package

if TYPE_CHECKING:
    from lockenv.model import LockedPackage
    from tests.support.commands import User

PAGE = SOURCE / "docs" / "pull-request.md"
MARK = re.compile(r"(?s)(<!-- printed -->\n)(.*?)(<!-- end -->\n)")


def _lock(*packages: LockedPackage, driver: str, major: str, system: tuple[str, ...]) -> Lock:
    asked = tuple(f"requirement project {one.name}" for one in packages[:2])
    lock = lock_of(*packages, asked=tuple(sorted(asked)))
    state = ArchiveState(
        name="debian",
        url="https://debian.example.com/debian/",
        suite="bookworm",
        release=digest_of("release"),
        date="2026-11-22T08:00:00Z",
        signer="A" * 40,
        codename="bookworm",
        components=("main",),
        targets=("gpu",),
    )
    debs = tuple(
        LockedSystemPackage(
            name=name,
            version="12.2.0-14+deb12u1",
            architecture="amd64",
            source="gcc-12",
            path=f"pool/main/g/gcc-12/{name}.deb",
            archive=state.key,
            digest=digest_of(name),
            size=114_000,
            roles=("requested",),
            requested=(name,),
            targets=("gpu",),
        )
        for name in system
    )
    facts = CudaFacts(declared={"driver": "580"}, needs={"driver": driver, "major": major})
    targets = tuple(replace(one, cuda=facts, suite="bookworm") for one in lock.targets)
    return canonical(
        regrouped(replace(lock, targets=targets, system_packages=debs, system_archives=(state,)))
    )


def _sized(one: LockedPackage, size: int) -> LockedPackage:
    return replace(one, wheels=tuple(replace(file, size=size) for file in one.wheels))


def test_the_page_shows_what_the_command_prints(user: User) -> None:
    old = _lock(
        _sized(package("numpy", "2.2.1"), 16_000_000),
        _sized(package("torch", "2.10.0", needs=("nvidia-cuda-runtime-cu12",)), 890_000_000),
        _sized(package("nvidia-cuda-runtime-cu12", "12.8.90"), 960_000),
        driver="525.60.13",
        major="12",
        system=("libstdc++6",),
    )
    new = _lock(
        _sized(package("numpy", "2.3.5"), 16_600_000),
        _sized(package("torch", "2.15.0", needs=("nvidia-cuda-runtime",)), 910_000_000),
        _sized(package("nvidia-cuda-runtime", "13.0.96"), 1_200_000),
        driver="580.65.06",
        major="13",
        system=("libgomp1", "libstdc++6"),
    )
    user.write("lockenv.toml", 'python = "3.11"\n')
    user.write("old.lock", render_lock(old))
    user.write("new.lock", render_lock(new))

    printed = user.lockenv("diff", "old.lock", "new.lock", "--format", "markdown").out

    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("LOCKENV_WRITE_GOLDEN"):
        text = MARK.sub(lambda match: f"{match[1]}\n{printed}\n{match[3]}", text)
        PAGE.write_text(text, encoding="utf-8")
    shown = MARK.search(text)
    assert shown is not None
    assert shown[2].strip() == printed.strip()
    for fact in ("numpy", "libgomp1", "needs major 12 -&gt; 13", "needs driver"):
        assert fact in printed
    user.lockenv("diff", "old.lock", "new.lock", "--exit-code", status=1)
    user.lockenv("diff", "old.lock", "old.lock", "--exit-code")


def test_the_json_form_answers_its_schema(user: User) -> None:
    import json  # noqa: PLC0415 - one use

    one = _lock(package("numpy"), driver="1", major="12", system=())
    other = _lock(package("numpy", "2.0"), driver="2", major="13", system=("libgomp1",))
    user.write("lockenv.toml", 'python = "3.11"\n')
    user.write("old.lock", render_lock(one))
    user.write("new.lock", render_lock(other))
    schema = json.loads((SOURCE / "schemas" / "diff.schema.json").read_text(encoding="utf-8"))

    document = json.loads(user.lockenv("diff", "old.lock", "new.lock", "--format", "json").out)

    jsonschema.Draft202012Validator(schema).validate(document)
    assert {change["kind"] for change in document["changes"]} == {"up", "added"}
