"""The configured root of an image: from the store, or built now; and the layer that it adds."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lockenv.materialize.image_rules import NORMALISATION
from lockenv.materialize.layers_kept import kept_fragment
from lockenv.materialize.layers_store import key_of, read_json
from lockenv.materialize.root_build import build_root, remove_tree
from lockenv.materialize.root_hold import making_root, using_root
from lockenv.materialize.root_order import RootOrder
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lockenv.formats.oci import Compressor
    from lockenv.formats.tar import Entry
    from lockenv.materialize.image_layers import DebFragment
    from lockenv.materialize.image_plan import BuiltLayer, Deb, ImagePlan
    from lockenv.materialize.layers_fragment import Fragment
    from lockenv.materialize.layers_store import ImageStore
    from lockenv.materialize.root_port import Confinement

#: Where lockenv says to apt which archives the image's packages came from.
_SOURCES = "etc/apt/sources.list.d/lockenv.sources"


@dataclass(frozen=True, kw_only=True)
class RootMaker:
    """One image's root.

    ``baseline`` is what the package layers make together; ``directories`` what unpacking makes.
    The mode of building is no part of the key, as it is no part of the result. ``held`` keeps the
    root for us, once programs run in it, until it is closed.
    """

    plan: ImagePlan
    confinement: Confinement
    compressor: Compressor
    store: ImageStore
    packages: tuple[DebFragment, ...]
    left_out: Mapping[str, frozenset[str]]
    directories: tuple[Entry, ...]
    baseline: tuple[Entry, ...]
    links: tuple[tuple[str, str], ...]
    base: tuple[BuiltLayer, ...] = ()
    upgrades: tuple[Deb, ...] = ()
    held: ExitStack
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def user(self) -> tuple[str, int] | None:
        """The user to add; none for root or a bare number."""
        settings = self.plan.settings
        if settings.user in {"", "root"} or settings.user.partition(":")[0].isdigit():
            return None
        return settings.user.partition(":")[0], settings.uid

    @property
    def key(self) -> str:
        """What the root is made from, as a name."""
        return key_of(
            "root",
            NORMALISATION,
            [one.deb.digest.hex for one in self.packages],
            [layer.diff_id for layer in self.base],
            *([[deb.digest.hex for deb in self.upgrades]] if self.upgrades else []),
            [self.plan.architecture, *self.plan.foreign],
            [self.plan.scripts, self.plan.epoch, self.plan.apt_sources, self.user],
        )

    def configured(self) -> Fragment:
        """What configuring adds to the package layers."""
        kept = self._kept()
        if kept is None:
            with making_root(self._root):
                # Another process may have built it while we waited.
                if self._kept() is None:
                    self._build()
            kept = self._kept()
        if kept is None:
            raise FileNotFoundError(self._fragment)
        return kept

    def _kept(self) -> Fragment | None:
        return kept_fragment(self._fragment_key, self.compressor, self.store)

    def folder(self) -> Path:
        """The root itself, for programs to run in; built if the store has it no more."""
        with self._lock:
            while True:
                with ExitStack() as stack:
                    stack.enter_context(using_root(self._root))
                    if self._facts.exists():
                        self.held.push(stack.pop_all())
                        return self._root
                with making_root(self._root):
                    if not self._facts.exists():
                        self._build()

    def report(self) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """What was dropped with reasons, and the scripts that were skipped."""
        facts = read_json(self._facts)
        if facts is None:
            return (), ()
        return tuple((path, why) for path, why in facts["dropped"]), tuple(facts["skipped"])

    @property
    def _facts(self) -> Path:
        return self._root.with_name(f"{self._root.name}.json")

    @property
    def _root(self) -> Path:
        return self.store.root(self.key)

    @property
    def _fragment(self) -> Path:
        return self.store.fragment(self._fragment_key, self.compressor)

    @property
    def _fragment_key(self) -> str:
        return key_of("configured", self.key)

    def _build(self) -> None:
        root = self._root
        for one in self.packages:
            one.fragment.check()
        self._facts.unlink(missing_ok=True)
        remove_tree(root, self.confinement)
        files = ((_SOURCES, self.plan.apt_sources),) if self.plan.apt_sources else ()
        build_root(
            RootOrder(
                root=str(root),
                epoch=self.plan.epoch,
                compression=self.compressor.name,
                architecture=self.plan.architecture,
                foreign=self.plan.foreign,
                scripts=self.plan.scripts,
                packages=tuple(
                    (
                        str(one.fragment.data),
                        tuple(sorted(self.left_out.get(one.package.qualified, ()))),
                    )
                    for one in self.packages
                ),
                directories=self.directories,
                baseline=self.baseline,
                links=self.links,
                base_layers=tuple(str(layer.path) for layer in self.base),
                upgrades=tuple(str(deb.path) for deb in self.upgrades),
                user=self.user,
                files=files,
                fragment=str(self._fragment),
                temporary=str(self.store.temporary()),
            ),
            self.confinement,
            self.store,
        )
