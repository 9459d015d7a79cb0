"""Packages from one certain place: a direct address, a local file or folder, a commit."""

from __future__ import annotations

import os
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
        suffix = f"#subdirectory={rule.subdirectory}" if rule.subdirectory else ""
        return rule.url + suffix
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

    def release(self, name: str, url: str) -> Release:
        """What lies at a place, as the only release of a package.

        Raises:
            InputError: nothing there can be installed on the target, or its build is denied.
            UnusableCandidateError: it cannot be read.
        """
        rule = self._request.rules.get(name)
        if url.startswith("git+"):
            return self._commit(name, url, rule)
        parts = urlsplit(url)
        local = path_of(urlunsplit(parts._replace(fragment="")))
        subdirectory = parse_qs(parts.fragment).get("subdirectory", [None])[0] or None
        if local is not None:
            if local.is_dir():
                return self._folder(name, url, local, rule, subdirectory)
            if not local.is_file():
                raise _useless(name, url, "there is no such file or folder")
        elif parts.scheme not in {"https", "http"}:
            raise _useless(name, url, "addresses begin with https:, http:, file: or git+")
        file = _listed(url)
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
        commit = self._kept(name, place) or self._repositories.commit(place)
        folder = self._repositories.checkout(place.url, commit)
        if not (folder / (place.subdirectory or "")).is_dir():
            raise _useless(name, url, f"commit {commit} has no folder {place.subdirectory}")
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


def _listed(url: str) -> ListedFile:
    parts = urlsplit(url)
    hashes = []
    for algorithm, values in parse_qs(parts.fragment).items():
        try:
            hashes.append(str(parse_digest(f"{algorithm}:{values[0]}")))
        except ValueError:
            continue
    return ListedFile(
        filename=unquote(parts.path.rpartition("/")[2]),
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
