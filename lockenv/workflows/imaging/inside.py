"""The part of ``image --builder docker|podman`` that runs inside the engine's container.

``python -m lockenv.workflows.imaging.inside ORDER``: builds what the order says, from a store that
is mounted read-only and without a network, and writes a layout and an answer beside the order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lockenv.errors import LockenvError
from lockenv.materialize import write_layout
from lockenv.sandbox import choose_mode
from lockenv.settings import Settings
from lockenv.workflows.image_options import ImageOptions
from lockenv.workflows.imaging.job import Job, build_for, declared_image
from lockenv.workflows.imaging.project_files import listed_files
from lockenv.workflows.opened import open_locked
from lockenv.workflows.scene import Scene

#: Where the host's folders are seen inside.
WORK, STORE, PROJECT, CACHE = (
    "/lockenv/work",
    "/lockenv/store",
    "/lockenv/project",
    "/lockenv/cache",
)


def build(order: Path) -> dict[str, object]:
    """Carry out an order; the answer."""
    asked = json.loads(order.read_bytes())
    cache = Path(CACHE)
    scene = Scene(
        settings=Settings(cache_dir=cache, data_dir=cache / "data", offline=True),
        directory=Path(PROJECT),
    )
    opened = open_locked(scene)
    options = ImageOptions(name=asked["image"] or None, compression=asked["compression"])
    declared = declared_image(opened, options)
    # Root of a container, with the rights that engines give: the one mode that needs no other.
    mode = choose_mode("chroot")
    answers = []
    job = Job(opened, declared, mode, STORE, tuple(listed_files(opened.root, asked["files"])))
    for number, name in enumerate(asked["targets"]):
        target = next(one for one in opened.lock.targets if one.name == name)
        built = build_for(scene, job, target)
        write_layout([built], "image", order.parent / f"layout-{number}")
        answers.append(
            {
                "architecture": built.architecture,
                "compressor": built.compressor,
                "names": [layer.name for layer in built.layers],
                "dropped": built.dropped,
                "skipped": built.skipped,
            }
        )
    return {"built": answers, "mode": mode}


def main(words: list[str]) -> int:
    """Build; what went wrong goes into the answer, with everything that a user must know."""
    order = Path(words[0])
    try:
        answer = build(order)
    except LockenvError as error:
        answer = {
            "error": {
                "family": type(error).__name__,
                "slug": error.slug,
                "what": error.what,
                "why": error.why,
                "fix": error.fix,
                "output": error.output,
            }
        }
    (order.parent / "answer.json").write_text(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
