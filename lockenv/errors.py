"""Every error that a user can meet.

The tree, by who must act, with the exit status of each family::

    LockenvError
    ├── DriftError            1   the lock does not answer the manifest: lock, or sync
    ├── InputError            2   the user edits a manifest, a lock, a command line
    │   └── FaultsError       2   several faults of one document, all of them
    ├── NoSolutionError       3   the user relaxes the manifest
    │   └── GaveUpError       3   the search hit its bound: no statement about solvability
    ├── IntegrityError        4   hash, size, signature, hostile archive: stop, never retry
    ├── SourceError
    │   ├── NetworkError      5   may pass: time-out, 5xx, 429, a mirror amid its sync
    │   └── UnavailableError  8   will not pass: refused, gone, not in the store offline
    ├── HostError             6   another machine: driver, libc, architecture, kernel, interpreter
    └── ExternalError         7   a build backend, maintainer script or container tool failed

Anything else is a bug of ours (status 70). The raiser supplies all the parts of the message;
nobody composes prose while catching.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class LockenvError(Exception):
    """One message: a slug, what happened, why (one fact a line), and what to do about it.

    ``what`` is one sentence in lower case without a full stop. ``why`` shows both sides and where
    each comes from. ``fix`` is an edit or a command. ``output`` is what an external step printed.
    """

    status: ClassVar[int] = 70

    def __init__(
        self,
        slug: str,
        what: str,
        *,
        why: Sequence[str] = (),
        fix: Sequence[str] | str = (),
        output: str = "",
    ) -> None:
        super().__init__(what)
        self.slug = slug
        self.what = what
        self.why = (why,) if isinstance(why, str) else tuple(why)
        self.fix = (fix,) if isinstance(fix, str) else tuple(fix)
        self.output = output

    def __str__(self) -> str:
        lines = [f"error[{self.slug}]: {self.what}"]
        lines += [f"  {'why: ' if n == 0 else '     '}{line}" for n, line in enumerate(self.why)]
        lines += [f"  {'fix: ' if n == 0 else '     '}{line}" for n, line in enumerate(self.fix)]
        if self.output:
            lines += ["  output:", *(f"    {line}" for line in self.output.splitlines())]
        return "\n".join(lines)


class DriftError(LockenvError):
    """The answer is no: the lock is missing or stale, or a place differs from it."""

    status = 1


class InputError(LockenvError):
    """What the user wrote cannot be used: usage, manifest, lock or target."""

    status = 2


class FaultsError(InputError):
    """All the faults of one document, in the order in which they stand in it."""

    def __init__(self, faults: Sequence[LockenvError]) -> None:
        first = faults[0]
        super().__init__(first.slug, first.what, why=first.why, fix=first.fix)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class NoSolutionError(LockenvError):
    """No set of packages answers every request."""

    status = 3


class GaveUpError(NoSolutionError):
    """The search reached its bound before an answer; says nothing about whether there is one."""


class IntegrityError(LockenvError):
    """Bytes are not what they must be. Never retried."""

    status = 4


class SourceError(LockenvError):
    """Bytes could not be had."""


class NetworkError(SourceError):
    """Trouble that may pass by itself."""

    status = 5


class UnavailableError(SourceError):
    """Trouble that does not pass by itself."""

    status = 8


class HostError(LockenvError):
    """This machine cannot do it."""

    status = 6


class ExternalError(LockenvError):
    """A step outside lockenv failed; ``output`` holds what it printed."""

    status = 7
