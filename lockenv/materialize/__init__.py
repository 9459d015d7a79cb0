"""Plan (pure), then put files into a `Tree`: a venv, a root, or a layer."""

from lockenv.materialize.disk import refused_by_system
from lockenv.materialize.image_attached import Attached, referrer_of
from lockenv.materialize.image_base import BaseFacts, base_config, base_packages, read_base
from lockenv.materialize.image_build import BuildPlaces, build_image
from lockenv.materialize.image_check import check_digests, check_image, check_recorded
from lockenv.materialize.image_gate import GATE, GATE_PATH, Gate, render_gate
from lockenv.materialize.image_plan import (
    BASE_DIGEST,
    BASE_NAME,
    CONSTANT_TIME,
    ENVIRONMENT_LABEL,
    Base,
    BaseLayer,
    BuiltImage,
    BuiltLayer,
    Deb,
    ImagePlan,
    ImagePython,
    ImageWheel,
    ProjectFile,
    ToolkitArchive,
)
from lockenv.materialize.image_plan import Settings as ImageSettings
from lockenv.materialize.image_read import FoundImage, image_of, open_image
from lockenv.materialize.image_rules import NORMALISATION
from lockenv.materialize.image_write import (
    ARCHIVE_SUFFIX,
    image_index,
    is_archive,
    manifest_descriptor,
    takes_layout,
    top_digest,
    write_archive,
    write_layout,
)
from lockenv.materialize.interpreter import InterpreterArchive, materialize_interpreter
from lockenv.materialize.layers_assemble import check_layers, remove_rotten
from lockenv.materialize.layers_store import ImageStore, key_of
from lockenv.materialize.layout import Layout, check_clashes, files_of, layout_of
from lockenv.materialize.parts import Part, part_name, part_of
from lockenv.materialize.place import LINK_MODES, Placer
from lockenv.materialize.plan import Change, Plan, plan
from lockenv.materialize.root_apply import materialize_root
from lockenv.materialize.root_build import remove_tree
from lockenv.materialize.root_hold import remove_unused_roots, using_root
from lockenv.materialize.sharing import make_own, shared_among
from lockenv.materialize.skeleton import Skeleton, skeleton_of
from lockenv.materialize.state import (
    STATE_NAME,
    Installed,
    InstalledPackage,
    distrust,
    is_current,
    read_installed,
)
from lockenv.materialize.tree import FolderTree, Tree, add_files, add_skeleton
from lockenv.materialize.tree_list import (
    TreeList,
    list_tree,
    packages_text,
    selection_texts,
    tree_key,
    without,
    write_shared,
)
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
    "ARCHIVE_SUFFIX",
    "BASE_DIGEST",
    "BASE_NAME",
    "CONSTANT_TIME",
    "ENVIRONMENT_LABEL",
    "GATE",
    "GATE_PATH",
    "LINK_MODES",
    "NORMALISATION",
    "STATE_NAME",
    "Attached",
    "Base",
    "BaseFacts",
    "BaseLayer",
    "BuildPlaces",
    "BuiltImage",
    "BuiltLayer",
    "Change",
    "Deb",
    "FolderTree",
    "FoundImage",
    "Gate",
    "ImagePlan",
    "ImagePython",
    "ImageSettings",
    "ImageStore",
    "ImageWheel",
    "Installed",
    "InstalledPackage",
    "InterpreterArchive",
    "Layout",
    "Part",
    "PlacedFile",
    "Placer",
    "Plan",
    "ProjectFile",
    "Skeleton",
    "StoredFile",
    "ToolkitArchive",
    "Tree",
    "TreeList",
    "Unpacked",
    "UnpackedStore",
    "VenvPython",
    "WantedEnvironment",
    "WantedPackage",
    "WheelFile",
    "WriteOptions",
    "add_files",
    "add_skeleton",
    "base_config",
    "base_packages",
    "build_image",
    "check_clashes",
    "check_digests",
    "check_image",
    "check_layers",
    "check_recorded",
    "distrust",
    "files_of",
    "image_index",
    "image_of",
    "is_archive",
    "is_current",
    "key_of",
    "layout_of",
    "list_tree",
    "make_own",
    "manifest_descriptor",
    "materialize_interpreter",
    "materialize_root",
    "open_image",
    "packages_text",
    "part_name",
    "part_of",
    "plan",
    "read_base",
    "read_installed",
    "referrer_of",
    "refused_by_system",
    "remove_rotten",
    "remove_tree",
    "remove_unused_roots",
    "render_gate",
    "selection_texts",
    "shared_among",
    "skeleton_of",
    "takes_layout",
    "top_digest",
    "tree_key",
    "using_root",
    "verify_venv",
    "without",
    "write_archive",
    "write_layout",
    "write_shared",
    "write_venv",
    "written_file",
]
