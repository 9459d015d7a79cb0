"""What the engine does, as plain lines for a bug report: the same run gives the same lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.resolve.protocol import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of a run: what kind, about whom (if about one name), and a word more."""

    number: int
    kind: str
    identifier: Identifier | None
    detail: str


def render_identifier(identifier: Identifier) -> str:
    """The identifier as a person reads it: ``pypi:httpx[http2]``, ``deb:libc6:amd64``."""
    qualifier = identifier.qualifier
    if not qualifier:
        return f"{identifier.ecosystem}:{identifier.name}"
    if identifier.ecosystem == "pypi":
        return f"{identifier.ecosystem}:{identifier.name}[{qualifier}]"
    return f"{identifier.ecosystem}:{identifier.name}:{qualifier}"


def render_event(event: Event) -> str:
    """One line of a trace file."""
    parts = [f"{event.number:6d} {event.kind:8s}"]
    if event.identifier is not None:
        parts.append(render_identifier(event.identifier))
    if event.detail:
        parts.append(event.detail)
    return " ".join(parts)


class Trace:
    """Numbers the steps and hands them on; does nothing where nobody listens."""

    def __init__(self, listen: Callable[[Event], None] | None) -> None:
        self._listen = listen
        self._number = 0

    def __call__(self, kind: str, identifier: Identifier | None, detail: str = "") -> None:
        """One more step."""
        if self._listen is None:
            return
        self._number += 1
        self._listen(Event(number=self._number, kind=kind, identifier=identifier, detail=detail))
