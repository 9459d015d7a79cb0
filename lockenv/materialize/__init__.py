"""Plan (pure), then put files into a `Tree`: a venv, a root, or a layer."""

from lockenv.materialize.interpreter import InterpreterArchive, materialize_interpreter
from lockenv.materialize.layout import Layout, check_clashes, files_of, layout_of
from lockenv.materialize.place import LINK_MODES, Placer
from lockenv.materialize.plan import Change, Plan, plan
from lockenv.materialize.skeleton import Skeleton, skeleton_of
from lockenv.materialize.state import (
    STATE_NAME,
    Installed,
    InstalledPackage,
    is_current,
    read_installed,
)
from lockenv.materialize.tree import FolderTree, Tree, add_files, add_skeleton
from lockenv.materialize.unpack import StoredFile, Unpacked, UnpackedStore, WheelFile
from lockenv.materialize.values import (
    PlacedFile,
    VenvPython,
    WantedEnvironment,
    WantedPackage,
    written_file,
)
from lockenv.materialize.venv import WriteOptions, write_venv
from lockenv.materialize.verify import verify_venv

__all__ = [
    "LINK_MODES",
    "STATE_NAME",
    "Change",
    "FolderTree",
    "Installed",
    "InstalledPackage",
    "InterpreterArchive",
    "Layout",
    "PlacedFile",
    "Placer",
    "Plan",
    "Skeleton",
    "StoredFile",
    "Tree",
    "Unpacked",
    "UnpackedStore",
    "VenvPython",
    "WantedEnvironment",
    "WantedPackage",
    "WheelFile",
    "WriteOptions",
    "add_files",
    "add_skeleton",
    "check_clashes",
    "files_of",
    "is_current",
    "layout_of",
    "materialize_interpreter",
    "plan",
    "read_installed",
    "skeleton_of",
    "verify_venv",
    "write_venv",
    "written_file",
]
