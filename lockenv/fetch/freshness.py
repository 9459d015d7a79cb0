"""How long a page may be used without asking again (what of RFC 9111 a private store needs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a server that says nothing means: index software answers so, and the big ones say 600.
SILENT_SERVER = 600.0
#: However long a server allows: a page that is a day old is asked for again.
LONGEST = 86400.0


def fresh_for(headers: Mapping[str, str]) -> float:
    """Seconds for which an answer with these headers (names in lower case) may be used."""
    directives = {
        name.strip().lower(): value.strip().strip('"')
        for name, _, value in (
            part.partition("=") for part in headers.get("cache-control", "").split(",")
        )
    }
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    allowed = directives.get("max-age", "")
    # A number of more digits is beyond LONGEST anyhow.
    if not allowed.isdecimal():
        return SILENT_SERVER
    age = headers.get("age", "")
    spent = float(age[:12]) if age.isdecimal() else 0.0
    return min(max(float(allowed[:12]) - spent, 0.0), LONGEST)


def pause_asked(value: str | None, now: float) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3), or None."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:6])
    # Only servers that are in trouble send dates, and the parser is slow to load.
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - start-up

    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None
