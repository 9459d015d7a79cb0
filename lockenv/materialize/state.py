"""What an environment says about itself: ``lockenv-state.json``, and what lies in site-packages.

The state names what was installed, from what, and whether that was finished. It also keeps the
times of a few folders, so that "nothing was touched" is known from one file and some `stat` calls.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import TYPE_CHECKING

from lockenv.fields import Fields, parse_json
from lockenv.values import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lockenv.materialize.layout import Layout

STATE_NAME = "lockenv-state.json"
LOCK_FILE = ".lockenv-lock"
FORMAT = 1
#: The key of pyvenv.cfg that tells an environment of ours, should its state be lost.
MARKER = "lockenv"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPackage:
    """A package found in an environment.

    ``dist_info`` is the name of its folder. ``artifact`` and ``origin_key`` are empty unless we
    installed it and finished; ``record`` is the sha256 of the RECORD that we wrote.
    """

    name: str
    version: str
    dist_info: str
    artifact: str = ""
    origin_key: str = ""
    record: str = ""
    has_scripts: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether we installed it, wholly."""
        return bool(self.artifact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An environment as it is found; every field is empty where there is none.

    ``key`` is that of the `WantedEnvironment` that it was made from; empty if the last change did
    not come to its end. ``packages`` are sorted by name and folder; there can be several of one
    name after somebody else installed there. ``tree`` is the folder of the store that some folders
    of site-packages may be links into; empty for none.
    """

    exists: bool = False
    is_ours: bool = False
    was_interrupted: bool = False
    key: str = ""
    root: str = ""
    site_packages: str = ""
    python_version: str = ""
    python_executable: str = ""
    python_build: str = ""
    prompt: str = ""
    selection: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    packages: tuple[InstalledPackage, ...] = ()
    touched: tuple[str, ...] = ()
    tree: str = ""


def read_installed(root: Path) -> Installed:
    """What an environment holds; never fails for what it finds, only for what it may not read."""
    try:
        entries = {entry.name for entry in os.scandir(root)}
    except (FileNotFoundError, NotADirectoryError):
        return Installed(exists=root.is_symlink() or root.exists())
    if not entries:
        return Installed()
    own_alone = all(name == STATE_NAME or name.startswith(".lockenv") for name in entries)
    state = _read_state(root)
    if state is None:
        return _without_state(root, is_ours=own_alone or MARKER in _read_config(root))
    site_packages = _folder_name(state.text("site_packages") or "")
    python = state.below("python") or Fields({})
    selection = state.below("selection") or Fields({})
    return Installed(
        exists=True,
        is_ours=True,
        was_interrupted=state.text("status") != "complete" or not _stands(root, state),
        key=state.text("key") or "",
        root=state.text("root") or "",
        site_packages=site_packages,
        python_version=python.text("version") or "",
        python_executable=python.text("executable") or "",
        python_build=python.text("build") or "",
        prompt=state.text("prompt") or "",
        selection={
            name: selection.texts(name) if isinstance(value, list) else selection.text(name) or ""
            for name, value in selection.table.items()
        },
        packages=_read_packages(root / site_packages, state),
        touched=state.texts("touched"),
        tree=state.text("tree") or "",
    )


def _without_state(root: Path, *, is_ours: bool) -> Installed:
    """An environment whose state was lost: what lies in site-packages counts as somebody else's."""
    site_packages = ""
    if is_ours:
        found = sorted([*root.glob("lib/python*/site-packages"), *root.glob("Lib/site-packages")])
        site_packages = found[-1].relative_to(root).as_posix() if found else ""
    packages = tuple(map(_foreign, dist_infos(root / site_packages))) if site_packages else ()
    return Installed(
        exists=True,
        is_ours=is_ours,
        was_interrupted=True,
        site_packages=site_packages,
        packages=packages,
        touched=tuple(package.name for package in packages),
    )


def is_current(root: Path, key: str) -> bool:
    """Whether an environment was made from the wish with this key and nobody touched it since.

    Reads one file and asks for the times of four more; files inside packages are not looked at.
    """
    state = _read_state(root)
    if state is None or state.text("status") != "complete" or state.text("key") != key:
        return False
    recorded = state.raw("stamps")
    if not isinstance(recorded, dict) or not recorded:
        return False
    return all(_stamp(root / name) == stamp for name, stamp in recorded.items())


def _stands(root: Path, state: Fields) -> bool:
    """Whether the environment's own files are those written; they are made anew if not."""
    recorded = state.raw("stamps")
    own = {"pyvenv.cfg", "bin/python", "Scripts/python.exe"}
    return isinstance(recorded, dict) and all(
        _stamp(root / name) == stamp for name, stamp in recorded.items() if name in own
    )


def render_state(
    installed: Installed, packages: tuple[InstalledPackage, ...], stamps: Mapping[str, list[int]]
) -> str:
    """The text of the state file."""
    document = {
        "format": FORMAT,
        "status": "in progress" if installed.was_interrupted else "complete",
        "key": installed.key,
        "root": installed.root,
        "site_packages": installed.site_packages,
        "python": {
            "version": installed.python_version,
            "executable": installed.python_executable,
            "build": installed.python_build,
        },
        "prompt": installed.prompt,
        "selection": dict(installed.selection),
        "touched": sorted(installed.touched),
        "tree": installed.tree,
        "stamps": dict(stamps),
        "packages": [
            {
                "name": one.name,
                "version": one.version,
                "dist_info": one.dist_info,
                "artifact": one.artifact,
                "origin": one.origin_key,
                "record": one.record,
                "scripts": one.has_scripts,
            }
            for one in sorted(packages, key=lambda one: one.name)
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write_state(root: Path, text: str) -> None:
    """Replace the state file in one step."""
    temporary = root / f".lockenv-state-{os.getpid()}"
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
        temporary.replace(root / STATE_NAME)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def stamps_of(root: Path, layout: Layout) -> dict[str, list[int]]:
    """The times that change when something is added to or taken from an environment."""
    return {
        name: stamp for name in stamped_names(layout) if (stamp := _stamp(root / name)) is not None
    }


def stamped_names(layout: Layout) -> tuple[str, ...]:
    """Whose times these are."""
    python = "python.exe" if layout.system == "win32" else "python"
    return (layout.site_packages, layout.scripts, "pyvenv.cfg", f"{layout.scripts}/{python}")


def _stamp(path: Path) -> list[int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size, found.st_ino]


def _read_state(root: Path) -> Fields | None:
    try:
        document = parse_json((root / STATE_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return None
    return Fields(document)


def _read_config(root: Path) -> dict[str, str]:
    try:
        lines = (root / "pyvenv.cfg").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    pairs = (line.partition("=") for line in lines)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _folder_name(text: str) -> str:
    """The folder that a state names, if it is one that we could have made; else none."""
    parts = text.split("/")
    return text if parts[-1] == "site-packages" and not {"", ".", ".."} & set(parts) else ""


def _read_packages(site_packages: Path, state: Fields) -> tuple[InstalledPackage, ...]:
    known: dict[str, InstalledPackage] = {}
    for table in state.tables("packages"):
        package = InstalledPackage(
            name=table.text("name") or "",
            version=table.text("version") or "",
            dist_info=table.text("dist_info") or "",
            artifact=table.text("artifact") or "",
            origin_key=table.text("origin") or "",
            record=table.text("record") or "",
            has_scripts=table.flag("scripts") or False,
        )
        known[package.dist_info] = package
    found = [known.get(name) or _foreign(name) for name in dist_infos(site_packages)]
    return tuple(sorted(found, key=lambda one: (one.name, one.dist_info)))


def dist_infos(site_packages: Path) -> list[str]:
    """The names of the ``.dist-info`` folders, sorted."""
    try:
        names = [entry.name for entry in os.scandir(site_packages)]
    except (OSError, ValueError):  # a name that no disk could have
        return []
    return sorted(name for name in names if name.endswith(".dist-info"))


def _foreign(dist_info: str) -> InstalledPackage:
    name, _, version = dist_info.removesuffix(".dist-info").partition("-")
    normal = re.sub(r"[-_.]+", "-", name).lower()
    return InstalledPackage(name=normal, version=version, dist_info=dist_info)


def distrust(root: Path, names: Iterable[str]) -> None:
    """Note that these packages are not what they were: the next change renews them."""
    installed = read_installed(root)
    state = replace(installed, key="", touched=tuple({*installed.touched, *names}))
    ours = tuple(package for package in installed.packages if package.is_ours)
    write_state(root, render_state(state, ours, {}))
