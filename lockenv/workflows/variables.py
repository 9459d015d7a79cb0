"""The variables of a command in an environment, and where its program is.

On the path of every remembered `run`: imports nothing heavy.
"""

import os
import sys

#: A checker reads the types below as if they were imported; nothing is.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def environment(given: "Mapping[str, str]", root: str, digest: str) -> dict[str, str]:
    """The variables of a command: as activation sets them, with the environment's digest."""
    variables = {name: value for name, value in given.items() if name != "PYTHONHOME"}
    variables["VIRTUAL_ENV"] = root
    variables["PATH"] = f"{binaries(root)}{os.pathsep}{given.get('PATH', os.defpath)}"
    if digest:
        variables["LOCKENV_ENVIRONMENT_DIGEST"] = digest
    return variables


def binaries(root: str) -> str:
    """The folder of an environment's programs."""
    return os.path.join(root, "Scripts" if sys.platform == "win32" else "bin")  # noqa: PTH118 - pathlib is heavy


def path_note(root: str) -> str:
    """What a user must know of an environment that PATH cannot name; else empty."""
    if os.pathsep not in root:
        return ""
    return (
        f"note: PATH cannot name {binaries(root)}, which has a {os.pathsep} in it:"
        " programs that your command starts by name are not the environment's\n"
    )


def find_program(word: str, root: str, path: str) -> str:
    """The program that a word means on a POSIX system, as `shutil.which` has it; else empty.

    The environment's own come first, also where PATH cannot name their folder.
    """
    if "/" in word:
        return word if _is_program(word) else ""
    for folder in (binaries(root), *path.split(":")):
        place = os.path.join(folder, word)  # noqa: PTH118 - pathlib is heavy
        if _is_program(place):
            return place
    return ""


def _is_program(path: str) -> bool:
    return os.access(path, os.X_OK) and not os.path.isdir(path)  # noqa: PTH112 - pathlib is heavy
