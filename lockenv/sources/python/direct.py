"""Packages from one certain place: a direct address, a local file, a source folder."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lockenv.errors import InputError
from lockenv.fetch import path_of, redacted
from lockenv.formats.index import ListedFile
from lockenv.formats.metadata import parse_wheel_name
from lockenv.model import parse_digest
from lockenv.sources.python.values import Release

if TYPE_CHECKING:
    from pathlib import Path

    from lockenv.model import SourceRule
    from lockenv.sources.python.metadata import Reader
    from lockenv.sources.python.tags import TagRanks

#: Stands in until an sdist's or a folder's own metadata have said the version.
_UNKNOWN = Version("0")


def place_of(rule: SourceRule | None, root: Path) -> str | None:
    """The one place that a rule names, as an address; None where it names an index or nothing."""
    if rule is None:
        return None
    if rule.url is not None:
        suffix = f"#subdirectory={rule.subdirectory}" if rule.subdirectory else ""
        return rule.url + suffix
    if rule.path is not None:
        return (root / rule.path).absolute().as_uri()
    if rule.git is not None:
        return f"git+{rule.git}"
    return None


def direct_release(
    name: str, url: str, rule: SourceRule | None, reader: Reader, ranks: TagRanks
) -> Release:
    """What lies at a place, as the only release of a package.

    Raises:
        InputError: nothing there can be installed on the target.
        UnusableCandidateError: it cannot be read.
    """
    parts = urlsplit(url)
    local = path_of(urlunsplit(parts._replace(fragment="")))
    if local is not None:
        if local.is_dir():
            return _folder(name, url, local, rule, reader)
        if not local.is_file():
            raise _useless(name, url, "there is no such file or folder")
    elif parts.scheme not in {"https", "http"}:
        raise _useless(name, url, "addresses begin with https:, http: or file:")
    file = _listed(parts.path, url)
    subdirectory = parse_qs(parts.fragment).get("subdirectory", [None])[0]
    version = _UNKNOWN
    if file.is_wheel:
        try:
            wheel = parse_wheel_name(file.filename)
            version = Version(wheel.version)
        except (ValueError, InvalidVersion) as error:
            raise _useless(name, url, str(error)) from error
        if canonicalize_name(wheel.name) != name:
            raise _useless(name, url, f"it is a wheel of {canonicalize_name(wheel.name)}")
        if ranks.rank(wheel.tags) is None:
            raise _useless(name, url, f"the target does not accept its tags {wheel.tags}")
    release = Release(
        name=name,
        version=version,
        kind="archive",
        file=file,
        url=url,
        path=local,
        asked_path=rule.path if rule is not None else None,
        subdirectory=subdirectory or None,
    )
    return release if file.is_wheel else reader.with_version(release)


def _folder(name: str, url: str, path: Path, rule: SourceRule | None, reader: Reader) -> Release:
    release = Release(
        name=name,
        version=_UNKNOWN,
        kind="directory",
        file=ListedFile(filename=path.name, url=url),
        url=url,
        path=path / (rule.subdirectory or "") if rule is not None else path,
        asked_path=rule.path if rule is not None else None,
        editable=rule.editable if rule is not None else False,
        subdirectory=rule.subdirectory if rule is not None else None,
    )
    return reader.with_version(release)


def _listed(path: str, url: str) -> ListedFile:
    parts = urlsplit(url)
    hashes = []
    for algorithm, values in parse_qs(parts.fragment).items():
        try:
            hashes.append(str(parse_digest(f"{algorithm}:{values[0]}")))
        except ValueError:
            continue
    return ListedFile(
        filename=unquote(path.rpartition("/")[2]),
        url=urlunsplit(parts._replace(fragment="")),
        hashes=tuple(sorted(hashes)),
    )


def _useless(name: str, url: str, reason: str) -> InputError:
    return InputError(
        "unusable-address",
        f"{name} cannot be had from {redacted(url)}",
        why=[reason],
        fix=f"correct the address of {name}",
    )
