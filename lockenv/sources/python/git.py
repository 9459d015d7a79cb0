"""Sources under git: which commit a revision is now, and its files, submodules included.

The git program does the work, with nothing of the user's: no configuration, no hooks, no credential
helper, no prompt. What remains is what authenticates without running anything: ssh's agent and
keys, and netrc. A commit's id is its content's hash; git verifies what it fetches.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from lockenv.errors import HostError, InputError, LockenvError, NetworkError, UnavailableError
from lockenv.fetch import Memo, redacted
from lockenv.patterns import pattern
from lockenv.values import dataclass

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence

    from lockenv.model import SourceRule

#: Transports that run nothing but themselves; ``file`` only where the user names a folder.
_SCHEMES = ("https", "ssh", "http", "file")
#: A submodule may come from these whatever the repository's own address is.
_INNER = ("https", "ssh")
_COMMIT = pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHORT = pattern(r"[0-9a-f]{4,63}")
#: ``user@host:path``, as ssh has it.
_SCP = pattern(r"(?P<host>[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+):(?P<path>[^/].*)")
#: Seconds: a history of gigabytes takes long, a server that says nothing for ever must not.
_PATIENCE = 3600
#: What git says where another attempt may help.
_PASSING = pattern(
    r"could not resolve host|timed out|connection (?:refused|reset)|early EOF|HTTP 5\d\d"
    r"|error: 5\d\d|network is unreachable|temporary failure|unexpected disconnect",
    re.IGNORECASE,
)
#: What servers say of a commit that they do not have, or do not give.
_UNKNOWN_COMMIT = pattern(r"not our ref|unadvertised object|couldn't find remote ref")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitPlace:
    """A place under git as it was asked. ``kind`` of revision: branch, tag, rev; empty for HEAD."""

    url: str
    kind: str = ""
    revision: str = ""
    subdirectory: str | None = None

    @property
    def address(self) -> str:
        """The place as one address, equal for equal places."""
        revision = f"@{quote(self.revision, safe='/')}" if self.revision else ""
        inner = f"#subdirectory={quote(self.subdirectory, safe='/')}" if self.subdirectory else ""
        return f"git+{self.url}{revision}{inner}"


def place_of_rule(rule: SourceRule) -> GitPlace:
    """The place that a rule with ``git`` names."""
    kinds = (("branch", rule.branch), ("tag", rule.tag), ("rev", rule.rev))
    kind, revision = next(((kind, text) for kind, text in kinds if text), ("", ""))
    return GitPlace(
        url=_plain(rule.git or ""),
        kind=kind,
        revision=revision,
        subdirectory=rule.subdirectory,
    )


def place_of_url(url: str) -> GitPlace:
    """The place that an address ``git+URL@REVISION#subdirectory=PATH`` names (PEP 508, 610)."""
    try:
        parts = urlsplit(url.removeprefix("git+"))
    except ValueError as error:
        raise _unusable(url, str(error)) from error
    # An @ in the host part belongs to a user; the last one in the path begins the revision.
    path, at, revision = parts.path.rpartition("@")
    if not at:
        path, revision = parts.path, ""
    fragment = parse_qs(parts.fragment)
    revision = unquote(revision)
    return GitPlace(
        url=_plain(urlunsplit(parts._replace(path=path, fragment=""))),
        kind="rev" if revision else "",
        revision=revision,
        subdirectory=fragment.get("subdirectory", [None])[0],
    )


def _plain(url: str) -> str:
    """The address as a URL; `InputError` for what git would run a program for."""
    match = None if "://" in url else _SCP.fullmatch(url)
    if match is not None:
        url = f"ssh://{match['host']}/{match['path']}"
    if url.partition(":")[0].lower() not in _SCHEMES:
        schemes = ", ".join(f"{scheme}:" for scheme in _SCHEMES)
        raise _unusable(url, f"addresses begin with {schemes}")
    return url


def _unusable(url: str, why: str) -> InputError:
    return InputError(
        "unusable-address",
        f"{redacted(url)} is no address that git is asked for",
        why=[why],
        fix="correct the address",
    )


class GitRepositories:
    """Repositories and checkouts in the store, each fetched at most once by one process.

    ``shelf`` is a folder that `export` has filled; what it has is taken from there.
    """

    def __init__(self, folder: Path, *, offline: bool = False, shelf: Path | None = None) -> None:
        self._folder = folder
        self._offline = offline
        self._shelf = _read_shelf(shelf)
        self._fetched: Memo[None] = Memo(lasting=(LockenvError,))

    def commit(self, place: GitPlace) -> str:
        """The id of the commit that a place's revision is now.

        Raises `InputError` for a revision that is not there, `SourceError` where it cannot be had.
        """
        revision = place.revision
        if place.kind == "rev" and _COMMIT.fullmatch(revision.lower()):
            return revision.lower()
        if not self._offline or not self._repository(place.url).is_dir():
            self._fetch(place.url)
        names = {
            "": ["refs/lockenv/HEAD"],
            "branch": [f"refs/heads/{revision}"],
            "tag": [f"refs/tags/{revision}"],
            "rev": [f"refs/tags/{revision}", f"refs/heads/{revision}"],
        }[place.kind]
        if place.kind == "rev" and _SHORT.fullmatch(revision.lower()):
            names.append(revision.lower())
        for name in names:
            found = self._parsed(place.url, name)
            if found is not None:
                return found
        raise InputError(
            "no-revision",
            f"{redacted(place.url)} has no {place.kind or 'revision'} {revision or 'HEAD'}",
            fix="correct the branch, tag or rev",
        )

    def checkout(self, url: str, commit: str) -> Path:
        """A folder with the files of a commit; not to be changed.

        Raises `SourceError` where the commit cannot be had.
        """
        folder = self._folder / _key(url) / commit
        if folder.is_dir():
            return folder
        import tempfile  # noqa: PLC0415 - start-up: few projects have sources under git

        with self._held(url):
            if not self._has(url, commit):
                self._fetch(url)
            if not self._has(url, commit):
                # A commit that no branch and no tag leads to.
                source = self._shelf.get(url, url)
                self._bring_commit(url, commit, source)
            if folder.is_dir():
                return folder
            with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as new:
                self._populate(url, commit, Path(new) / "tree")
                with suppress(FileExistsError):
                    (Path(new) / "tree").rename(folder)
        return folder

    def _bring_commit(self, url: str, commit: str, source: str) -> None:
        try:
            self._run(url, ["fetch", "--quiet", "--no-tags", source, commit])
        except UnavailableError as error:
            if not any(_UNKNOWN_COMMIT.search(line) for line in error.why):
                raise
            raise UnavailableError(
                "gone",
                f"{redacted(url)} has no commit {commit}",
                why=["no branch and no tag leads to it, and the server does not give it"],
                fix="correct the revision; a locked one moves with `lockenv lock -P NAME`",
            ) from error

    def _populate(self, url: str, commit: str, tree: Path) -> None:
        """The files of a commit, with a repository around them: versions are told from tags."""
        repository = str(self._repository(url))
        self._git(
            url,
            ["clone", "--quiet", "--shared", "--no-checkout", "--template=", repository, str(tree)],
            local=True,
        )
        # Relative addresses of submodules start from here.
        self._git(url, ["-C", str(tree), "config", "remote.origin.url", url])
        self._git(url, ["-C", str(tree), "checkout", "--quiet", "--detach", "--force", commit])
        if (tree / ".gitmodules").is_file():
            if self._offline and not self._shelf:
                raise _offline(url)
            instead = [
                word
                for known, place in self._shelf.items()
                for word in ("-c", f"url.{place}.insteadOf={known}")
            ]
            words = ["submodule", "--quiet", "update", "--init", "--recursive", "--force"]
            self._git(url, [*instead, "-C", str(tree), *words])

    def export(self, url: str, commit: str, into: Path) -> None:
        """Put all that a commit needs, submodules included, into a folder: a shelf for others."""
        tree = self.checkout(url, commit)
        found = {url: self._repository(url)}
        words = ["submodule", "--quiet", "foreach", "--recursive"]
        told = "git config remote.origin.url && git rev-parse --absolute-git-dir"
        done = _call(["-C", str(tree), *words, told], _SCHEMES)
        if done.returncode:
            raise _failed(url, done.stderr)
        lines = done.stdout.splitlines()
        found |= {inner: Path(place) for inner, place in zip(lines[::2], lines[1::2], strict=True)}
        for known, repository in found.items():
            place = into / _key(known)
            place.mkdir(parents=True, exist_ok=True)
            (place / "url").write_text(known, encoding="utf-8")
            if not (place / "repository").exists():
                target = str(place / "repository")
                copy = ["clone", "--quiet", "--mirror", "--no-hardlinks", "--template="]
                self._git(url, [*copy, str(repository), target], local=True)

    def _fetch(self, url: str) -> None:
        if self._offline and url not in self._shelf:
            raise _offline(url)
        self._fetched.once(url, lambda: self._bring(url))

    def _bring(self, url: str) -> None:
        """All branches and tags, with their whole history: versions are told from it."""
        repository = self._repository(url)
        if not (repository / "HEAD").is_file():
            repository.parent.mkdir(parents=True, exist_ok=True)
            self._git(url, ["init", "--quiet", "--bare", "--template=", str(repository)])
        refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/lockenv/HEAD"]
        if url in self._shelf:
            refs = ["+refs/*:refs/*"]
        source = self._shelf.get(url, url)
        self._run(url, ["fetch", "--quiet", "--prune", "--force", "--no-tags", source, *refs])

    def _has(self, url: str, commit: str) -> bool:
        return self._parsed(url, commit) == commit

    def _parsed(self, url: str, name: str) -> str | None:
        repository = self._repository(url)
        if not repository.is_dir():
            return None
        words = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        done = _call(["--git-dir", str(repository), *words], _SCHEMES)
        return done.stdout.strip() if done.returncode == 0 else None

    def _repository(self, url: str) -> Path:
        return self._folder / _key(url) / "repository"

    def _run(self, url: str, words: Sequence[str]) -> None:
        self._git(url, ["--git-dir", str(self._repository(url)), *words])

    def _git(self, url: str, words: Sequence[str], *, local: bool = False) -> None:
        own = ("file",) if local or self._shelf else ()
        done = _call(words, (*_INNER, urlsplit(url).scheme, *own))
        if done.returncode:
            raise _failed(url, done.stderr)

    @contextmanager
    def _held(self, url: str) -> Iterator[None]:
        """Keep other processes from making the same checkout meanwhile."""
        folder = self._folder / _key(url)
        folder.mkdir(parents=True, exist_ok=True)
        if os.name == "nt":
            yield
            return
        import fcntl  # noqa: PLC0415 - Windows has none

        with (folder / "lock").open("w") as file:
            with suppress(OSError):  # a disk without locks keeps nobody out
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _read_shelf(shelf: Path | None) -> dict[str, str]:
    """The repositories of a shelf: an address of this machine for each of theirs."""
    found = {}
    for file in sorted(shelf.glob("*/url")) if shelf is not None else ():
        found[file.read_text(encoding="utf-8")] = (file.parent / "repository").absolute().as_uri()
    return found


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def _call(words: Sequence[str], schemes: Sequence[str]) -> subprocess.CompletedProcess[str]:
    import shutil  # noqa: PLC0415 - start-up, as above
    import subprocess  # noqa: PLC0415 - likewise

    program = shutil.which("git")
    if program is None:
        raise HostError(
            "no-git", "a source is under git, and there is no git here", fix="install git"
        )
    settings = {
        "core.hooksPath": os.devnull,
        "core.fsmonitor": "false",
        "core.autocrlf": "false",
        "credential.helper": "",
        "advice.detachedHead": "false",
        "gc.auto": "0",
        "protocol.version": "2",
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    try:
        return subprocess.run(
            [program, *options, *words],
            env=_environment(schemes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NetworkError(
            "time-out", f"git did not end within {_PATIENCE // 60} minutes", fix="try again"
        ) from error


def _environment(schemes: Sequence[str]) -> dict[str, str]:
    """The user's variables without those that steer git, and with those that keep it alone."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    own.pop("SSH_ASKPASS", None)
    return own | {
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": ":".join(dict.fromkeys(schemes)),
        "GIT_ASKPASS": "",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _offline(url: str) -> UnavailableError:
    return UnavailableError(
        "not-in-store",
        f"{redacted(url)} is needed, is not in the store, and we are offline",
        fix="run without --offline once",
    )


def _failed(url: str, output: str) -> LockenvError:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    why = [re.sub(r"(\w\+?://)[^/@\s]+@", r"\1***@", line) for line in lines[-4:]]
    if _PASSING.search(output):
        return NetworkError(
            "unreachable", f"{redacted(url)} could not be asked", why=why, fix="try again"
        )
    return UnavailableError(
        "git-refused",
        f"{redacted(url)} could not be had by git",
        why=why,
        fix="check the address, and that git can read it without asking for anything",
    )
