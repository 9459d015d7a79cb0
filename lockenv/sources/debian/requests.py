"""What the manifest asks of Debian, as versions and alternatives of one universe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import FaultsError, InputError, NoSolutionError
from lockenv.fields import nearest, render_path
from lockenv.formats.debian import parse_request
from lockenv.sources.debian.universe import answers
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lockenv.errors import LockenvError
    from lockenv.formats.debian import Alternatives, Relation, Request
    from lockenv.model import Origin, SystemPackage
    from lockenv.sources.debian.universe import Listed, PackageName, Universe


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the manifest: as parsed, as written, and where it stands.

    ``place`` finds the line, and is only asked for a message.
    """

    request: Request
    text: str
    origin: Origin
    place: Callable[[Origin], str]

    @property
    def where(self) -> str:
        """Its place, for messages."""
        return self.place(self.origin)


@dataclass(slots=True)
class Requests:
    """What is asked for, settled as far as names and versions go.

    ``wanted`` are single packages in the order of the manifest, ``choices`` the requests that
    leave a choice. ``pins`` are the candidates that requests fix; ``answers`` tells for each
    wanted package which requests it answers.
    """

    wanted: list[Listed] = field(default_factory=list)
    choices: list[tuple[Alternatives, Asked]] = field(default_factory=list)
    pins: dict[PackageName, Listed] = field(default_factory=dict)
    answers: dict[PackageName, list[Asked]] = field(default_factory=dict)
    releases: list[tuple[Listed, str]] = field(default_factory=list)


def where(origin: Origin) -> str:
    """The place of a request, for messages."""
    place = f"{origin.file}:{origin.line}" if origin.line else origin.file
    return f"{place}: {render_path(origin.path)}" if origin.path else place


def parse_asked(
    packages: Sequence[SystemPackage],
    architecture: str,
    place: Callable[[Origin], str] = where,
) -> list[Asked]:
    """The requests that hold on an architecture; all malformed ones are told at once."""
    found: list[Asked] = []
    faults: list[LockenvError] = []
    for package in packages:
        try:
            request = parse_request(package.relation)
        except ValueError as error:
            faults.append(
                InputError(
                    "bad-relation",
                    f"{package.relation!r} names no system package",
                    why=(place(package.origin), str(error)),
                    fix="write it as in Depends: `name (>= version)`, `a | b`, `name:arch`",
                )
            )
            continue
        alternatives = tuple(
            relation for relation in request.alternatives if relation.applies_to(architecture)
        )
        if alternatives:
            kept = request._replace(alternatives=alternatives)
            found.append(Asked(kept, package.relation, package.origin, place))
    if faults:
        raise FaultsError(faults)
    return found


def settle(
    asked: Sequence[Asked],
    universe: Universe,
    policy: Callable[[PackageName], Listed | None],
    prefer: Sequence[str],
) -> Requests:
    """Each request as a version or a choice; NoSolutionError where a name or version is unknown."""
    found = Requests()
    limits: dict[PackageName, list[tuple[Relation, Asked]]] = {}
    for one in asked:
        relation = one.request.alternatives[0]
        key = (relation.name, _architecture(relation, universe))
        if len(one.request.alternatives) > 1:
            found.choices.append((one.request.alternatives, one))
        elif universe.versions(*key):
            limits.setdefault(key, []).append((relation, one))
        else:
            key = _only_provider(relation, one, universe, policy, prefer)
            limits.setdefault(key, [])
            found.answers.setdefault(key, []).append(one)
    for key, relations in limits.items():
        listed = _version(key, relations, universe, policy)
        found.wanted.append(listed)
        if any(relation.operator or one.request.release for relation, one in relations):
            found.pins[key] = listed
        found.answers.setdefault(key, []).extend(one for _, one in relations)
        found.releases += [
            (listed, one.request.release) for _, one in relations if one.request.release
        ]
    return found


def _architecture(relation: Relation, universe: Universe) -> str:
    """Of a plain name the first architecture that has it (apt's FindPreferredPkg)."""
    if relation.qualifier not in {"", "any", "native"}:
        return relation.qualifier
    having = (one for one in universe.architectures if universe.versions(relation.name, one))
    return next(having, universe.native) if not relation.qualifier else universe.native


def _version(
    key: PackageName,
    relations: Sequence[tuple[Relation, Asked]],
    universe: Universe,
    policy: Callable[[PackageName], Listed | None],
) -> Listed:
    releases = [one.request.release for _, one in relations if one.request.release]
    fitting = [
        one
        for one in universe.versions(*key)
        if all(relation.fits(one.version) for relation, _ in relations)
        and all(one.is_of(release) for release in releases)
    ]
    candidate = policy(key)
    if candidate in fitting:
        return candidate
    allowed = [one for one in fitting if one.priority >= 0]
    if allowed:
        return max(allowed, key=lambda one: one.priority)
    there = ", ".join(
        f"{one.version} ({one.standing.state.suite})" for one in universe.versions(*key)
    )
    raise NoSolutionError(
        "no-such-version",
        f"no version of {key[0]} answers what is asked",
        why=(
            *(f"you ask for {one.text}    {one.where}" for _, one in relations),
            f"the archives have {there}",
        ),
        fix=(
            "write backports = true into [system]"
            if any(release.endswith("-backports") for release in releases)
            else f"relax the request for {key[0]}, or add an archive that has such a version"
        ),
    )


def _only_provider(
    relation: Relation,
    one: Asked,
    universe: Universe,
    policy: Callable[[PackageName], Listed | None],
    prefer: Sequence[str],
) -> PackageName:
    """Apt's tryVirtualPackage: the name that alone provides it, in the best architecture."""
    architecture = _architecture(relation, universe)
    plain = relation._replace(qualifier="")
    there = dict.fromkeys(
        (
            *(
                listed
                for other in universe.architectures
                for listed in universe.versions(relation.name, other)
            ),
            *universe.providers(relation.name),
        )
    )
    found: dict[str, PackageName] = {}
    order = (architecture, *universe.architectures)
    for listed in sorted(there, key=lambda each: order.index(each.architecture)):
        if policy(listed.key) is listed and answers(plain, architecture, listed, universe.native):
            found.setdefault(listed.name, listed.key)
    names = [name for name in prefer if name in found][:1] or sorted(found)
    if len(names) == 1:
        return found[names[0]]
    if names:
        raise NoSolutionError(
            "virtual-package",
            f"{relation.name} is a virtual package that several packages provide",
            why=(f"you ask for {one.text}    {one.where}", f"it is provided by {', '.join(names)}"),
            fix=f'ask for one of them, or write prefer = ["{names[0]}"] into [system]',
        )
    raise _unknown(relation, one, universe, there, architecture)


def _unknown(
    relation: Relation,
    one: Asked,
    universe: Universe,
    there: Iterable[Listed],
    architecture: str,
) -> NoSolutionError:
    why = [f"you ask for {one.text}    {one.where}"]
    versions = sorted({str(listed) for listed in there if listed.name != relation.name})
    if versions and relation.operator:
        given = ", ".join(versions)
        why.append(f"it is a virtual package, provided by {given}, none of them in such a version")
        fix = "ask for one of them, or without a version"
    elif elsewhere := sorted({each.architecture for each in there if each.name == relation.name}):
        why.append(f"{relation.name} is there for {', '.join(elsewhere)}, not for {architecture}")
        fix = f"write {relation.name}, or check system.architectures"
        if architecture not in universe.architectures:
            fix = f'add "{architecture}" to architectures in [system], or write {relation.name}'
    else:
        near = nearest(relation.name, set(universe.names()))
        fix = f"write {near}" if near else "check the name, system.suite and system.components"
    kind = f"{relation.name}:{architecture}" if relation.qualifier else relation.name
    return NoSolutionError(
        "unknown-system-package",
        f"no archive of this target has a package {kind}",
        why=why,
        fix=fix,
    )
