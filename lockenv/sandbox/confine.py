"""Programs in a root and functions that are root, in one of the modes; the same calls in all."""

from __future__ import annotations

import importlib
import shutil
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lockenv.sandbox.modes import NAMESPACES, user_map
from lockenv.sandbox.program import Mount, Program
from lockenv.sandbox.record import OwnershipRecord
from lockenv.sandbox.run import LIBRARY, Outcome, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HOST_NAME = "lockenv"
_CALL = (
    f"import sys; sys.path.insert(0, {LIBRARY!r}); "
    "from lockenv.sandbox.confine import called; called(sys.argv[1:])"
)
_FURNITURE = (
    Mount(kind="proc", target="/proc", optional=True),
    Mount(kind="dev", target="/dev", optional=True),
    Mount(kind="tmpfs", target="/tmp", options="mode=1777", optional=True),  # noqa: S108  inside
)


class Confinement:
    """How a root is built on this machine: ``mode`` is one of `MODES`.

    ``inside``: this process is root in its user namespace already. ``owners`` is who should own
    what, where ownership is recorded and programs have been run with ``recorded``.
    """

    def __init__(self, mode: str, *, inside: bool = False) -> None:
        self.mode = mode
        self.owners: OwnershipRecord | None = None
        self._inside = inside
        self._alone = threading.Lock()
        if inside and mode == "single":
            self.owners = OwnershipRecord()

    def run(
        self,
        root: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        binds: Sequence[tuple[str, str]] = (),
    ) -> Outcome:
        """Run a program in a root: no network, no services, one processor, a fixed host name.

        ``binds`` are folders of this machine with the places in the root where they are seen;
        where nothing can be mounted they are copied there and back.
        """
        if self.mode == "chroot" and binds:
            with self._alone, _copied(root, binds):
                return self.run(root, argv, env)
        has_namespaces = self.mode != "chroot"
        mounts = [*_FURNITURE, *(Mount(kind="bind", source=s, target=t) for s, t in binds)]
        return run(
            Program(
                argv=tuple(argv),
                root=root,
                user=None if self._inside else user_map(self.mode),
                namespaces=NAMESPACES if has_namespaces else (),
                mounts=tuple(mounts) if has_namespaces else (),
                env=tuple(sorted(env.items())),
                cwd="/",
                umask=0o022,
                host_name=_HOST_NAME,
                session=True,
                processors=1,
                careless=True,
            ),
            record=self.owners,
        )

    def call(self, function: str, *arguments: str) -> Outcome:
        """Call a function, named ``module:name``, in a process that is root where it matters.

        It is given a `Confinement` that is inside, and the arguments.
        """
        return run(
            Program(
                argv=(sys.executable, "-I", "-c", _CALL, self.mode, function, *arguments),
                user=None if self._inside else user_map(self.mode),
            )
        )


@contextmanager
def _copied(root: str, binds: Sequence[tuple[str, str]]) -> Iterator[None]:
    """The folders copied into the root, what is new in them copied back, and the copies removed."""
    places = [(Path(source), Path(root, target.lstrip("/"))) for source, target in binds]
    try:
        for source, place in places:
            shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
        yield
        for source, place in places:
            for made in place.iterdir():
                if not (source / made.name).exists() and made.is_file():
                    shutil.copyfile(made, source / made.name)
    finally:
        for _, place in places:
            shutil.rmtree(place, ignore_errors=True)


def called(arguments: Sequence[str]) -> NoReturn:
    """The other side of `Confinement.call`."""
    mode, function, *rest = arguments
    module, _, name = function.partition(":")
    getattr(importlib.import_module(module), name)(Confinement(mode, inside=True), *rest)
    sys.exit(0)
