"""Whether a lock is a valid answer, found without any code of lockenv's.

    world = World(page=…, file=…)        # how a page of an index and a file are had
    assert violations(lock_text, ["app>=1"], world) == []

For every target: each requirement of each pin holds (extras and markers included), nothing is
there that nobody asks for, each file fits the target's tags and interpreter, and is listed with
that hash by the index that the lock names. What a pin requires is read from the file itself.
"""

from __future__ import annotations

import email
import hashlib
import io
import json
import tomllib
import urllib.request
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging import tags
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import Message

_JSON = "application/vnd.pypi.simple.v1+json"
#: The architectures of glibc's older names for its levels (PEP 600).
_OLD = {"2_5": "1", "2_12": "2010", "2_17": "2014"}


@dataclass(slots=True)
class World:
    """Indexes and their files, each asked once."""

    pages: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def listed(self, index: str, name: str) -> dict[str, tuple[str, str]]:
        """The sha256 and the address of each file that an index lists for a name."""
        url = f"{index.rstrip('/')}/{canonicalize_name(name)}/"
        if url not in self.pages:
            document: Any = json.loads(_get(url, _JSON))
            self.pages[url] = {
                file["filename"]: f"{file['hashes'].get('sha256')} {file['url']}"
                for file in document["files"]
            }
        return {
            filename: (text.partition(" ")[0], text.partition(" ")[2])
            for filename, text in self.pages[url].items()
        }

    def content(self, url: str) -> bytes:
        """The bytes at an address."""
        if url not in self.files:
            self.files[url] = _get(url, "*/*")
        return self.files[url]


def _get(url: str, accept: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - tests name them
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - likewise
        body: bytes = answer.read()
    return body


def violations(text: str, asked: Sequence[str], world: World) -> list[str]:
    """Everything that is wrong with a lock for these requirements; empty for a valid one."""
    document = tomllib.loads(text)
    return [
        f"{target['name']}: {fault}"
        for target in document["targets"]
        for fault in _of_target(document, target, asked, world)
    ]


def _of_target(
    document: dict[str, Any], target: dict[str, Any], asked: Sequence[str], world: World
) -> Iterator[str]:
    here = {
        package["name"]: package
        for package in document["packages"]
        if target["name"] in package["targets"]
    }
    chosen: dict[str, Message] = {}
    for name, package in here.items():
        artifact, faults = _artifact(package, target)
        yield from faults
        if artifact is not None:
            yield from _listed(package, artifact, world)
            chosen[name] = _metadata(world, package, artifact)
    reached: set[str] = set()
    yield from _walked(asked, dict(target["markers"]), here, chosen, reached)
    for name, metadata in chosen.items():
        python = metadata["Requires-Python"]
        if python and not SpecifierSet(python).contains(target["python"]):
            yield f"{name} needs Python {python}"
    yield from (f"nobody asks for {name}" for name in sorted(set(here) - reached))


def _walked(
    asked: Sequence[str],
    markers: dict[str, str],
    here: dict[str, Any],
    chosen: dict[str, Message],
    reached: set[str],
) -> Iterator[str]:
    """What does not hold on the way from what is asked to all that it needs."""
    waiting = [("the manifest", Requirement(line), "") for line in asked]
    seen: set[tuple[str, str]] = set()
    while waiting:
        asker, requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({**markers, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in here:
            yield f"{asker} asks {requirement}, which is not there"
            continue
        reached.add(name)
        if not requirement.specifier.contains(here[name]["version"], prereleases=True):
            yield f"{asker} asks {requirement}, there is {here[name]['version']}"
        for wanted in ("", *map(canonicalize_name, requirement.extras)):
            lines = chosen[name].get_all("Requires-Dist") if name in chosen else None
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(f"{name}[{wanted}]", Requirement(one), wanted) for one in lines or ()]


def _artifact(
    package: dict[str, Any], target: dict[str, Any]
) -> tuple[dict[str, Any] | None, list[str]]:
    """The one wheel of a package that a target would install: the best by its tags."""
    order = {str(tag): rank for rank, tag in enumerate(_tags(target))}
    ranked = []
    for wheel in package.get("wheels", ()):
        fits = [
            order[str(tag)] for tag in parse_wheel_filename(wheel["name"])[3] if str(tag) in order
        ]
        if fits:
            ranked.append((min(fits), wheel))
    if not ranked:
        return None, [f"{package['name']} has no wheel for it"]
    return min(ranked, key=lambda one: one[0])[1], []


def _tags(target: dict[str, Any]) -> list[tags.Tag]:
    major, minor = (int(part) for part in target["python"].split(".")[:2])
    platforms = list(_platforms(target))
    return [
        *tags.cpython_tags((major, minor), [f"cp{major}{minor}"], platforms),
        *tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    ]


def _platforms(target: dict[str, Any]) -> Iterator[str]:
    system, _, rest = target["platform"].partition("-")
    machine = rest.removesuffix("-musl")
    if system == "windows":
        yield "win_amd64"
    elif system == "macos":
        major, minor = (int(part) for part in target["macos"].split("."))
        yield from tags.mac_platforms((major, minor), machine)
    elif "musl" in target:
        for level in range(int(target["musl"].split(".")[1]), -1, -1):
            yield f"musllinux_1_{level}_{machine}"
    else:
        for level in range(int(target["glibc"].split(".")[1]), 4, -1):
            yield f"manylinux_2_{level}_{machine}"
            if (old := _OLD.get(f"2_{level}")) is not None:
                yield f"manylinux{old}_{machine}"
        yield f"linux_{machine}"


def _listed(package: dict[str, Any], artifact: dict[str, Any], world: World) -> Iterator[str]:
    name = artifact["name"]
    listed = world.listed(package["index"], package["name"]).get(name)
    if listed is None:
        yield f"{name} is not on {package['index']}"
    elif listed[0] != artifact["hashes"]["sha256"]:
        yield f"{name} has the hash {artifact['hashes']['sha256']}, the index lists {listed[0]}"


def _metadata(world: World, package: dict[str, Any], artifact: dict[str, Any]) -> Message:
    _, url = world.listed(package["index"], package["name"])[artifact["name"]]
    body = world.content(url)
    found = hashlib.sha256(body).hexdigest()
    assert found == artifact["hashes"]["sha256"], f"{artifact['name']} is another file: {found}"
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        path = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(path))
