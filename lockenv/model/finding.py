"""What ``check`` finds: values, not exceptions (contract 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace


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
