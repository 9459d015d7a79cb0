"""What a root's builder is told and what it answers, as values that cross between processes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.errors import ExternalError, HostError, InputError, IntegrityError, LockenvError
from lockenv.materialize.layers_fragment import parse_entry, render_entry
from lockenv.values import asdict, dataclass, replace

if TYPE_CHECKING:
    from lockenv.formats.tar import Entry

_FAMILIES: dict[str, type[LockenvError]] = {
    family.__name__: family for family in (HostError, InputError, IntegrityError, ExternalError)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RootOrder:
    """Build a root: all paths absolute on this machine, all lists in the order of use.

    ``packages`` are fragments' data files with the paths that another package replaces;
    ``directories`` are the rows of those that packages bring; ``baseline`` likewise, as the layers
    below leave them. ``base_layers`` are blobs to lay out first, ``upgrades`` the .debs of packages
    that they hold in other versions. ``user`` is a name and id to add, or None; ``files`` are texts
    to write.
    """

    root: str
    epoch: int
    compression: str
    architecture: str
    foreign: tuple[str, ...]
    scripts: str
    packages: tuple[tuple[str, tuple[str, ...]], ...]
    directories: tuple[Entry, ...]
    baseline: tuple[Entry, ...]
    links: tuple[tuple[str, str], ...]
    base_layers: tuple[str, ...]
    upgrades: tuple[str, ...]
    user: tuple[str, int] | None
    files: tuple[tuple[str, str], ...]
    fragment: str
    temporary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RootAnswer:
    """What was built: identities that were dropped and scripts that were left out."""

    dropped: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()


def render_order(order: RootOrder) -> bytes:
    """The order as JSON."""
    rows = {
        name: [render_entry(entry) for entry in entries]
        for name, entries in (("directories", order.directories), ("baseline", order.baseline))
    }
    # Without the entries, of which there are many: a copy of each would cost more than all else.
    rest = asdict(replace(order, directories=(), baseline=()))
    return json.dumps({**rest, **rows}).encode()


def parse_order(text: bytes) -> RootOrder:
    """The order that `render_order` wrote; trusted, as it never leaves this machine."""
    body = json.loads(text)
    user = body["user"]
    return RootOrder(
        root=body["root"],
        epoch=body["epoch"],
        compression=body["compression"],
        architecture=body["architecture"],
        foreign=tuple(body["foreign"]),
        scripts=body["scripts"],
        packages=tuple((path, tuple(left_out)) for path, left_out in body["packages"]),
        directories=tuple(parse_entry(row) for row in body["directories"]),
        baseline=tuple(parse_entry(row) for row in body["baseline"]),
        links=tuple((path, target) for path, target in body["links"]),
        base_layers=tuple(body["base_layers"]),
        upgrades=tuple(body["upgrades"]),
        user=None if user is None else (user[0], user[1]),
        files=tuple((path, text) for path, text in body["files"]),
        fragment=body["fragment"],
        temporary=body["temporary"],
    )


def render_answer(answer: RootAnswer | LockenvError) -> bytes:
    """An answer, or the error that stands for it."""
    if isinstance(answer, RootAnswer):
        return json.dumps(asdict(answer)).encode()
    return json.dumps({"error": render_error(answer)}).encode()


def parse_answer(text: bytes) -> RootAnswer:
    """The answer; raises the error that stands for it."""
    body = json.loads(text)
    if "error" in body:
        raise parse_error(body["error"])
    return RootAnswer(
        dropped=tuple((path, reason) for path, reason in body["dropped"]),
        skipped=tuple(body["skipped"]),
    )


def render_error(error: LockenvError) -> str:
    """An error as JSON."""
    return json.dumps(
        {
            "family": type(error).__name__,
            "slug": error.slug,
            "what": error.what,
            "why": error.why,
            "fix": error.fix,
            "output": error.output,
        }
    )


def parse_error(text: str) -> LockenvError:
    """The error that `render_error` rendered."""
    body = json.loads(text)
    return _FAMILIES[body["family"]](
        body["slug"],
        body["what"],
        why=body["why"],
        fix=body["fix"],
        output=body["output"],
    )
