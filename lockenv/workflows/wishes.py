"""What a bare `sync` would make of a lock in an empty place, told when the lock was made.

Written down (`lockenv.cli.memory`), it spares the next `sync` the reading of manifest and lock, if
the store has all that is needed (`lockenv.workflows.joined`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.errors import LockenvError
from lockenv.materialize import (
    Installed,
    UnpackedStore,
    layout_of,
    list_tree,
    packages_text,
    plan,
    selection_texts,
    tree_key,
)
from lockenv.model import Overlaps
from lockenv.values import dataclass, replace
from lockenv.workflows.environment import content_of
from lockenv.workflows.joined import render_wish
from lockenv.workflows.network import open_network
from lockenv.workflows.opened import open_locked
from lockenv.workflows.sync import (
    SyncOptions,
    changed_lines,
    choice_of,
    deb_notes,
    host_notes,
    is_everywhere,
    summary_of,
    venv_root,
    wanted_by,
)
from lockenv.workflows.syncing.building import workshop
from lockenv.workflows.syncing.cuda_notes import later_notes
from lockenv.workflows.syncing.interpreters import interpreter_for, is_settled
from lockenv.workflows.syncing.parts import Parts
from lockenv.workflows.syncing.trees import TREES, would_link

if TYPE_CHECKING:
    from lockenv.materialize import WantedEnvironment
    from lockenv.workflows.environment import Content
    from lockenv.workflows.opened import Opened
    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be made, what is said when it is done, and the interpreter that it hangs on."""

    text: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]
    summary: str
    executable: str


def wish_of(scene: Scene) -> Wish | None:
    """The wish of the lock that stands there; None where the store lacks a wheel of it.

    None too where making it needs more than links: a build, another disk, files of its own.
    """
    if scene.settings.link_mode != "auto" or scene.settings.venv:
        return None
    try:
        opened = open_locked(scene)
        options = SyncOptions()
        content = content_of(opened.lock, choice_of(scene, opened, options, Installed()))
        if not (is_everywhere(content) and _is_at_hand(scene, content)):
            return None
        return _told(scene, opened, options, content)
    except (LockenvError, OSError, ValueError):
        return None  # the next `sync` will say


def _is_at_hand(scene: Scene, content: Content) -> bool:
    """Whether every wheel was unpacked, and nothing is told by the environment once it stands."""
    cuda = content.selection.target.cuda
    folder = UnpackedStore(scene.settings.cache_dir / "unpacked")
    return (cuda is None or "major" not in cuda.needs) and all(
        one.artifact is not None and folder.has(one.artifact.digest) for one in content.wheels
    )


def _told(scene: Scene, opened: Opened, options: SyncOptions, content: Content) -> Wish | None:
    root = venv_root(scene, opened.root, None)
    notes = [*host_notes(content, require=False), *deb_notes(opened.lock, content)]
    with open_network(scene, opened.manifest) as fetcher:
        if not is_settled(scene, content.interpreter, fetcher):
            return None
        python, note = interpreter_for(scene, content.interpreter, fetcher)
        notes += [note] if note else []
        choice = choice_of(scene, opened, options, Installed())
        shop = workshop(scene, fetcher, python, opened.lock, choice.target, root=opened.root)
        wanted = wanted_by(shop, opened, content, choice, root, options)
        notes += later_notes(opened.lock, content.selection, shop.unpacked.index, fetcher)
    text = _text(scene, wanted, shop.unpacked)
    if text is None:
        return None
    todo = plan(Installed(), wanted)
    return Wish(
        text=text,
        lines=tuple(changed_lines(todo)),
        notes=tuple(notes),
        summary=summary_of(root, opened.root, todo, len(wanted.packages), dry=False),
        executable=python.executable,
    )


def _text(scene: Scene, wanted: WantedEnvironment, store: UnpackedStore) -> str | None:
    """The wish as `lockenv.workflows.joined` reads it."""
    trees = scene.settings.data_dir / TREES
    layout = layout_of(wanted.root, wanted.python)
    parts = Parts(store)
    paths: list[str] = []
    for one in wanted.packages:
        unpacked = store.index(one.digest)
        path = None if unpacked is None else parts.path(one, unpacked, layout)
        if path is None:
            return None
        paths.append(path)
    empty = list_tree(replace(wanted, packages=()), {}, Overlaps())
    trees.mkdir(parents=True, exist_ok=True)
    if empty is None or not paths or not would_link(paths[0], trees):
        return None
    fields = [str(trees / f"{tree_key(wanted)}.seen"), *selection_texts(wanted)]
    fields += (str(len(paths)), *paths)
    fields += (empty.python, packages_text(wanted), empty.state_head("", wanted))
    fields += (json.dumps([one.name for one in wanted.packages]), empty.site_packages)
    links = [cell for row in empty.links for cell in row]
    written = [cell for path, mode, text in empty.written for cell in (path, f"{mode:o}", text)]
    for cells in (empty.stamped, empty.folders, links, written):
        fields += (str(len(cells)), *cells)
    return render_wish(fields)
