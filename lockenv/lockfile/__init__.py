"""The lock as text: reading, canonical writing, staleness, self-check, digests, diff and merge."""

from lockenv.lockfile.asked import Asked, Root, requirements, rests, roots, single
from lockenv.lockfile.conflict import has_markers, split_markers
from lockenv.lockfile.difference import (
    Change,
    Difference,
    Fact,
    Yanked,
    diff,
    diff_targets,
    download_size,
    origins,
)
from lockenv.lockfile.difference_words import (
    diff_json,
    render_diff_markdown,
    render_diff_text,
    render_size,
)
from lockenv.lockfile.digest import environment_digest
from lockenv.lockfile.merging import Merged, merge
from lockenv.lockfile.order import canonical
from lockenv.lockfile.places import Places
from lockenv.lockfile.preferring import marker_holds, preferred_versions
from lockenv.lockfile.reader import Inspection, decode_lock, inspect_lock, parse_lock
from lockenv.lockfile.request import Scope, asked_lines, key_origin, request
from lockenv.lockfile.request_layers import base_references, image_requests
from lockenv.lockfile.requirements import answers, canonical_requirement, parsed_requirement
from lockenv.lockfile.selection import (
    Edge,
    SelectedPackage,
    Selection,
    artifact_for,
    entries_of,
    regrouped,
    select,
    selections_of,
)
from lockenv.lockfile.self_check import self_check
from lockenv.lockfile.settling import is_coherent, settle
from lockenv.lockfile.staleness import stale
from lockenv.lockfile.staleness_python import own_version_findings
from lockenv.lockfile.supply import supply_findings
from lockenv.lockfile.targets import named_target, target_of
from lockenv.lockfile.text import Moment, Value
from lockenv.lockfile.text import value as render_value
from lockenv.lockfile.things_words import render_things
from lockenv.lockfile.writer import is_writable, render_lock

__all__ = [
    "Asked",
    "Change",
    "Difference",
    "Edge",
    "Fact",
    "Inspection",
    "Merged",
    "Moment",
    "Places",
    "Root",
    "Scope",
    "SelectedPackage",
    "Selection",
    "Value",
    "Yanked",
    "answers",
    "artifact_for",
    "asked_lines",
    "base_references",
    "canonical",
    "canonical_requirement",
    "decode_lock",
    "diff",
    "diff_json",
    "diff_targets",
    "download_size",
    "entries_of",
    "environment_digest",
    "has_markers",
    "image_requests",
    "inspect_lock",
    "is_coherent",
    "is_writable",
    "key_origin",
    "marker_holds",
    "merge",
    "named_target",
    "origins",
    "own_version_findings",
    "parse_lock",
    "parsed_requirement",
    "preferred_versions",
    "regrouped",
    "render_diff_markdown",
    "render_diff_text",
    "render_lock",
    "render_size",
    "render_things",
    "render_value",
    "request",
    "requirements",
    "rests",
    "roots",
    "select",
    "selections_of",
    "self_check",
    "settle",
    "single",
    "split_markers",
    "stale",
    "supply_findings",
    "target_of",
]
