"""Everything that a selection of a lock consists of, as bills of materials name it.

Package URLs follow the purl specification, ECMA-427. Nothing here depends on a clock: the moment of
an inventory is that of the newest thing in it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import quote

from lockenv.formats.debian import parse_relations
from lockenv.lockfile import environment_digest
from lockenv.tables.addresses import CONTAINER_REGISTRY, PYTHON_INDEX
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lockenv.lockfile import SelectedPackage, Selection
    from lockenv.model import (
        ArchiveState,
        Artifact,
        Digest,
        Lock,
        LockedInterpreter,
        LockedPackage,
        LockedSystemPackage,
    )

#: What an inventory of nothing dated says.
_NO_MOMENT = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One thing; ``key`` is unique in its inventory, ``needs`` are the keys of what it needs.

    ``layer`` is python, system, interpreter, cuda, base or build. ``url`` is where its file was
    had when it was locked, ``file`` the file's name; ``cpe`` is for what scanners know by that.
    """

    key: str
    layer: str
    name: str
    version: str
    purl: str
    digest: Digest | None = None
    size: int | None = None
    file: str = ""
    url: str = ""
    cpe: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What one selection comes to: a subject and its components, sorted by layer and key.

    ``roots`` are the keys that the subject itself asks for; ``distribution`` is Debian's name and
    suite where there are system packages. ``built`` maps what is built from source (empty for the
    project itself) to the keys of its build environment.
    """

    name: str
    target: str
    environment: Digest
    moment: str
    distribution: tuple[str, str] | None
    components: tuple[Component, ...]
    roots: tuple[str, ...]
    built: Mapping[str, tuple[str, ...]]


def inventory_of(lock: Lock, selection: Selection, name: str) -> Inventory:
    """The inventory of a selection; ``name`` is what its subject is called."""
    target = selection.target.name
    python = [_python(member, selection) for member in selection.packages]
    builds = list(_builds(selection))
    components = [
        *python,
        *_system(lock, selection),
        *(_interpreter(one) for one in [selection.interpreter] if one is not None),
        *_cuda(lock, target),
        *_bases(lock, target),
        *{component.key: component for _, component in builds}.values(),
    ]
    built: defaultdict[str, list[str]] = defaultdict(list)
    for asker, component in builds:
        own = selection.project is not None and asker == selection.project.name
        built["" if own else _python_key(asker)].append(component.key)
    return Inventory(
        name=name,
        target=target,
        environment=environment_digest(lock, selection),
        moment=_newest(lock, selection),
        distribution=_distribution(lock, selection),
        components=tuple(sorted(components, key=lambda one: (one.layer, one.key))),
        roots=tuple(sorted(_roots(selection, components))),
        built={key: tuple(sorted(set(keys))) for key, keys in sorted(built.items())},
    )


def package_url(
    kind: str, path: str, version: str, qualifiers: Mapping[str, str | None] | None = None
) -> str:
    """A package URL; empty qualifiers are left out, the others sorted."""
    text = f"pkg:{kind}/{'/'.join(_quoted(part) for part in path.split('/'))}"
    if version:
        text += f"@{_quoted(version)}"
    said = {key: value for key, value in (qualifiers or {}).items() if value}
    if said:
        text += "?" + "&".join(f"{key}={_quoted(said[key], '/')}" for key in sorted(said))
    return text


def _quoted(text: str, safe: str = "") -> str:
    # A colon is the one separator that the specification always leaves as it is.
    return quote(text, safe=safe + ":")


def _python_key(name: str) -> str:
    return f"pypi:{name}"


def _python(member: SelectedPackage, selection: Selection) -> Component:
    package, artifact = member.package, member.artifact
    needs = [
        other.name
        for other in selection.packages
        if any(not edge.is_root and edge.asker == package.name for edge in other.asked_by)
    ]
    return Component(
        key=_python_key(package.name),
        layer="python",
        name=package.name,
        version=package.version or "",
        purl=package_url("pypi", package.name, package.version or "", _origin(package, artifact)),
        digest=artifact.digest if artifact else None,
        size=artifact.size if artifact else None,
        file=artifact.name if artifact else "",
        url=_address(package, artifact),
        needs=tuple(_python_key(name) for name in sorted(needs)),
    )


def _origin(package: LockedPackage, artifact: Artifact | None) -> dict[str, str | None]:
    if package.vcs is not None:
        return {"vcs_url": _address(package, artifact)}
    if package.archive is not None:
        return {"download_url": package.archive.url}
    index = package.index if package.index != PYTHON_INDEX else None
    return {"repository_url": index, "file_name": artifact.name if artifact else None}


def _address(package: LockedPackage, artifact: Artifact | None) -> str:
    if package.vcs is not None:
        return f"{package.vcs.type}+{package.vcs.url}@{package.vcs.commit}"
    return (artifact.url or "") if artifact else ""


def _builds(selection: Selection) -> Iterator[tuple[str, Component]]:
    """What builds install, each with the package that is built."""
    target = selection.target.name
    for build in selection.builds:
        for package in build.packages:
            artifact = package.artifact
            if target not in artifact.targets and artifact.targets:
                continue
            index = package.index if package.index != PYTHON_INDEX else None
            component = Component(
                key=f"build:{package.name}@{package.version}",
                layer="build",
                name=package.name,
                version=package.version,
                purl=package_url(
                    "pypi",
                    package.name,
                    package.version,
                    {"repository_url": index, "file_name": artifact.name},
                ),
                digest=artifact.digest,
                size=artifact.size,
                file=artifact.name,
                url=artifact.url or "",
            )
            yield build.name, component


def _system_key(package: LockedSystemPackage) -> str:
    return f"deb:{package.name}:{package.architecture}"


def _system(lock: Lock, selection: Selection) -> Iterator[Component]:
    states = {state.key: state for state in lock.system_archives}
    providers = _providers(selection.system_packages)
    for package in selection.system_packages:
        state = states.get(package.archive)
        yield Component(
            key=_system_key(package),
            layer="system",
            name=package.name,
            version=package.version,
            purl=_system_url(package, state),
            digest=package.digest,
            size=package.size,
            file=package.path.rpartition("/")[2],
            url=state.url + package.path if state else "",
            needs=tuple(sorted(_needs(package, providers))),
        )


def _system_url(package: LockedSystemPackage, state: ArchiveState | None) -> str:
    vendor = "ubuntu" if state is not None and state.origin.startswith("Ubuntu") else "debian"
    # ``source`` is as the index has it: a version in parentheses where that differs.
    source, _, rest = package.source.partition(" ")
    version = rest.strip("()")
    upstream = source + (f"@{version}" if version else "")
    return package_url(
        "deb",
        f"{vendor}/{package.name}",
        package.version,
        {
            "arch": package.architecture,
            "distro": state.codename if state else None,
            "upstream": upstream if upstream != package.name else None,
        },
    )


def _providers(
    packages: Iterable[LockedSystemPackage],
) -> dict[str, list[LockedSystemPackage]]:
    found: defaultdict[str, list[LockedSystemPackage]] = defaultdict(list)
    for package in packages:
        found[package.name].append(package)
        for alternatives in parse_relations(package.relations.get("Provides", "")):
            found[alternatives[0].name].append(package)
    return found


def _needs(
    package: LockedSystemPackage, providers: Mapping[str, list[LockedSystemPackage]]
) -> set[str]:
    """The keys of what answers its dependencies: of alternatives the first that is locked."""
    found = set()
    for name in ("Pre-Depends", "Depends"):
        for alternatives in parse_relations(package.relations.get(name, "")):
            answers = next(
                (providers[one.name] for one in alternatives if one.name in providers), []
            )
            alike = [
                one for one in answers if one.architecture in {package.architecture, "all"}
            ] or answers
            found |= {_system_key(one) for one in alike}
    return found - {_system_key(package)}


def _interpreter(interpreter: LockedInterpreter) -> Component:
    artifact = interpreter.artifact
    url = (artifact.url or "") if artifact else ""
    return Component(
        key="python",
        layer="interpreter",
        name="cpython",
        version=interpreter.version,
        purl=package_url(
            "generic",
            "cpython",
            interpreter.version,
            {"checksum": str(artifact.digest) if artifact else None, "download_url": url},
        ),
        digest=artifact.digest if artifact else None,
        size=artifact.size if artifact else None,
        file=artifact.name if artifact else "",
        url=url,
        cpe=f"cpe:2.3:a:python:python:{interpreter.version}:*:*:*:*:*:*:*",
    )


def _cuda(lock: Lock, target: str) -> Iterator[Component]:
    for item in lock.cuda_components:
        if target in item.targets:
            yield Component(
                key=f"cuda:{item.name}",
                layer="cuda",
                name=item.name,
                version=item.version,
                purl=package_url(
                    "generic",
                    f"nvidia/{item.name}",
                    item.version,
                    {"checksum": str(item.artifact.digest), "download_url": item.artifact.url},
                ),
                digest=item.artifact.digest,
                size=item.artifact.size,
                file=item.artifact.name,
                url=item.artifact.url or "",
            )


def _bases(lock: Lock, target: str) -> Iterator[Component]:
    for image in lock.base_images:
        if target in image.targets:
            place = image.reference.partition("@")[0]
            path, _, tag = (
                place.rpartition(":") if ":" in place.rpartition("/")[2] else (place, "", "")
            )
            yield Component(
                key=f"base:{image.reference}",
                layer="base",
                name=place,
                version=str(image.digest),
                purl=package_url(
                    "oci",
                    path.rpartition("/")[2],
                    str(image.digest),
                    {"repository_url": _repository(path), "tag": tag or None},
                ),
                digest=image.digest,
                size=image.size,
            )


def _repository(path: str) -> str:
    first, slash, _ = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return path
    return f"{CONTAINER_REGISTRY}/{path if slash else f'library/{path}'}"


def _roots(selection: Selection, components: Iterable[Component]) -> Iterator[str]:
    own = selection.project.name if selection.project else None
    for member in selection.packages:
        if any(edge.is_root or edge.asker == own for edge in member.asked_by):
            yield _python_key(member.name)
    needed = set()
    for component in components:
        needed |= set(component.needs) if component.layer == "system" else set()
    for package in selection.system_packages:
        key = _system_key(package)
        if package.requested or package.essential or key not in needed:
            yield key
    for component in components:
        if component.layer in {"interpreter", "cuda", "base"}:
            yield component.key


def _distribution(lock: Lock, selection: Selection) -> tuple[str, str] | None:
    if not selection.system_packages or selection.target.suite is None:
        return None
    target = selection.target.name
    is_ubuntu = any(
        state.origin.startswith("Ubuntu")
        for state in lock.system_archives
        if target in state.targets
    )
    return ("ubuntu" if is_ubuntu else "debian", selection.target.suite)


def _newest(lock: Lock, selection: Selection) -> str:
    """When the newest file was published, or the newest archive state signed."""
    target = selection.target.name
    moments = [
        member.artifact.upload_time
        for member in selection.packages
        if member.artifact is not None and member.artifact.upload_time
    ]
    moments += [state.date for state in lock.system_archives if target in state.targets]
    return max(moments, default=_NO_MOMENT)
