"""Build, or take away, a configured root in the store, in whichever mode this machine allows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import HostError
from lockenv.materialize.layers_store import write_json
from lockenv.materialize.root_order import parse_answer, render_order

if TYPE_CHECKING:
    from lockenv.materialize.layers_store import ImageStore
    from lockenv.materialize.root_order import RootAnswer, RootOrder
    from lockenv.materialize.root_port import Confinement, Ended

_WORKER = "lockenv.materialize.root_worker:build"
_REMOVER = "lockenv.materialize.root_worker:remove"


def build_root(order: RootOrder, confinement: Confinement, store: ImageStore) -> RootAnswer:
    """Build the root that is ordered; nothing is left behind if that fails.

    IntegrityError for a hostile package, ExternalError for a script that failed, HostError for
    what this machine refuses.
    """
    with store.work() as folder:
        question, reply = folder / "order.json", folder / "answer.json"
        question.write_bytes(render_order(order))
        try:
            outcome = confinement.call(_WORKER, str(question), str(reply))
            answer = _read_answer(reply, outcome)
        except BaseException:
            remove_tree(Path(order.root), confinement)
            raise
    write_json(
        Path(f"{order.root}.json"),
        {"mode": confinement.mode, "dropped": answer.dropped, "skipped": answer.skipped},
    )
    return answer


def _read_answer(reply: Path, outcome: Ended) -> RootAnswer:
    # Nothing, too, where the disk was too full even for an answer.
    text = reply.read_bytes() if reply.exists() else b""
    if not text:
        raise HostError(
            "root-builder-died",
            "the process that builds the image's root ended before its work did",
            why=(f"status {outcome.status}",),
            fix="give the machine more memory or room, and run the command again",
            output=outcome.output,
        )
    return parse_answer(text)


def remove_tree(folder: Path, confinement: Confinement) -> None:
    """Remove a root, with what other ids own in it."""
    if folder.exists():
        confinement.call(_REMOVER, str(folder))
