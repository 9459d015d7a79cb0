"""What an image says of its CUDA: variables for the container toolkit, labels, and the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.materialize import Gate, UnpackedStore, WheelFile
from lockenv.tables.cuda import Driver, drivers
from lockenv.values import dataclass, field
from lockenv.workflows.syncing.cuda_notes import later_notes, touches_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.fetch import StoreFetcher
    from lockenv.materialize import ImagePlan, Unpacked
    from lockenv.model import CudaFacts, Digest, Lock, LockedTarget
    from lockenv.workflows.environment import Content
    from lockenv.workflows.scene import Scene

_LABEL = "dev.lockenv.cuda."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCuda:
    """What a target's CUDA adds to an image; nothing where the target has none."""

    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    gate: Gate | None = None


def image_cuda(target: LockedTarget) -> ImageCuda:
    """What follows from the needs that the lock has for a target."""
    needs = target.cuda.needs if target.cuda is not None else {}
    floor = needs.get("driver")
    if target.cuda is None or not isinstance(floor, str):
        return ImageCuda()
    archs, ptx = _texts(target.cuda, "archs", "jit"), _texts(target.cuda, "ptx")
    majors = _texts(target.cuda, "major")
    env = {
        "NVIDIA_VISIBLE_DEVICES": "all",
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
    }
    native = drivers().native_cuda(Driver(floor))
    if native is not None:
        env["NVIDIA_REQUIRE_CUDA"] = f"cuda>={native}"
    plain = [text for text in (*archs, *ptx) if text[-1:].isdigit()]
    if plain:
        lowest = min(plain, key=lambda text: tuple(map(int, text.split("."))))
        env["NVIDIA_REQUIRE_ARCH"] = f"arch>={lowest}"
    labels = {f"{_LABEL}driver": floor}
    if _texts(target.cuda, "toolkit"):
        labels[f"{_LABEL}toolkit"] = _texts(target.cuda, "toolkit")[0]
    if archs:
        labels[f"{_LABEL}archs"] = ",".join(archs)
    major = max((int(text) for text in majors if text.isdecimal()), default=0)
    gate = Gate(driver=floor, major=major, archs=archs, ptx=ptx)
    return ImageCuda(env=env, labels=labels, gate=gate)


def contradictions(
    scene: Scene, lock: Lock, content: Content, plan: ImagePlan, fetcher: StoreFetcher
) -> list[str]:
    """What the image's wheels turn out to hold against what was locked (LE705).

    `DriftError` by the policy's word, before anything is built. What was read once is remembered.
    """
    if not touches_cuda(lock, content.selection.target):
        return []
    wheels = {one.package.digest: one for one in plan.wheels}
    store = UnpackedStore(scene.settings.cache_dir / "unpacked" / "wheels")

    def unpacked(digest: Digest) -> Unpacked | None:
        found, wheel = store.index(digest), wheels.get(digest)
        if found is None and wheel is not None:
            file = WheelFile(wheel.path, wheel.package.filename, digest)
            found = store.unpack([file])[digest]
        return found

    return later_notes(lock, content.selection, unpacked, fetcher)


def _texts(facts: CudaFacts, *keys: str) -> tuple[str, ...]:
    found: set[str] = set()
    for key in keys:
        value = facts.needs.get(key, ())
        found.update((value,) if isinstance(value, str) else value)
    return tuple(sorted(found, key=lambda text: (len(text), text)))
