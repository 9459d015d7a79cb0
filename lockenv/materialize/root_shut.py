"""Do something in a child that is shut into a root, so that no link there leads it out."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, TypeVar, cast

from lockenv.errors import HostError, IntegrityError, LockenvError
from lockenv.materialize.root_order import parse_error, render_error

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def shut_into(root: str, work: Callable[[], T], umask: int = 0o022) -> T:
    """What ``work`` answers, a value as JSON has them, with ``root`` as its root and folder.

    Raises the LockenvError that ``work`` raises, and HostError for what the machine refuses.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 1
        try:
            os.chroot(root)
            os.chdir("/")
            os.umask(umask)
            with os.fdopen(writer, "wb") as file:
                file.write(json.dumps(_answered(work)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        text = file.read()
    os.waitpid(child, 0)
    if not text:
        raise refused("the process that writes it was ended")
    answer = json.loads(text)
    if "error" in answer:
        raise parse_error(answer["error"])
    return cast("T", answer["value"])  # as `work` gave it


def _answered(work: Callable[[], object]) -> dict[str, object]:
    try:
        return {"value": work()}
    except LockenvError as error:
        return {"error": render_error(error)}
    except (FileExistsError, NotADirectoryError) as error:
        return {"error": render_error(_obstructed(error))}
    except OSError as error:
        return {
            "error": render_error(refused(f"{error.strerror}: {error.filename or 'a file of it'}"))
        }


def _obstructed(error: OSError) -> IntegrityError:
    return IntegrityError(
        "obstructed-root",
        "what packages left in the image's root stands in the way of what belongs there",
        why=(f"{error.strerror}: {error.filename}",),
        fix="leave out the package that put it there",
    )


def refused(why: str, output: str = "") -> HostError:
    """The error for a root that this machine does not let us write."""
    return HostError(
        "cannot-write-root",
        "the image's root could not be written",
        why=why,
        fix="make room, or name another folder with --cache-dir",
        output=output,
    )
