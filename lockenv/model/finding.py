"""What ``check`` finds: values, not exceptions (contract 6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import FaultsError
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from lockenv.errors import LockenvError

#: How an error names its place at its beginning: ``pyproject.toml:9: …``.
_PLACE = re.compile(r"([^\s:]+):(\d+)(?::|\s)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference, with a stable code ``LEnnn``.

    ``severity`` is ``error`` or ``warning``; only errors change the exit status. ``layer`` is one
    of manifest, lock, venv, system, image, host, cuda, supply-chain.
    """

    code: str
    message: str
    layer: str
    severity: str = "error"
    target: str | None = None
    package: str | None = None
    file: str | None = None
    line: int | None = None
    fix: str = ""

    def at(self, severity: str) -> Finding:
        """The same finding with another severity."""
        return replace(self, severity=severity)


def error_findings(error: LockenvError, *, layer: str = "") -> tuple[Finding, ...]:
    """An error as findings, one for each fault, for reports that programs read."""
    faults = error.faults if isinstance(error, FaultsError) else (error,)
    found = []
    for fault in faults:
        place = _PLACE.match(fault.what)
        found.append(
            Finding(
                code=fault.slug,
                message="\n".join([fault.what, *fault.why]),
                layer=layer,
                file=place[1] if place else None,
                line=int(place[2]) if place else None,
                fix=fault.fix[0] if fault.fix else "",
            )
        )
    return tuple(found)


#: Every code that ``check`` may report (contract 6), with its meaning in a few words.
FINDING_CODES: dict[str, str] = {
    "LE101": "lock missing",
    "LE102": "requirement added",
    "LE103": "requirement no longer satisfied",
    "LE104": "requirement removed",
    "LE105": "target added or removed",
    "LE106": "index or archive changed",
    "LE107": "platform, interpreter or CUDA declaration changed",
    "LE108": "lock newer than the tool",
    "LE109": "differs from the lock that it follows",
    "LE110": "system request changed",
    "LE111": "image settings changed",
    "LE112": "policy, constraint or override no longer met",
    "LE113": "exported file stale",
    "LE201": "closure broken",
    "LE202": "hash missing",
    "LE203": "duplicate",
    "LE204": "not canonical",
    "LE206": "merge markers",
    "LE207": "a pin does not satisfy its dependents",
    "LE301": "package missing",
    "LE302": "package extra",
    "LE303": "wrong version",
    "LE304": "file modified",
    "LE305": "other interpreter",
    "LE401": "system package missing",
    "LE402": "system package version differs",
    "LE403": "soname not provided",
    "LE501": "image not from a lock",
    "LE502": "image of another environment",
    "LE503": "layer differs",
    "LE504": "file differs",
    "LE505": "project differs",
    "LE601": "driver too old",
    "LE602": "glibc too old",
    "LE603": "architecture differs",
    "LE604": "GPU not served",
    "LE701": "CPU build in a GPU target",
    "LE702": "two CUDA majors",
    "LE703": "CUDA both in base and in wheels",
    "LE704": "two packages write one path",
    "LE705": "facts found later contradict the lock",
    "LE801": "new network origin",
    "LE802": "yanked",
    "LE803": "index known to drop files",
    "LE804": "url outside the declared origins",
}
