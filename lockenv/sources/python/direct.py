"""Packages from one certain place: a direct address, a local file or folder, a commit."""

from __future__ import annotations

import hashlib
import os
import posixpath
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.errors import InputError
from lockenv.fetch import path_of, redacted
from lockenv.formats.index import ListedFile
from lockenv.formats.metadata import parse_wheel_name
from lockenv.model import VcsPin, parse_digest
from lockenv.sources.python.values import Release
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lockenv.model import SourceRule
    from lockenv.sources.python.git import GitPlace, GitRepositories
    from lockenv.sources.python.metadata import Reader
    from lockenv.sources.python.request import PythonRequest
    from lockenv.sources.python.tags import TagRanks

#: Stands in until an sdist's or a folder's own metadata have said the version.
_UNKNOWN = Version("0")


def place_of(rule: SourceRule | None, root: Path) -> str | None:
    """The one place that a rule names, as an address; None where it names an index or nothing."""
    if rule is None:
        return None
    if rule.url is not None:
        begin = "&" if "#" in rule.url else "#"
        suffix = f"{begin}subdirectory={rule.subdirectory}" if rule.subdirectory else ""
        return normal_place(rule.url + suffix)
    if rule.path is not None:
        return (root / rule.path).absolute().as_uri()
    if rule.git is not None:
        from lockenv.sources.python.git import place_of_rule  # noqa: PLC0415 - start-up

        return place_of_rule(rule).address
    return None


def normal_place(url: str) -> str:
    """A direct address in the one spelling that equal places have.

    Of the fragment only what decides which bytes are meant counts (subdirectory and hashes), not
    the name in ``egg=``; and neither its order nor that of a query.
    """
    parts = urlsplit(url)
    kept = sorted(one for one in parts.fragment.split("&") if one and one[:4] != "egg=")
    query = "&".join(sorted(parts.query.split("&")))
    if parts.scheme == "file":
        host = "" if parts.netloc == "localhost" else parts.netloc
        parts = parts._replace(netloc=host, path=quote(unquote(parts.path)))
        return f"file://{host}{urlunsplit(('', '', parts.path, query, '&'.join(kept)))}"
    return urlunsplit(parts._replace(query=query, fragment="&".join(kept)))


def split_hashes(url: str) -> tuple[str, frozenset[str]]:
    """A (normal) place without the hashes that stand in it, and these (``sha256=…``).

    A hash does not make another place, it says what must lie there.
    """
    parts = urlsplit(url)
    words = parts.fragment.split("&")
    hashes = {one for one in words if one.partition("=")[0] in hashlib.algorithms_guaranteed}
    rest = "&".join(one for one in words if one not in hashes)
    return urlunsplit(parts._replace(fragment=rest)) if hashes else url, frozenset(hashes)


class Direct:
    """Finds what lies at a place, for one target."""

    def __init__(
        self,
        request: PythonRequest,
        reader: Reader,
        ranks: TagRanks,
        repositories: GitRepositories | None,
    ) -> None:
        self._request = request
        self._reader = reader
        self._ranks = ranks
        self._repositories = repositories

    def release(self, name: str, url: str, hashes: Iterable[str] = ()) -> Release:
        """What lies at a place, as the only release of a package, with hashes that it must have.

        Raises:
            InputError: nothing there can be installed on the target, or its build is denied.
            UnusableCandidateError: it cannot be read.
        """
        rule = self._request.rules.get(name)
        if url.startswith("git+"):
            return self._commit(name, url, rule)
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.netloc not in {"", "localhost"}:
            raise _useless(
                name, url, "file: addresses are absolute; a relative one is a path in [sources]"
            )
        local = path_of(urlunsplit(parts._replace(fragment="")))
        asked = parse_qs(parts.fragment).get("subdirectory", [None])[0]
        subdirectory = _inner(name, url, asked)
        if local is not None:
            if local.is_dir():
                return self._folder(name, url, local, rule, subdirectory)
            if not local.is_file():
                raise _useless(name, url, "there is no such file or folder")
            if rule is not None and rule.editable:
                raise _useless(name, url, "editable = true is for folders, and this is a file")
        elif parts.scheme not in {"https", "http"}:
            raise _useless(name, url, "addresses begin with https:, http:, file: or git+")
        file = _listed(name, url, hashes)
        release = Release(
            name=name,
            version=self._wheel_version(name, url, file) if file.is_wheel else _UNKNOWN,
            kind="archive",
            file=file,
            url=url,
            path=local,
            asked_path=self._path(local, rule) if local is not None else None,
            subdirectory=subdirectory,
        )
        if file.is_wheel:
            return release
        self._refuse_denied(name, url)
        return self._reader.with_version(release)

    def _wheel_version(self, name: str, url: str, file: ListedFile) -> Version:
        try:
            wheel = parse_wheel_name(file.filename)
            version = Version(wheel.version)
        except ValueError as error:
            raise _useless(name, url, str(error)) from error
        if canonicalize_name(wheel.name) != name:
            raise _useless(name, url, f"it is a wheel of {canonicalize_name(wheel.name)}")
        if self._ranks.rank(wheel.tags) is None:
            raise _useless(name, url, f"the target does not accept its tags {wheel.tags}")
        return version

    def _folder(
        self, name: str, url: str, path: Path, rule: SourceRule | None, subdirectory: str | None
    ) -> Release:
        _refuse_no_project(name, url, path / (subdirectory or ""))
        release = Release(
            name=name,
            version=_UNKNOWN,
            kind="directory",
            file=ListedFile(filename=path.name, url=url),
            url=url,
            path=path,
            asked_path=self._path(path, rule),
            editable=rule.editable if rule is not None else False,
            subdirectory=subdirectory,
        )
        # A folder is the user's own: only where its name is denied nothing of it runs.
        is_denied = self._request.sdist_by_package.get(name) == "deny"
        if is_denied and not self._reader.is_static(release):
            # The version of a folder is in no lock: a build for that alone is not needed.
            unversioned = replace(release, is_unversioned=True)
            if not self._reader.is_static(unversioned):
                self._refuse_denied(name, url, "only a build tells what it needs")
            return unversioned
        return self._reader.with_version(release)

    def _path(self, local: Path, rule: SourceRule | None) -> str:
        """A local place relative to the project, as the lock has it on every machine."""
        if rule is not None and rule.path is not None:
            return rule.path
        try:
            return os.path.relpath(local, self._request.root.absolute()).replace(os.sep, "/")
        except ValueError as error:  # another drive
            raise _useless(local.name, local.as_uri(), str(error)) from error

    def _commit(self, name: str, url: str, rule: SourceRule | None) -> Release:
        from lockenv.sources.python.git import (  # noqa: PLC0415 - start-up
            place_of_rule,
            place_of_url,
        )

        if self._repositories is None:
            raise _useless(name, url, "sources under git are not looked at here")
        self._refuse_denied(name, url)
        is_ruled = rule is not None and rule.git is not None
        place = place_of_rule(rule) if rule is not None and is_ruled else place_of_url(url)
        place = replace(place, subdirectory=_inner(name, url, place.subdirectory))
        commit = self._kept(name, place) or self._repositories.commit(place)
        folder = self._repositories.checkout(place.url, commit)
        if not (folder / (place.subdirectory or "")).is_dir():
            raise _useless(name, url, f"commit {commit} has no folder {place.subdirectory}")
        _refuse_no_project(name, url, folder / (place.subdirectory or ""))
        release = Release(
            name=name,
            version=_UNKNOWN,
            kind="vcs",
            file=ListedFile(filename=f"{name} at {commit[:12]}", url=url),
            url=url,
            path=folder,
            subdirectory=place.subdirectory,
            vcs=VcsPin(
                type="git",
                url=place.url,
                commit=commit,
                requested=place.revision or None,
                subdirectory=place.subdirectory,
            ),
        )
        return self._reader.with_version(release)

    def _kept(self, name: str, place: GitPlace) -> str | None:
        """The commit that the former lock has for the very same place: it stays until moved."""
        former = self._request.commits.get(name)
        same = former is not None and (former.url, former.requested, former.subdirectory) == (
            place.url,
            place.revision or None,
            place.subdirectory,
        )
        return former.commit if former is not None and same else None

    def _refuse_denied(
        self, name: str, url: str, why: str = "what lies there is source code, not a wheel"
    ) -> None:
        if self._request.sdist_policy(name) != "deny":
            return
        raise InputError(
            "build-denied",
            f"{name} must be built, and policy.sdist denies that",
            why=[redacted(url), why],
            fix=[
                f"lockenv lock --allow-build {name}",
                f'(it writes [policy] sdist = {{ {name} = "locked-build" }} into the manifest)',
            ],
        )


def _inner(name: str, url: str, subdirectory: str | None) -> str | None:
    """A folder inside what lies at a place, in its one spelling; None for the top."""
    inner = posixpath.normpath(subdirectory) if subdirectory else "."
    if inner.startswith(("/", "../")) or inner == ".." or "\\" in inner:
        raise _useless(name, url, f"the subdirectory {subdirectory} is not inside it")
    return None if inner == "." else inner


def _refuse_no_project(name: str, url: str, folder: Path) -> None:
    """`InputError` for a folder that no backend could build, before one is asked to."""
    if any((folder / one).is_file() for one in ("pyproject.toml", "setup.py", "setup.cfg")):
        return
    reason = "neither pyproject.toml nor setup.py lies there"
    if any(folder.glob("*.whl")):
        reason += '; a folder of wheels is an index of format = "flat"'
    raise _useless(name, url, reason)


def _listed(name: str, url: str, hashes: Iterable[str]) -> ListedFile:
    parts = urlsplit(url)
    return ListedFile(
        filename=unquote(parts.path.rpartition("/")[2]),
        url=urlunsplit(parts._replace(fragment="")),
        hashes=tuple(sorted(digest_text(name, url, one) for one in hashes)),
    )


def digest_text(name: str, url: str, text: str) -> str:
    """A hash as it stands in an address (``sha256=…``) as a digest (``sha256:…``)."""
    algorithm, _, digits = text.partition("=")
    try:
        return str(parse_digest(f"{algorithm}:{digits}"))
    except ValueError as error:
        raise _useless(name, url, f"{text} is no hash") from error


def _useless(name: str, url: str, reason: str) -> InputError:
    return InputError(
        "unusable-address",
        f"{name} cannot be had from {redacted(url)}",
        why=[reason],
        fix=f"correct the address of {name}",
    )
