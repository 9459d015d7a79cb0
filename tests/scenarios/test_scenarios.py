"""Every story in this folder, told to the engine.

A file has a ``description``, ``packages`` (name, version, then a list of requirements or a table
with ``requires``, ``extras``, ``yanked``, ``python``, ``unreadable``, ``rejected``), a ``request``
and what is to ``expect``: the ``pins``, or the ``clash`` (the requests that cannot go together),
the ``lines`` that must stand in the explanation, and the ``ways`` out. Every resolver bug becomes a
file here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement as Pep508
from packaging.version import Version

from lockenv.fields import Fields
from lockenv.resolve import (
    Identifier,
    Resolution,
    Root,
    UnsolvableError,
    explain,
    explained,
    resolve,
)
from tests.support.worlds import Published, PythonWorld, Release

STORIES = sorted(Path(__file__).parent.glob("*.toml"))


def _published(version: Fields, key: str) -> Published:
    if isinstance(version.raw(key), list):
        return Published(requires=version.texts(key))
    table = version.below(key)
    assert table is not None
    extras = table.below("extras") or Fields({})
    return Published(
        requires=table.texts("requires"),
        extras={name: extras.texts(name) for name in extras.table},
        yanked=bool(table.flag("yanked")),
        python=table.text("python") or "",
        unreadable=table.text("unreadable") or "",
        rejected=table.text("rejected") or "",
    )


class Story:
    """One file: its world, its request and what it expects."""

    def __init__(self, path: Path) -> None:
        self.fields = Fields(tomllib.loads(path.read_text(encoding="utf-8")))
        request = self.fields.below("request") or Fields({})
        self.expect = self.fields.below("expect") or Fields({})
        self.world = PythonWorld(
            {
                name: {key: _published(versions, key) for key in versions.table}
                for name, versions in self.fields.named_tables("packages")
            },
            urls={
                address: (
                    url.required_text("name"),
                    url.required_text("version"),
                    _published(Fields({"it": dict(url.table)}), "it"),
                )
                for address, url in self.fields.named_tables("urls")
            },
            environment=request.text_table("environment"),
            preferred=request.text_table("preferred"),
            lowest=request.flag("lowest") or False,
            pre_releases=request.text("pre-releases") or "if-needed",
        )
        self.roots = self.world.roots(*request.texts("requirements"))
        former = request.text_table("proposal")
        self.proposal = {
            Identifier("pypi", name): Release(Identifier("pypi", name), Version(text))
            for name, text in former.items()
        }

    def resolve(self) -> Resolution:
        return resolve({"pypi": self.world}, self.roots, proposal=self.proposal or None)

    def relax(self, root: Root) -> list[Root]:
        """The same name, whatever the version."""
        name = Pep508(str(root.origin)).name
        return self.world.roots(name) if str(root.requirement) != name else []


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_story_ends_as_it_says(path: Path) -> None:
    story = Story(path)
    pins = story.expect.text_table("pins")

    if pins:
        resolution = story.resolve()

        found = {
            pin.identifier.name: pin.version_text
            for pin in resolution.pins.values()
            if not pin.identifier.qualifier
        }
        assert found == pins
        assert resolution.how == (story.expect.text("how") or "searched")
    else:
        with pytest.raises(UnsolvableError) as caught:
            story.resolve()

        explanation = explain(caught.value, relax=story.relax)
        error = explained(explanation, where=str)
        assert {root.origin for root in explanation.roots} == set(story.expect.texts("clash"))
        text = str(error)
        assert [line for line in story.expect.texts("lines") if line not in text] == [], text
        ways = [
            str(way.instead[0].requirement) if way.instead else f"drop {way.removed[0].origin}"
            for way in explanation.ways
        ]
        assert ways == list(story.expect.texts("ways")), text
    asked = {f"{each.identifier.name} {each.version}" for each in story.world.asked}
    assert asked.isdisjoint(story.expect.texts("never-asked"))
    assert not story.fields.faults
