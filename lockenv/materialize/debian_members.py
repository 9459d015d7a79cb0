"""Which members a Debian package may have: what dpkg-deb can pack, and nothing that is another's.

dpkg-deb packs a real folder, so a package has no path twice, nothing below a file or a link, and
hard links only to its own members. No package of Debian's has a file in dpkg's database or where
lockenv lays an image's environment (of the 7.3 million paths of bookworm none).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lockenv.errors import IntegrityError
from lockenv.formats.deb import merged_path
from lockenv.materialize.image_plan import PROJECTION_PATH, PYTHON_PREFIX, VENV_PREFIX
from lockenv.materialize.layers_fragment import MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.formats.tar import Entry

#: Folders in which no package may lay anything but folders.
_RESERVED = (
    "var/lib/dpkg",
    PYTHON_PREFIX,
    VENV_PREFIX,
    PROJECTION_PATH.rpartition("/")[0],
    "app",
)


class MemberJudge:
    """Judges the members of one package, in their order; ``label`` names it in messages.

    ``reserved`` are folders that are another's. NVIDIA's archives are judged likewise.
    """

    def __init__(self, label: str, reserved: Sequence[str] = _RESERVED) -> None:
        self._label = label
        self._reserved = reserved
        self._leaves: set[str] = set()
        self._folders: set[str] = set()

    def admit(self, entry: Entry) -> None:
        """Take note of a member, its path as it is in /usr; IntegrityError for what cannot be."""
        path = entry.path
        if entry.kind in {"character", "block"}:
            raise IntegrityError(
                "device-in-package",
                f"{self._label} holds a device node",
                why=(f"member {path!r}",),
                fix="do not use this package in an image",
            )
        if path.rpartition("/")[2].startswith(MARK):
            self._refuse(path, "in a layer its name takes another file away")
        if "\n" in path:
            self._refuse(path, "its name does not fit into a line of dpkg's lists")
        if entry.xattrs:
            self._refuse(path, "it has extended attributes, which dpkg does not know")
        self._check_place(entry)
        if entry.kind == "directory":
            self._folders.add(path)
        else:
            if entry.kind == "hardlink" and merged_path(entry.target) not in self._leaves:
                self._refuse(path, f"it shares {entry.target[:200]!r}, no member before it")
            self._leaves.add(path)

    def _check_place(self, entry: Entry) -> None:
        path = entry.path
        if path in self._leaves or (entry.kind != "directory" and path in self._folders):
            self._refuse(path, "it has this path twice")
        parent = path.rpartition("/")[0]
        while parent and parent not in self._folders:
            if parent in self._leaves:
                self._refuse(path, f"it lies below {parent[-200:]!r}, which is no folder")
            self._folders.add(parent)
            parent = parent.rpartition("/")[0]
        if entry.kind == "directory":
            return
        for place in self._reserved:
            if path == place or path.startswith(f"{place}/") or place.startswith(f"{path}/"):
                self._refuse(path, f"/{place} is no place of a package")

    def _refuse(self, path: str, why: str) -> NoReturn:
        raise IntegrityError(
            "member-in-package",
            f"{self._label} holds what no package may hold",
            why=(f"member {path[:200]!r}: {why}",),
            fix="do not use this package in an image; tell its publisher",
        )
