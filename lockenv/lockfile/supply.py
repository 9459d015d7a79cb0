"""Where a lock's files come from, against what its own request declares (LE801 to LE804)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.lockfile.asked import rests
from lockenv.lockfile.places import Places
from lockenv.model import LOCK_NAME, Finding
from lockenv.tables.addresses import (
    DROPPING_INDEXES,
    FILES_ELSEWHERE,
    NVIDIA_REDISTRIBUTABLES,
    PYTHON_BUILDS,
    PYTHON_FILES,
    PYTHON_INDEX,
    SHARED_DOMAINS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.fields import KeyPath
    from lockenv.model import Artifact, Lock


#: Below these and a country's letters names are given to everybody: ``example.co.uk``.
_SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"})

#: A code, what is so, where, and of which package.
Told = tuple[str, str, "KeyPath", str]


def supply_findings(lock: Lock, text: str, *, name: str = LOCK_NAME) -> list[Finding]:
    """Entries from places that the manifest does not name, yanked ones, and fleeting indexes."""
    places = Places(text)
    found = []
    for code, words, path, package in (*_packages(lock), *_builds(lock), *_of_fixed_places(lock)):
        line = places.entry(path)
        found.append(
            Finding(
                code=code,
                message=f"{name}:{line}: {words}",
                layer="supply-chain",
                severity="warning" if code == "LE802" else "error",
                package=package,
                file=name,
                line=line,
                fix=_FIXES[code],
            )
        )
    return found


def _packages(lock: Lock) -> Iterator[Told]:
    for number, package in enumerate(lock.packages):
        path: KeyPath = ("packages", number)
        declared = _indexes(lock, package.targets)
        for code, words in _of_index(package.name, package.index, declared):
            yield code, words, path, package.name
        if package.index in declared:
            for file in (*package.wheels, package.sdist):
                if file is not None and not _is_declared(file, package.index or "", declared):
                    words = f"{file.name} is said to be at {_host(file.url or '')}"
                    words = f"{words}, which is no place of index {package.index}"
                    yield "LE804", words, path, package.name
        if package.yanked is not None:
            why = f": {package.yanked}" if package.yanked else ""
            yield "LE802", f"{package.name} {package.version} is yanked{why}", path, package.name


def _builds(lock: Lock) -> Iterator[Told]:
    for number, build in enumerate(lock.builds):
        declared = _indexes(lock, build.targets)
        for item in build.packages:
            for code, words in _of_index(item.name, item.index, declared):
                yield code, words, ("builds", number), item.name


_FIXES = {
    "LE801": "declare the place in the manifest if it is meant, else git restore the lock",
    "LE802": "lockenv lock --upgrade, or [[ignore]] with the reason",
    "LE803": "keep the files (lockenv fetch --output DIR), or [[ignore]] with the reason",
    "LE804": (
        "git restore the lock, or declare the place if the index keeps files there:"
        ' [[index]] name = "files", url = "https://…/", explicit = true'
    ),
}


def _indexes(lock: Lock, targets: Iterable[str]) -> set[str]:
    """The addresses that the request declares, as entries name them."""
    found = set()
    for target in targets:
        for line in rests(lock.request.get(target, ()), "index"):
            words = line.split()
            if len(words) > 2:
                found.add(words[2] if "://" in words[2] else f"file:{words[2]}")
    return found


def _of_index(name: str, index: str | None, declared: set[str]) -> Iterator[tuple[str, str]]:
    if index is None:
        return
    if index not in declared:
        yield "LE801", f"{name} is from {index}, which the manifest does not name"
    if index.startswith(DROPPING_INDEXES):
        yield "LE803", f"{name} is from {index}, which is known to drop files"


def _is_declared(file: Artifact, index: str, declared: set[str]) -> bool:
    """Whether a file's address is a place of its index, or of any other that is declared."""
    if _is_beside(file, index):
        return True
    url = file.url or ""
    places = [
        place
        for one, elsewhere in FILES_ELSEWHERE.items()
        if index.startswith(one)
        for place in elsewhere
    ]
    places += [one for one in declared if one.startswith("https:")]
    return any(url.startswith("https:") and _host(url) == _host(place) for place in places)


def _is_beside(file: Artifact, index: str) -> bool:
    """Whether a file's address is where its index may keep files: its own host or domain."""
    if file.url is None or (index.rstrip("/") + "/" == PYTHON_INDEX):
        return file.url is None or file.url.startswith(PYTHON_FILES)
    if index.startswith("file:"):
        return file.url.startswith("file:")
    if index.startswith("https:") and not file.url.startswith("https:"):
        return False
    ours, theirs = _host(index), _host(file.url)
    return ours == theirs or (_domain(ours) == _domain(theirs) != "" and not _is_shared(ours))


def _host(url: str) -> str:
    # RFC 3986, 3.2: the authority ends at the first of these; browsers read \\ as / too.
    rest = url.partition("://")[2]
    end = min((place for mark in "/?#\\" if (place := rest.find(mark)) >= 0), default=len(rest))
    return rest[:end].rpartition("@")[2].lower()


def _domain(host: str) -> str:
    """The last two labels of a name; empty for an address in numbers, which has no siblings."""
    labels = host.partition(":")[0].split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 and not labels[-1].isdigit() else ""


def _is_shared(host: str) -> bool:
    """Whether whoever wants can have a name beside this one."""
    domain = _domain(host)
    second, _, first = domain.partition(".")
    # No list of public suffixes is shipped: of a country's second level each name is a stranger's.
    is_public = len(first) == 2 and second in _SECOND_LEVELS
    return is_public or domain in SHARED_DOMAINS


def _of_fixed_places(lock: Lock) -> Iterator[Told]:
    """Interpreters, toolkit parts, archives and base images, whose places are known or declared."""
    for number, interpreter in enumerate(lock.interpreters):
        url = interpreter.artifact.url if interpreter.artifact else None
        if url is not None and not url.startswith(PYTHON_BUILDS):
            words = f"Python {interpreter.version} is said to be at {_host(url)}"
            yield "LE804", words, ("interpreters", number), "python"
    for number, component in enumerate(lock.cuda_components):
        url = component.artifact.url
        if url is not None and not url.startswith(NVIDIA_REDISTRIBUTABLES):
            words = f"{component.name} is said to be at {_host(url)}, which is not NVIDIA's place"
            yield "LE804", words, ("cuda-components", number), component.name
    for number, archive in enumerate(lock.system_archives):
        if archive.url not in _archives(lock, archive.targets):
            words = f"system packages are from {archive.url}, which the manifest does not name"
            yield "LE801", words, ("system-archives", number), archive.name
    for number, image in enumerate(lock.base_images):
        asked = {line for name in image.targets for line in lock.request.get(name, ())}
        if f"base {image.reference}" not in asked:
            words = f"base image {image.reference} is locked, which the manifest does not name"
            yield "LE801", words, ("base-images", number), image.reference


def _archives(lock: Lock, targets: Iterable[str]) -> set[str]:
    """The addresses of the archives that the request declares, the distribution's own included."""
    from lockenv.tables.distributions import pockets  # noqa: PLC0415 - start-up: few locks have them

    architectures = {"amd64", "arm64"}
    found: set[str] = set()
    for target in targets:
        lines = lock.request.get(target, ())
        for line in rests(lines, "system archive"):
            url = line.split()[1] if len(line.split()) > 1 else ""
            found.add(url if url.endswith("/") else f"{url}/")
        distribution = next(iter(rests(lines, "system distribution")), "")
        suite = next(iter(rests(lines, "system suite")), "")
        if distribution in {"debian", "ubuntu"}:
            for architecture in architectures:
                found |= {one.url for one in pockets(distribution, suite, architecture)}
    return found
