"""What another tool's file says, in our words: requirements, pins, places, and what did not map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model import Index, SourceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version that another tool chose: a preference of the next lock.

    ``marker`` says where it holds, empty for everywhere. ``hashes`` are those of its files.
    """

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Something that lockenv has no place for: what, and why or what to do about it."""

    what: str
    why: str
    line: int | None = None
    file: str = ""


@dataclass(slots=True)
class Imported:
    """The contents of one file, filled by its reader.

    ``requirements`` are files that stay where they are and are read with every lock. ``image``
    are keys of that table, ``builds`` the packages that `lock` may build. ``has_roots`` is False
    where the file only knows pins: who asked for what is then told by another file, or by nobody.
    ``members`` are packages of the same workspace; where they lie another file may know.
    ``also_read`` are files that this one led to.
    """

    file: str
    dependencies: list[str] = field(default_factory=list)
    extras: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    sources: dict[str, list[SourceRule]] = field(default_factory=dict)
    python: str | None = None
    requires_python: str | None = None
    distribution: str | None = None
    suite: str | None = None
    system_packages: list[str] = field(default_factory=list)
    image: dict[str, str | tuple[str, ...] | Mapping[str, str]] = field(default_factory=dict)
    prerelease: str | None = None
    sdist: str | None = None
    builds: list[str] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_roots: bool = True
    members: list[str] = field(default_factory=list)
    also_read: list[str] = field(default_factory=list)

    def lose(self, what: str, why: str, line: int | None = None) -> None:
        """Note that something has no place."""
        self.unmapped.append(Unmapped(what, why, line, self.file))

    def lose_cuda(self, what: str, line: int | None = None) -> None:
        """Note a toolkit of the container's own: wheels bring theirs, whatever it is."""
        self.lose(
            what,
            "wheels bring their own CUDA: say what your machines have with driver in [cuda]",
            line,
        )

    def lost(self) -> list[Unmapped]:
        """What did not map, each once, and the workspace's members whose place no file tells."""
        unknown = [
            Unmapped(
                f"{name} of the workspace",
                f'write {name} = {{ path = "…", editable = true }} in [sources]',
                None,
                self.file,
            )
            for name in self.members
            if name not in self.sources
        ]
        return list(dict.fromkeys([*self.unmapped, *unknown]))

    def join(self, other: Imported) -> None:
        """Add what another file says, which this one leads to; its own word stays the first."""
        for mine, theirs in (
            (self.dependencies, other.dependencies),
            (self.requirements, other.requirements),
            (self.constraints, other.constraints),
            (self.overrides, other.overrides),
            (self.system_packages, other.system_packages),
            (self.builds, other.builds),
        ):
            mine += [one for one in theirs if one not in mine]
        self.pins += other.pins
        self.indexes += [one for one in other.indexes if one not in self.indexes]
        for name, rules in other.sources.items():
            self.sources.setdefault(name, rules)
        for table, more in ((self.extras, other.extras), (self.groups, other.groups)):
            for name, members in more.items():
                known = table.setdefault(name, [])
                known += [one for one in members if one not in known]
        self.python = self.python or other.python
        self.requires_python = self.requires_python or other.requires_python
        self.distribution = self.distribution or other.distribution
        self.suite = self.suite or other.suite
        self.prerelease = self.prerelease or other.prerelease
        self.sdist = self.sdist or other.sdist
        self.image = {**other.image, **self.image}
        self.unmapped += other.unmapped
        self.members += other.members
        self.also_read += other.also_read
        self.notes += other.notes

    def pin(self, name: str, version: str, marker: str = "", hashes: tuple[str, ...] = ()) -> None:
        """Keep a pin, or note that its version is none."""
        try:
            Version(version)
        except ValueError:
            self.lose(f"{name} {version[:60]}", "this is no version of a Python package")
            return
        self.pins.append(Pin(name=name, version=version, marker=marker, hashes=hashes))
