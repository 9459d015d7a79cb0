"""Which of several wheels that overwrite each other could go: each way out is solved anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lockenv.formats.contents import Collision, Listing

#: Each way out costs a search; who does not like the first two knows how the third is written.
_WAYS = 2


def parted(
    collisions: Sequence[Collision],
    listings: Mapping[str, Listing],
    holds_without: Callable[[Sequence[str]], bool],
) -> list[str]:
    """The lines for the manifest that part the wheels, those first that lose the least.

    ``holds_without`` says whether there is an answer without these names in which nothing clashes.

    Of each circle of wheels that clash one stays. Empty where no way holds.
    """
    circles = [_ordered(circle, listings) for circle in _circles(collisions)]
    lines = []
    for turn in range(max(map(len, circles))):
        stays = [circle[min(turn, len(circle) - 1)] for circle in circles]
        gone = sorted(
            _name(one)
            for circle, kept in zip(circles, stays, strict=True)
            for one in circle
            if one != kept
        )
        if holds_without(gone):
            lines.append(_line(gone, stays))
        if len(lines) == _WAYS:
            break
    return lines


def _line(gone: Sequence[str], stays: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in gone)
    stand = "stays, if it" if len(stays) == 1 else "stay, if they"
    return (
        f"exclude = [{names}] was checked to work: {' and '.join(stays)} {stand} can stand for "
        f"{'it' if len(gone) == 1 else 'them'}"
    )


def _circles(collisions: Iterable[Collision]) -> list[list[str]]:
    """The wheels that clash, those together that hang together, sorted."""
    found: list[set[str]] = []
    for one in collisions:
        pair = {one.one, one.other}
        touched = [circle for circle in found if circle & pair]
        found = [circle for circle in found if not circle & pair]
        found.append(pair.union(*touched))
    return sorted(map(sorted, found))


def _ordered(circle: Sequence[str], listings: Mapping[str, Listing]) -> list[str]:
    """Those first that have the most of the modules of the others; of such the larger ones."""
    modules = {one: dict(_modules(listings[one])) for one in circle}

    def lacking(one: str) -> int:
        return sum(len(modules[other].keys() - modules[one].keys()) for other in circle)

    return sorted(circle, key=lambda one: (lacking(one), -sum(modules[one].values()), one))


def _modules(listing: Listing) -> Iterator[tuple[str, int]]:
    """What a program can import of a wheel, with the sizes."""
    for entry in listing.entries:
        if not entry.path.startswith("{") and entry.path.endswith((".py", ".so", ".pyd")):
            yield entry.path, entry.size


def _name(wheel: str) -> str:
    return wheel.partition(" ")[0]
