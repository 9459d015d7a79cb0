"""Everything that can be found out about a candidate's CUDA, cheapest first, asked once."""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import TYPE_CHECKING

from lockenv.sources.cuda.directory import READ_LIMIT, read_wheel_facts
from lockenv.sources.cuda.directory import wheel_directory as read_directory
from lockenv.sources.cuda.facts import (
    CandidateFacts,
    combine,
    facts_from_name,
    facts_from_range,
    facts_from_requirements,
    facts_from_table,
    facts_from_version,
    without_major,
)
from lockenv.tables.cuda import components, wheels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.formats.contents import Listing
    from lockenv.sources.cuda.directory import Shelf
    from lockenv.sources.cuda.facts import WheelFile

#: A wheel up to this size is read although little suggests that it is worth it.
_SMALL = 16 << 20
#: How much is read of what was chosen and whose major is known, where no GPU must be served.
A_LOOK = _SMALL
#: And up to this size although a span of versions says the same without any reading.
_TINY = 4 << 20
_FAMILY = re.compile(r"-cu\d\d$")
#: Names that suggest that a package is worth a look although nothing is known of it.
_WORDS = ("cuda", "gpu", "torch", "cupy", "jax", "flash", "nvidia", "triton", "-cu1")


class Desk:
    """Learns facts about wheels; safe to share between attempts and threads.

    ``read_limit`` bounds how much of one wheel's libraries is fetched.
    """

    def __init__(self, shelf: Shelf | None, *, read_limit: int = READ_LIMIT) -> None:
        self._shelf = shelf
        self._read_limit = read_limit
        self._cheap: dict[WheelFile, CandidateFacts] = {}
        self._whole: dict[tuple[WheelFile, tuple[str, ...], int], CandidateFacts] = {}
        self._inside: dict[tuple[WheelFile, int], CandidateFacts | None] = {}
        self._directories: dict[WheelFile, Listing | None] = {}
        self._lock = threading.Lock()

    def cheap(self, wheel: WheelFile) -> CandidateFacts:
        """What is known without its metadata and without any network use."""
        found = self._cheap.get(wheel)
        if found is None:
            named = (
                facts_from_version(wheel.version),
                facts_from_name(wheel.package, wheel.version),
                facts_from_table(wheel),
            )
            found = self._cheap[wheel] = combine([f for f in named if f is not None])
        return found

    def facts(
        self, wheel: WheelFile, requirements: Sequence[str], *, effort: int = READ_LIMIT
    ) -> CandidateFacts:
        """All that can be known, given its requirements for the target.

        ``effort`` is how large a wheel may be that is read although its name or metadata say its
        major: nothing for the many that a search looks at and does not choose.
        """
        key = (wheel, tuple(requirements), effort)
        found = self._whole.get(key)
        if found is None:
            found = self._whole[key] = self._learn(wheel, requirements, effort)
        return found

    def all_facts(
        self, asked: Sequence[tuple[WheelFile, Sequence[str]]], effort: int
    ) -> dict[str, CandidateFacts]:
        """The facts of many wheels by package, read side by side."""
        ask = partial(self.facts, effort=effort)
        if self._shelf is not None:
            work = [partial(ask, wheel, texts) for wheel, texts in asked]
            for waiting in [self._shelf.soon(one) for one in work]:
                waiting.result()
        return {wheel.package: ask(wheel, texts) for wheel, texts in asked}

    def _learn(self, wheel: WheelFile, requirements: Sequence[str], effort: int) -> CandidateFacts:
        pins = facts_from_requirements(requirements)
        by_version = facts_from_version(wheel.version)
        by_name = facts_from_name(wheel.package, wheel.version)
        table = facts_from_table(wheel)
        said = [f for f in (by_version, pins, by_name) if f is not None]
        if table is not None:
            return combine(_believed(said, table))
        if by_version is not None and by_version.is_cpu_build:
            return combine(said)  # there is no CUDA in it to read
        span = facts_from_range(wheel)
        limit = effort if any(f.majors for f in said) else self._read_limit
        if effort < READ_LIMIT and _FAMILY.search(wheel.package):
            # Of a family like RAPIDS' one member says the major for all that ask for each other.
            limit = min(limit, _SMALL)
        known = (by_version, pins, by_name, span)
        contents = self._read(wheel, requirements, known, limit) if limit else None
        found = said if contents is None else _believed(said, contents)
        return combine([*found, *([span] if span is not None else [])])

    def _read(
        self,
        wheel: WheelFile,
        requirements: Sequence[str],
        known: Sequence[CandidateFacts | None],
        limit: int,
    ) -> CandidateFacts | None:
        """The wheel itself, where that is worth it and it is small enough for what is known."""
        if not self._worth_reading(wheel, requirements):
            return None
        named = any(word in wheel.package for word in _WORDS)
        most = _TINY if known[-1] is not None else self._read_limit if named else _SMALL
        limit = min(most, limit, self._read_limit)
        return self._look_inside(wheel, limit, glance=not any(known))

    def _look_inside(
        self, wheel: WheelFile, limit: int, *, glance: bool = False
    ) -> CandidateFacts | None:
        """The wheel's own libraries, looked at once in the life of this desk."""
        key = (wheel, limit)
        if key not in self._inside:
            self._inside[key] = (
                read_wheel_facts(wheel, self._shelf, limit=limit, glance=glance)
                if self._shelf
                else None
            )
        return self._inside[key]

    def _worth_reading(self, wheel: WheelFile, requirements: Sequence[str]) -> bool:
        if not wheel.is_wheel or not wheel.url or wheel.platform == "any":
            return False
        if "linux" not in wheel.platform or components().is_runtime(wheel.package):
            return False
        if wheel.package in wheels().quiet:
            return False
        if wheel.package in wheels().projects or any(word in wheel.package for word in _WORDS):
            return True
        return any(_suggests(text) for text in requirements)

    def directory(self, wheel: WheelFile) -> Listing | None:
        """What installing it writes; None if nobody can tell before it is fetched."""
        with self._lock:
            if wheel in self._directories:
                return self._directories[wheel]
        found = read_directory(wheel, self._shelf) if self._shelf and wheel.is_wheel else None
        with self._lock:
            self._directories[wheel] = found
        return found

    def directories(self, files: Sequence[WheelFile]) -> dict[WheelFile, Listing | None]:
        """The same of many, side by side, in the order that was given."""
        if self._shelf is not None:
            for waiting in [self._shelf.soon(partial(self.directory, wheel)) for wheel in files]:
                waiting.result()
        return {wheel: self.directory(wheel) for wheel in files}

    def hidden(self, wheel: WheelFile) -> CandidateFacts | None:
        """What a wheel links although nothing about it suggests so; for a final look.

        None where its directory shows no library of CUDA's, or nothing is learned.
        """
        listing = self.directory(wheel)
        if listing is None or self._shelf is None or components().is_runtime(wheel.package):
            return None
        if wheel.platform == "any" or not listing.shows_cuda:
            return None
        if wheel.package in wheels().quiet:
            return None
        return self._look_inside(wheel, min(self._read_limit, _SMALL), glance=True)


def _believed(said: Sequence[CandidateFacts], read: CandidateFacts) -> list[CandidateFacts]:
    """What names and metadata say, and what the wheel holds, in the order of trust.

    Contents count last, but where the libraries, all of them read, link another major than was
    said: what is linked is what the loader looks for.
    """
    majors = next((f.majors for f in said if f.majors), ())
    if read.is_partial or not read.majors or not majors or set(read.majors) & set(majors):
        return [*said, read]
    return [read, *(without_major(f) for f in said)]


def _suggests(requirement: str) -> bool:
    name = requirement.split("[", 1)[0].split(" ", 1)[0].lower()
    return name.startswith(("torch", "nvidia-", "cupy", "jax", "cuda-"))
