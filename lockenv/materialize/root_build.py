"""Build, or take away, a configured root in the store, in whichever mode this machine allows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError
from lockenv.materialize.layers_store import write_json
from lockenv.materialize.root_order import parse_answer, render_order
from lockenv.sandbox import LIBRARY, Program, run, user_map

if TYPE_CHECKING:
    from lockenv.materialize.layers_store import ImageStore
    from lockenv.materialize.root_order import RootAnswer, RootOrder
    from lockenv.sandbox import Outcome

_WORKER = (
    f"import sys; sys.path.insert(0, {LIBRARY!r}); "
    "from lockenv.materialize.root_worker import main; main(sys.argv[1:])"
)
_REMOVER = "import shutil, sys; shutil.rmtree(sys.argv[1])"


def build_root(order: RootOrder, store: ImageStore) -> RootAnswer:
    """Build the root that is ordered; nothing is left behind if that fails.

    IntegrityError for a hostile package, ExternalError for a script that failed, HostError for
    what this machine refuses.
    """
    with store.work() as folder:
        question, reply = folder / "order.json", folder / "answer.json"
        question.write_bytes(render_order(order))
        try:
            outcome = run(
                Program(
                    argv=(sys.executable, "-I", "-c", _WORKER, str(question), str(reply)),
                    user=user_map(order.mode),
                )
            )
            answer = _read_answer(reply, outcome)
        except BaseException:
            remove_tree(Path(order.root), order.mode)
            raise
    write_json(
        Path(f"{order.root}.json"),
        {"mode": order.mode, "dropped": answer.dropped, "skipped": answer.skipped},
    )
    return answer


def _read_answer(reply: Path, outcome: Outcome) -> RootAnswer:
    if not reply.exists():
        raise HostError(
            "root-builder-died",
            "the process that builds the image's root ended before its work did",
            why=(f"status {outcome.status}",),
            fix="give the machine more memory, and run the command again",
            output=outcome.output,
        )
    return parse_answer(reply.read_bytes())


def remove_tree(folder: Path, mode: str) -> None:
    """Remove a root, with what other ids own in it."""
    if folder.exists():
        run(
            Program(
                argv=(sys.executable, "-I", "-S", "-c", _REMOVER, os.fspath(folder)),
                user=user_map(mode),
            )
        )
