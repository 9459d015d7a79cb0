"""Who the user is to a container registry: the files of Docker and Podman, and their helpers.

Follows Docker's ``config.json`` (auths, credHelpers, credsStore) and containers-auth.json(5).
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.fields import Fields, parse_json
from lockenv.tables.addresses import CONTAINER_REGISTRY, CONTAINER_REGISTRY_LOGIN
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: A user name that says: the password is an identity token (docker-credential-helpers).
_TOKEN = "<token>"  # noqa: S105 - a user name, no secret
#: More than any such file ever holds.
_LARGEST = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryLogin:
    """A user name and password, or a token to be traded for one (OAuth 2's refresh token)."""

    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file of credentials."""

    auths: Mapping[str, RegistryLogin | None] = field(repr=False)
    helpers: Mapping[str, str]
    store: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryLogins:
    """The logins of several files, the first that knows a registry ruling."""

    files: tuple[_File, ...] = ()
    run_helper: Callable[[str, str], str | None] | None = None

    def for_repository(self, host: str, path: str = "") -> RegistryLogin | None:
        """The login for ``host`` (with its port) and a repository there; None for a stranger."""
        names = _names(host, path)
        is_default = _is_default(host)
        for file in self.files:
            for name in names:
                login = self._login(file, name)
                if login is not None:
                    return login
            if file.store is not None:
                # Docker asks the store for every server, listed or not.
                login = self._asked(file.store, CONTAINER_REGISTRY_LOGIN if is_default else host)
                if login is not None:
                    return login
        return None

    def _login(self, file: _File, name: str) -> RegistryLogin | None:
        helper = file.helpers.get(name)
        if helper is not None:
            # A helper is asked by the name under which the login was kept.
            return self._asked(helper, CONTAINER_REGISTRY_LOGIN if _is_default(name) else name)
        return file.auths.get(name)

    def _asked(self, helper: str, server: str) -> RegistryLogin | None:
        printed = self.run_helper(helper, server) if self.run_helper is not None else None
        if printed is None:
            return None
        fields = _parsed(printed)
        username = fields.text("Username") or ""
        secret = fields.text("Secret") or ""
        if not secret:
            return None
        if username == _TOKEN:
            return RegistryLogin(username="", password="", identity_token=secret)
        return RegistryLogin(username=username, password=secret)


def read_registry_logins(
    environ: Mapping[str, str],
    *,
    home: Path,
    run_helper: Callable[[str, str], str | None] | None = None,
) -> RegistryLogins:
    """What Podman's and Docker's files know; files that cannot be read know nothing.

    ``run_helper`` runs ``docker-credential-NAME get`` for a name and a server and answers with
    what it printed, or None; without it, logins that only a helper has are not known.
    """
    found = []
    for file in _places(environ, home):
        try:
            data = file.read_bytes()[:_LARGEST]
            text = data.decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        found.append(parse_logins(text))
    return RegistryLogins(files=tuple(found), run_helper=run_helper)


def _places(environ: Mapping[str, str], home: Path) -> list[Path]:
    """The files in the order in which Podman asks them, Docker's last."""
    named = environ.get("REGISTRY_AUTH_FILE")
    runtime = environ.get("XDG_RUNTIME_DIR")
    config = environ.get("XDG_CONFIG_HOME")
    docker = environ.get("DOCKER_CONFIG")
    return [
        *([Path(named)] if named else []),
        *([Path(runtime) / "containers" / "auth.json"] if runtime else []),
        (Path(config) if config else home / ".config") / "containers" / "auth.json",
        (Path(docker) if docker else home / ".docker") / "config.json",
    ]


def parse_logins(text: str) -> _File:
    """The content of one file; what it does not say as it should is not known."""
    fields = _parsed(text)
    auths = {_name(server): _login(entry) for server, entry in fields.named_tables("auths")}
    helpers = {_name(server): helper for server, helper in fields.text_table("credHelpers").items()}
    return _File(auths=auths, helpers=helpers, store=fields.text("credsStore") or None)


def _parsed(text: str) -> Fields:
    try:
        document = parse_json(text)
    except ValueError:
        document = None
    return Fields(document if isinstance(document, dict) else {})


def _login(entry: Fields) -> RegistryLogin | None:
    """Docker: ``auth`` is base64 of ``user:password``; ``identitytoken`` stands beside it."""
    token = entry.text("identitytoken") or ""
    username, password = entry.text("username") or "", entry.text("password") or ""
    try:
        decoded = base64.b64decode(entry.text("auth") or "", validate=True).decode("utf-8")
    except ValueError:  # no base64, or no text
        decoded = ""
    if ":" in decoded:
        username, _, password = decoded.rstrip("\0").partition(":")
    if not (password or token):
        return None
    return RegistryLogin(username=username, password=password, identity_token=token)


def _name(server: str) -> str:
    """A server as registries are compared: no scheme, no version, no slash at its end."""
    name = server.removeprefix("https://").removeprefix("http://").rstrip("/")
    for version in ("/v1", "/v2"):
        name = name.removesuffix(version)
    return name


def _is_default(name: str) -> bool:
    return name in {_name(CONTAINER_REGISTRY_LOGIN), CONTAINER_REGISTRY}


def _names(host: str, path: str) -> list[str]:
    """The names under which a login may stand, the most special first (containers-auth.json)."""
    parts = [part for part in path.split("/") if part]
    names = ["/".join([host, *parts[:count]]) for count in range(len(parts), -1, -1)]
    if _is_default(host):
        names += [_name(CONTAINER_REGISTRY_LOGIN), CONTAINER_REGISTRY]
        domain = ".".join(host.split(".")[-2:])
        names += ["/".join([domain, *parts[:count]]) for count in range(len(parts), -1, -1)]
    return names
