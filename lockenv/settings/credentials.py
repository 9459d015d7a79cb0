"""Who the user is to a declared index: variables, netrc, keyring, in this order (contract 2.4).

Credentials go to declared origins only (scheme, host and port), never into a lock, a log or an
error. No method here shows one.
"""

from __future__ import annotations

import netrc
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: What an index takes as the user name beside a token.
TOKEN_USER = "__token__"  # noqa: S105 - a user name, no secret
_PORTS = {"http": 80, "https": 443}

Login = tuple[str, str]
Origin = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Names and passwords by address; `for_url` may be called from any thread.

    ``declared`` maps each origin that may be told who the user is to the addresses declared there,
    each with the name of its index (empty for a mirror or an archive). ``ask_keyring`` is asked for
    an address and a user name or None, at most once for each index. ``trouble`` says why a netrc
    file could not be used.
    """

    declared: Mapping[Origin, tuple[tuple[str, str], ...]]
    environ: Mapping[str, str] = field(repr=False)
    machines: Mapping[str, Login] = field(repr=False)
    ask_keyring: Callable[[str, str | None], Login | None] | None = None
    trouble: str | None = None
    _asked: dict[str, Login | None] = field(default_factory=dict, repr=False)

    def __call__(self, url: str) -> Login | None:
        """As `for_url`."""
        return self.for_url(url)

    def for_url(self, url: str, index_name: str | None = None) -> Login | None:
        """The user name and password to send to an address; None for a stranger.

        ``index_name`` says which index the address belongs to, where two share an origin; else the
        one whose address is the longest beginning of this one, else the first that knows anybody.
        """
        origin = origin_of(url)
        addresses = self.declared.get(origin) if origin is not None else None
        if origin is None or not addresses:
            return None
        ranked = sorted(addresses, key=lambda pair: _nearness(pair, url, index_name), reverse=True)
        for name, _ in ranked:
            login = self._from_variables(name)
            if login is not None:
                return login
        host = origin[1]
        login = self.machines.get(host) or self.machines.get("")
        if login is not None:
            return login
        return self._from_keyring(*ranked[0])

    def _from_variables(self, name: str) -> Login | None:
        prefix = variable_prefix(name)
        token = self.environ.get(f"{prefix}_TOKEN")
        user = self.environ.get(f"{prefix}_USERNAME")
        password = self.environ.get(f"{prefix}_PASSWORD")
        if not name:
            return None
        if token:
            return user or TOKEN_USER, token
        return (user or "", password) if password else None

    def _from_keyring(self, name: str, address: str) -> Login | None:
        if self.ask_keyring is None or not name:
            return None
        if address not in self._asked:
            user = self.environ.get(f"{variable_prefix(name)}_USERNAME")
            self._asked[address] = self.ask_keyring(address, user)
        return self._asked[address]


def variable_prefix(name: str) -> str:
    """What the variables of an index begin with: ``LOCKENV_INDEX_MY_INDEX``."""
    return "LOCKENV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def origin_of(url: str) -> Origin | None:
    """Scheme, host and port of an http address; None for any other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme]


def _nearness(pair: tuple[str, str], url: str, index_name: str | None) -> tuple[bool, int, str]:
    name, address = pair
    root = address.rstrip("/") + "/"
    return name == index_name, len(root) if (url.rstrip("/") + "/").startswith(root) else 0, name


def read_credentials(
    environ: Mapping[str, str], *, home: Path, declared: Iterable[tuple[str, str]]
) -> Credentials:
    """The credentials of a user for declared addresses, each with the name of its index or ``""``.

    netrc is read from ``NETRC``, else from the home folder; keyring is asked if it is installed.
    """
    origins: dict[Origin, list[tuple[str, str]]] = {}
    for name, address in declared:
        origin = origin_of(address)
        if origin is not None:
            origins.setdefault(origin, []).append((name, address))
    machines, trouble = read_netrc(environ, home=home)
    return Credentials(
        declared={origin: tuple(sorted(pairs)) for origin, pairs in origins.items()},
        environ=dict(environ),
        machines=machines,
        ask_keyring=_ask_keyring,
        trouble=trouble,
    )


def read_netrc(environ: Mapping[str, str], *, home: Path) -> tuple[dict[str, Login], str | None]:
    """The logins of netrc by host (``""`` is its default), and why it could not be used."""
    named = environ.get("NETRC")
    files = [Path(named)] if named else [home / ".netrc", home / "_netrc"]
    for file in files:
        if not file.exists():
            continue  # nor is the reader loaded
        try:
            entries = netrc.netrc(str(file))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except netrc.NetrcParseError as error:
            return {}, f"{file}:{error.lineno}: {error.msg}"
        except (OSError, UnicodeDecodeError) as error:
            return {}, f"{file}: {type(error).__name__}"
        return {
            "" if host == "default" else host.lower(): (login or account or "", password or "")
            for host, (login, account, password) in entries.hosts.items()
        }, None
    return {}, None


class _Found(Protocol):
    """What keyring answers with."""

    username: str
    password: str


class _Keyring(Protocol):
    """The part of the optional library that is used; imported only when asked."""

    def get_credential(self, service: str, username: str | None) -> _Found | None:
        """The login kept for a service."""


def _ask_keyring(address: str, user: str | None) -> Login | None:
    """What the keyring has for an address or its host; None without a keyring that works."""
    try:
        keyring: _Keyring = import_module("keyring")
    except ImportError:
        return None
    host = urlsplit(address).netloc
    for service in (address, host):
        try:
            found = keyring.get_credential(service, user)
        except Exception:  # noqa: BLE001 - a keyring's back end may raise anything; it is one of several places
            return None
        if found is not None and found.password:
            return found.username or user or "", found.password
    return None
