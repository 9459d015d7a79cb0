"""What builds against torch or CUDA need and do not say (flash-attn and its kind).

Their setup scripts import torch and look for nvcc, their build-system names neither, and running
them to learn anything takes gigabytes. So what they need is read from their text; nothing of them
runs while locking.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from lockenv.formats.metadata import CoreMetadata, MetadataError, parse_core_metadata
from lockenv.sources.python.sdists import source_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.sources.python.values import SourceTree

#: Where a source tree says how it is compiled.
_FILES = frozenset({"setup.py", "CMakeLists.txt", "pyproject.toml", "meson.build"})
_NVCC = re.compile(
    rb"\bCUDAExtension\b|\bCUDA_HOME\b|\bCUDACXX\b|\bnvcc\b|enable_language\s*\(\s*CUDA\b|"
    rb"\bproject\s*\([^)]*\bCUDA\b|find_package\s*\(\s*CUDA(?:Toolkit)?\b",
)
_TORCH = re.compile(rb"^[ \t]*(?:import|from)[ \t]+torch\b", re.MULTILINE)
#: What such setup scripts import beside the standard library, and the package that has it.
_IMPORTS = {
    "Cython": "cython",
    "ninja": "ninja",
    "numpy": "numpy",
    "packaging": "packaging",
    "psutil": "psutil",
    "pybind11": "pybind11",
    "torch": "torch",
    "wheel": "wheel",
}


def needs_nvcc(tree: SourceTree) -> bool:
    """Whether a source tree has something for nvcc to compile, by the files that say so."""
    return any(_NVCC.search(body) for body in _texts(tree).values())


def needs_torch(tree: SourceTree) -> bool:
    """Whether its setup script imports torch."""
    return _TORCH.search(_texts(tree).get("setup.py", b"")) is not None


def is_compiled_for_gpus(tree: SourceTree) -> bool:
    """Whether what it is built with may be gigabytes, so that nothing of it runs while locking."""
    return needs_torch(tree) or needs_nvcc(tree)


def asked_by_setup(tree: SourceTree) -> tuple[str, ...]:
    """What a setup script that imports torch must find: its imports and ``setup_requires``."""
    if not needs_torch(tree):
        return ()
    body = _texts(tree)["setup.py"]
    try:
        script = ast.parse(body)
    except (SyntaxError, ValueError, RecursionError):
        return ("torch",)
    found = {_IMPORTS[name] for name in _imports(script) if name in _IMPORTS}
    return tuple(sorted(found | set(_literals(script, "setup_requires"))))


def promised_metadata(tree: SourceTree) -> CoreMetadata | None:
    """What the sdist of such a package says of itself, although a build might say otherwise.

    To ask the build would take torch and a toolkit; what its author's own build said stands. None
    for every other package, and where the sdist says nothing (old ones leave the requirements out).
    """
    if tree.path.is_dir() or not is_compiled_for_gpus(tree):
        return None
    body = source_texts(tree, frozenset({"PKG-INFO"})).get("PKG-INFO")
    if body is None:
        return None
    metadata = parse_core_metadata(body)
    numbers = metadata.metadata_version.split(".")
    is_new = [int(n) for n in numbers if n.isdecimal()] >= [2, 2]
    return metadata if is_new or metadata.requires_dist else None


def _texts(tree: SourceTree) -> dict[str, bytes]:
    try:
        return source_texts(tree, _FILES)
    except MetadataError:
        return {}


def _imports(script: ast.Module) -> Iterator[str]:
    for node in ast.walk(script):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _literals(script: ast.Module, keyword: str) -> Iterator[str]:
    """The texts of a list that a call is given under a keyword, where it stands there as such."""
    for node in ast.walk(script):
        if not isinstance(node, ast.keyword) or node.arg != keyword:
            continue
        if isinstance(node.value, (ast.List, ast.Tuple)):
            for one in node.value.elts:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield one.value
