"""Configuration files and variables to one `Settings`; the later the stronger (contract 2.4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lockenv.errors import FaultsError, InputError, LockenvError
from lockenv.fields import Fields
from lockenv.formats.toml import fault_at, locate, parse_toml
from lockenv.settings.mirrors import Mirrors, parse_prefix
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_CONFIG = Path("/etc/lockenv/config.toml")
#: What the address of a registry's repository begins with, where files are kept by their hash.
OCI = "oci://"
_KEYS = ("mirrors", "proxy", "jobs", "link-mode", "shared-store", "ca-bundle")
LINK_MODES = ("auto", "reflink", "hardlink", "copy")
#: More connections at once than this trouble a server without making anything quicker.
_MOST_JOBS = 256
_PROXIES = ("http", "https", "socks5", "socks5h")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where bytes come from and where they go.

    None means: not said. ``link_mode`` is auto, reflink, hardlink or copy. ``shared_store`` is an
    address: ``file://…/`` or ``https://…/`` for files by their hash, ``oci://HOST/NAME`` for a
    registry's. ``target`` and ``venv`` are the variables' values; ``files`` are the configuration
    files that were read.
    """

    cache_dir: Path
    data_dir: Path
    mirrors: Mirrors = field(default_factory=Mirrors)
    proxy: str | None = field(default=None, repr=False)
    jobs: int | None = None
    link_mode: str = "auto"
    shared_store: str | None = None
    ca_bundle: Path | None = None
    offline: bool = False
    target: str | None = None
    venv: str | None = None
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What one configuration file says."""

    mirrors: Mapping[str, tuple[str, ...]]
    fallback: bool | None
    proxy: str | None
    jobs: int | None
    link_mode: str | None
    shared_store: str | None
    ca_bundle: Path | None


def read_settings(
    environ: Mapping[str, str],
    *,
    home: Path,
    config: Path | None = None,
    system: Path = SYSTEM_CONFIG,
) -> Settings:
    """The settings of a user with this environment and home.

    ``config`` is what ``--config`` names. Raises `FaultsError` with every fault of every file.
    """
    said = []
    read = []
    faults: list[LockenvError] = []
    for file, is_named in config_files(environ, home=home, config=config, system=system):
        text = _read_text(file, is_named=is_named)
        if text is None:
            continue
        read.append(file)
        try:
            said.append(parse_config(file, text, home=home))
        except FaultsError as error:
            faults += error.faults
    if faults:
        raise FaultsError(faults)
    return _merged(environ, home, said, tuple(read))


def config_files(
    environ: Mapping[str, str],
    *,
    home: Path,
    config: Path | None = None,
    system: Path = SYSTEM_CONFIG,
) -> tuple[tuple[Path, bool], ...]:
    """The files to read, the weakest first, and whether the user named them (then they must be)."""
    named = config or _path(environ.get("LOCKENV_CONFIG"))
    if named is not None:
        return (system, False), (named, True)
    return (system, False), (
        _xdg(environ, "XDG_CONFIG_HOME", home / ".config") / "config.toml",
        False,
    )


def _xdg(environ: Mapping[str, str], name: str, default: Path) -> Path:
    """XDG Base Directory Specification: a relative path in a variable counts as none."""
    value = environ.get(name, "")
    return (Path(value) if Path(value).is_absolute() else default) / "lockenv"


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _read_text(file: Path, *, is_named: bool) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        if not is_named:
            return None
        raise InputError(
            "no-config",
            f"there is no configuration file {file}",
            fix="correct --config or LOCKENV_CONFIG",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(
            "unreadable-config",
            f"the configuration file {file} cannot be read: {reason}",
            fix=f"make {file} readable, or remove it",
        ) from error


def _merged(
    environ: Mapping[str, str], home: Path, said: list[_Said], files: tuple[Path, ...]
) -> Settings:
    prefixes: dict[str, tuple[str, ...]] = {}
    fallback = False
    proxy = link_mode = shared_store = ca_bundle = jobs = None
    for one in said:
        prefixes.update(one.mirrors)
        fallback = fallback if one.fallback is None else one.fallback
        proxy = one.proxy or proxy
        jobs = one.jobs or jobs
        link_mode = one.link_mode or link_mode
        shared_store = one.shared_store or shared_store
        ca_bundle = one.ca_bundle or ca_bundle
    cache = _path(environ.get("LOCKENV_CACHE_DIR"))
    data = _path(environ.get("LOCKENV_DATA_DIR"))
    return Settings(
        cache_dir=cache or _xdg(environ, "XDG_CACHE_HOME", home / ".cache"),
        data_dir=data or _xdg(environ, "XDG_DATA_HOME", home / ".local" / "share"),
        mirrors=Mirrors(prefixes=dict(sorted(prefixes.items())), fallback=fallback),
        proxy=proxy,
        jobs=jobs,
        link_mode=link_mode or "auto",
        shared_store=shared_store,
        # The variable is OpenSSL's; every tool with its own trust store honours it.
        ca_bundle=_path(environ.get("SSL_CERT_FILE")) or ca_bundle,
        offline=_is_set(environ, "LOCKENV_OFFLINE"),
        target=environ.get("LOCKENV_TARGET") or None,
        venv=environ.get("LOCKENV_VENV") or None,
        files=files,
    )


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").lower()
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise InputError(
        "invalid-variable",
        f'{name} is "{value}", which is neither yes nor no',
        fix=f"set {name}=1, or unset it",
    )


def parse_config(file: Path, text: str, *, home: Path) -> _Said:
    """What a configuration file says; `FaultsError` with every fault of it."""
    try:
        fields = Fields(parse_toml(str(file), text))
    except InputError as error:
        raise FaultsError([error]) from error
    fields.reject_unknown(_KEYS)
    mirrors, fallback = _mirrors(fields)
    jobs = fields.integer("jobs")
    if jobs is not None and not 0 < jobs <= _MOST_JOBS:
        fields.complain(f"jobs is {jobs}", "jobs", fix=f"write 1 to {_MOST_JOBS}")
    said = _Said(
        mirrors=mirrors,
        fallback=fallback,
        proxy=_proxy(fields),
        jobs=jobs,
        link_mode=(
            fields.choice("link-mode", LINK_MODES, "auto") if fields.has("link-mode") else None
        ),
        shared_store=_shared_store(fields, file, home),
        ca_bundle=_place(fields, "ca-bundle", file, home),
    )
    if fields.faults:
        found = [(locate(text, fault.path), fault) for fault in fields.faults]
        found.sort(key=lambda item: item[0])
        raise FaultsError([fault_at(fault, str(file), line) for line, fault in found])
    return said


def _mirrors(fields: Fields) -> tuple[dict[str, tuple[str, ...]], bool | None]:
    below = fields.below("mirrors")
    if below is None:
        return {}, None
    found: dict[str, tuple[str, ...]] = {}
    for written in below.table:
        if written == "fallback":
            continue
        prefix = _prefix(below, written, written)
        mirrors = [
            mirror
            for number, text in below.numbered_texts(written)
            if (mirror := _prefix(below, text, written, number)) is not None
        ]
        if below.raw(written) == []:
            below.complain(f"{written} has no mirrors", written, fix="name one, or remove it")
        if prefix is not None and prefix in found:
            below.complain(f"{written} stands twice", written, fix="join the lists")
        elif prefix is not None:
            found[prefix] = tuple(mirrors)
    return found, below.flag("fallback")


def _prefix(fields: Fields, text: str, *keys: str | int) -> str | None:
    try:
        return parse_prefix(text)
    except ValueError as error:
        shown = text if "@" not in text else "an address with credentials"
        fields.complain(
            f"{shown} cannot stand in [mirrors]: {error}",
            *keys,
            fix='write "https://…" = ["https://…"]',
        )
        return None


def _proxy(fields: Fields) -> str | None:
    """A proxy may carry credentials, so no complaint shows it."""
    text = fields.text("proxy")
    if text is not None:
        try:
            parts = urlsplit(text)
            is_proxy = parts.scheme in _PROXIES and bool(parts.hostname)
        except ValueError:
            is_proxy = False
        if not is_proxy:
            fields.complain(
                "proxy is not the address of a proxy", "proxy", fix='write "http://host:port"'
            )
    return text


def _shared_store(fields: Fields, file: Path, home: Path) -> str | None:
    """The address of a folder, a server or a registry's repository."""
    text = fields.text("shared-store") or ""
    scheme, colon, rest = text.partition("://")
    if not colon:
        folder = _place(fields, "shared-store", file, home)
        return f"{folder.absolute().as_uri()}/" if folder is not None else None
    if scheme not in {"https", "http", "oci"} or not rest or "@" in rest.partition("/")[0]:
        fields.complain(
            "shared-store is no place that files can be had from",
            "shared-store",
            fix="write a folder, https://HOST/PATH/ or oci://HOST/NAME; passwords stand in netrc, "
            "or in Docker's files for a registry",
        )
        return None
    return text if scheme == "oci" else f"{text.rstrip('/')}/"


def _place(fields: Fields, key: str, file: Path, home: Path) -> Path | None:
    """A path: ``~`` is the user's home, and a relative one lies beside the file."""
    text = fields.text(key)
    if text is None:
        return None
    if text == "~" or text.startswith("~/"):
        return home / text[2:]
    return file.parent / text
