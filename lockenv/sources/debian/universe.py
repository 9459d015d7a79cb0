"""Every package that the archives of one target list, looked up by name; nothing is read ahead.

The rules of multi-arch are those of apt's cache (and the Multi-Arch specification): a relation
without a qualifier means the depender's own architecture, or a package of any architecture that is
``Multi-Arch: foreign``; ``:any`` asks for ``Multi-Arch: allowed``; ``Architecture: all`` counts as
the native architecture; Conflicts and Breaks without a qualifier mean every architecture.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lockenv.formats.debian import Relation, is_version, parse_relations, version_key
from lockenv.sources.debian.mentions import Mentions
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lockenv.formats.debian import Alternatives
    from lockenv.model import ArchiveState
    from lockenv.sources.debian.index import PackageIndex

#: Fields whose relations must hold, in the order in which apt walks them.
NEEDS = ("pre-depends", "depends")
CLASHES = ("conflicts", "breaks")
#: The names that the lock writes them under, as Debian does.
FIELD_NAMES = {
    "pre-depends": "Pre-Depends",
    "depends": "Depends",
    "recommends": "Recommends",
    "conflicts": "Conflicts",
    "breaks": "Breaks",
    "replaces": "Replaces",
    "provides": "Provides",
}
#: Debian's priorities, the most important first; no priority counts as the last.
_PRIORITIES = {"required": 1, "important": 2, "standard": 3, "optional": 4, "extra": 5}

#: Policy 5.6.7, and what third parties write beyond it.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._\-]*", re.ASCII)

PackageName = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Which signed state lists a package, and how apt ranks it."""

    state: ArchiveState
    priority: int = 500
    suite: str = ""
    codename: str = ""
    version: str = ""

    def is_release(self, word: str) -> bool:
        """Whether apt's ``package/word`` means it: suite, codename or version of the release."""
        if word in {self.suite, self.codename, self.state.suite}:
            return True
        return bool(self.version) and self.version.startswith(word) and word[0].isdigit()


class Listed:
    """One version of one package as an index (or a former lock) lists it. Compared by identity."""

    __slots__ = (
        "_clashes",
        "_needs",
        "_provides",
        "architecture",
        "fields",
        "multi_arch",
        "name",
        "position",
        "priority",
        "standing",
        "standings",
        "version",
    )

    def __init__(
        self,
        fields: Mapping[str, str],
        standing: Standing,
        native: str,
        position: tuple[int, int] = (0, 0),
    ) -> None:
        self.fields = fields
        self.standing = standing
        #: apt's rank of this version: the best of those of the archives that list it.
        self.priority = standing.priority
        #: Every archive that lists this version.
        self.standings = [standing]
        self.name = fields["package"]
        self.version = fields["version"]
        own = fields.get("architecture", native)
        #: ``all`` counts as the native architecture.
        self.architecture = native if own == "all" else own
        self.multi_arch = fields.get("multi-arch", "no")
        self.position = position
        self._needs: dict[str, tuple[Alternatives, ...]] = {}
        self._clashes: tuple[Relation, ...] | None = None
        self._provides: tuple[Relation, ...] | None = None

    def __repr__(self) -> str:
        return f"{self.name}:{self.architecture}={self.version}"

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def key(self) -> PackageName:
        """What can be installed only once: name and architecture."""
        return self.name, self.architecture

    @property
    def sha256(self) -> str:
        """The digest's digits; empty for what a base image has installed."""
        return self.fields.get("sha256", "")

    @property
    def essential(self) -> bool:
        """Whether it must always be there. apt counts itself, although no index says so."""
        return self.fields.get("essential") == "yes" or self.name == "apt"

    @property
    def important(self) -> bool:
        """Whether it is protected from removal (``Important`` or ``Protected: yes``)."""
        return "yes" in {self.fields.get("important"), self.fields.get("protected")}

    @property
    def rank(self) -> int:
        """Its Priority as a number, the most important lowest."""
        return _PRIORITIES.get(self.fields.get("priority", ""), 6)

    @property
    def source(self) -> str:
        """The name of its source package."""
        return self.fields.get("source", self.name).partition(" ")[0]

    @property
    def source_version(self) -> str:
        """The version of its source package."""
        _, bracket, version = self.fields.get("source", "").partition("(")
        return version.rstrip(") ") if bracket else self.version

    def is_of(self, release: str) -> bool:
        """Whether a release that ``package/release`` names lists this version."""
        return any(standing.is_release(release) for standing in self.standings)

    def relations(self, name: str) -> tuple[Alternatives, ...]:
        """The alternatives of a relation field, in the order written."""
        found = self._needs.get(name)
        if found is None:
            text = self.fields.get(name)
            found = _readable(text) if text else ()
            self._needs[name] = found
        return found

    def needs(self, *, recommends: bool = False) -> Iterator[tuple[str, Alternatives]]:
        """What it asks for, field by field in apt's order."""
        for name in (*NEEDS, "recommends") if recommends else NEEDS:
            for alternatives in self.relations(name):
                yield name, alternatives

    @property
    def clashes(self) -> tuple[Relation, ...]:
        """What its Conflicts and Breaks name."""
        if self._clashes is None:
            self._clashes = tuple(
                relation
                for name in CLASHES
                for alternatives in self.relations(name)
                for relation in alternatives
            )
        return self._clashes

    @property
    def provides(self) -> tuple[Relation, ...]:
        """What its Provides names; a version stands with ``=`` or not at all."""
        if self._provides is None:
            self._provides = tuple(
                relation
                for alternatives in self.relations("provides")
                for relation in alternatives
                if relation.operator in {"", "="}
            )
        return self._provides


def _is_package(fields: Mapping[str, str]) -> bool:
    """Whether a stanza names a package at all; what does not is passed over, as apt does."""
    name = fields.get("package", "")
    return _NAME.fullmatch(name) is not None and is_version(fields.get("version", ""))


def _readable(text: str) -> tuple[Alternatives, ...]:
    try:
        return parse_relations(text)
    except ValueError:
        # One malformed relation of a third party's package must not hide the others.
        found: list[Alternatives] = []
        for part in text.split(","):
            try:
                found += parse_relations(part)
            except ValueError:
                found.append((Relation("unreadable-relation"),))
        return tuple(found)


def satisfies(relation: Relation, asker: str, listed: Listed, native: str) -> bool:
    """Whether a package itself answers a positive relation of a package of ``asker``'s kind."""
    return (
        relation.name == listed.name
        and _reaches(relation, asker, listed, native)
        and relation.fits(listed.version)
    )


def _reaches(relation: Relation, asker: str, listed: Listed, native: str) -> bool:
    match relation.qualifier:
        case "":
            return listed.architecture == asker or listed.multi_arch == "foreign"
        case "any":
            return listed.multi_arch == "allowed"
        case "native":
            return listed.architecture == native
        case qualifier:
            return listed.architecture == qualifier


def provides(relation: Relation, asker: str, listed: Listed, native: str) -> bool:
    """Whether a package answers a positive relation through its Provides."""
    for provided in listed.provides:
        if provided.name != relation.name:
            continue
        if relation.operator and not (provided.version and relation.fits(provided.version)):
            continue
        if provided.qualifier:
            wanted = relation.qualifier or asker
            if wanted in {provided.qualifier, "any"}:
                return True
        elif _reaches(relation, asker, listed, native):
            return True
    return False


def answers(relation: Relation, asker: str, listed: Listed, native: str) -> bool:
    """Whether a package answers a positive relation, itself or through its Provides."""
    if relation.name == listed.name:
        return satisfies(relation, asker, listed, native) or provides(
            relation, asker, listed, native
        )
    return provides(relation, asker, listed, native)


def clashes_with(one: Listed, relation: Relation, other: Listed) -> bool:
    """Whether a negative relation of ``one`` forbids ``other``.

    A package never clashes with itself, nor with a sibling of another architecture if it is
    ``Multi-Arch: same``, nor through what a sibling provides (apt's DepIterator::IsIgnorable).
    """
    if relation.qualifier not in {"", "any"} and relation.qualifier != other.architecture:
        return False
    if one.name == other.name:
        if one.architecture == other.architecture or one.multi_arch == "same":
            return False
        return relation.name == other.name and relation.fits(other.version)
    if relation.name == other.name and relation.fits(other.version):
        return True
    return any(
        provided.name == relation.name
        and (not relation.operator or bool(provided.version and relation.fits(provided.version)))
        for provided in other.provides
    )


def siblings_clash(one: Listed, other: Listed) -> bool:
    """Whether two architectures of one name cannot stand side by side."""
    if one.name != other.name or one.architecture == other.architecture:
        return False
    same = one.multi_arch == "same" and other.multi_arch == "same"
    return not same or one.version != other.version


class IndexOf(NamedTuple):
    """An index with the architecture that it is for and the state that lists it."""

    packages: PackageIndex
    architecture: str
    standing: Standing


class Universe:
    """The packages of all indexes. ``extra`` are versions that no index lists any more.

    Of what indexes list, only names and versions that ``admits`` says yes to are there.
    """

    def __init__(
        self,
        indexes: Sequence[IndexOf],
        native: str,
        foreign: Sequence[str] = (),
        extra: Iterable[Listed] = (),
        admits: Callable[[str, str], bool] | None = None,
    ) -> None:
        self.native = native
        self._admits = admits
        self.architectures = (native, *foreign)
        self._indexes = tuple(indexes)
        self._listed: dict[tuple[int, int], Listed | None] = {}
        self._versions: dict[PackageName, tuple[Listed, ...]] = {}
        self._providers: dict[str, tuple[Listed, ...]] = {}
        self._extra: dict[PackageName, list[Listed]] = {}
        self._extra_providers: dict[str, list[Listed]] = {}
        for one in extra:
            self._extra.setdefault(one.key, []).append(one)
            for provided in one.provides:
                self._extra_providers.setdefault(provided.name, []).append(one)

    def _at(self, which: int, number: int) -> Listed | None:
        place = (which, number)
        if place in self._listed:
            return self._listed[place]
        index, architecture, standing = self._indexes[which]
        fields = index.stanza(number)
        own = fields.get("architecture", "")
        # An index may list every architecture (flat archives do); `all` is taken from the native
        # architecture's index, and once.
        fits = own == architecture or (own == "all" and architecture == self.native)
        found = None
        if fits and "sha256" in fields and _is_package(fields):
            found = Listed(fields, standing, self.native, (which, index.position(number)))
            if self._admits is not None and not self._admits(found.name, found.version):
                found = None
        self._listed[place] = found
        return found

    def versions(self, name: str, architecture: str) -> tuple[Listed, ...]:
        """All versions of a package, newest first; the first archive's stands for equal ones."""
        key = (name, architecture)
        found = self._versions.get(key)
        if found is None:
            encoded = name.encode()
            merged: dict[tuple[str, str], Listed] = {}
            listed = [
                one
                for which, (index, _, _) in enumerate(self._indexes)
                for number in index.stanzas_of(encoded)
                if (one := self._at(which, number)) is not None
            ]
            for one in listed:
                if one.architecture == architecture:
                    known = merged.setdefault((one.version, one.sha256), one)
                    if known is not one:
                        known.priority = max(known.priority, one.priority)
                        known.standings.append(one.standing)
            there = {version for version, _ in merged}
            for one in self._extra.get(key, ()):
                # What is installed has no digest: it is the same as what an index lists.
                if one.sha256 or one.version not in there:
                    merged.setdefault((one.version, one.sha256), one)
            # Sorting is stable: of equal versions the one that was declared first stands first.
            found = tuple(
                sorted(merged.values(), key=lambda one: version_key(one.version), reverse=True)
            )
            self._versions[key] = found
        return found

    def canonical(self, listed: Listed) -> Listed:
        """The universe's own value for a version that a lock or a base image has."""
        for one in self.versions(*listed.key):
            if one.version == listed.version and listed.sha256 in {"", one.sha256}:
                return one
        return listed

    def providers(self, name: str) -> tuple[Listed, ...]:
        """Every version of every package whose Provides names it, in the order of the indexes."""
        found = self._providers.get(name)
        if found is None:
            encoded = name.encode()
            keys: dict[PackageName, None] = {}
            for which, (index, _, _) in enumerate(self._indexes):
                for number in index.providers_of(encoded):
                    one = self._at(which, number)
                    if one is not None:
                        keys[one.key] = None
            for one in self._extra_providers.get(name, ()):
                keys[one.key] = None
            found = tuple(
                one
                for key in keys
                for one in self.versions(*key)
                if any(provided.name == name for provided in one.provides)
            )
            self._providers[name] = found
        return found

    @cached_property
    def mentions(self) -> Mentions:
        """The order in which the indexes mention names."""
        return Mentions([index for index, _, _ in self._indexes])

    def marked(self) -> list[PackageName]:
        """Names of native packages of which a version is essential, protected or required."""
        names = {
            one.key
            for which, (index, architecture, _) in enumerate(self._indexes)
            if architecture == self.native
            for number in index.marked()
            if (one := self._at(which, number)) is not None
        }
        names |= {
            one.key
            for versions in self._extra.values()
            for one in versions
            if one.architecture == self.native and (one.essential or one.rank == 1)
        }
        return sorted(names)

    def names(self) -> Iterator[str]:
        """Every name of every index, in no order and more than once; for suggestions."""
        for index, _, _ in self._indexes:
            for name in index.names:
                yield name.decode("utf-8", "replace")

    def is_known(self, name: str) -> bool:
        """Whether any architecture has a package of that name."""
        return any(self.versions(name, architecture) for architecture in self.architectures)
