"""Wheels: archives from strangers, read with care; and the files that installing one writes."""

from lockenv.formats.wheel.archive import (
    LIMITS,
    Limits,
    Member,
    read_member,
    read_members,
    stream_member,
)
from lockenv.formats.wheel.direct_url import (
    DIRECT_URL,
    PROVENANCE_URL,
    render_archive_url,
    render_directory_url,
    render_provenance_url,
    render_vcs_url,
)
from lockenv.formats.wheel.entrypoints import (
    Command,
    commands_for,
    parse_command,
    parse_entry_points,
    render_command,
    render_shebang,
    rewrite_shebang,
)
from lockenv.formats.wheel.paths import collision_key, first_collision, path_fault
from lockenv.formats.wheel.record import RecordRow, encode_digest, parse_record, render_record
from lockenv.formats.wheel.wheel import (
    SCHEMES,
    Wheel,
    check_content,
    parse_headers,
    read_wheel,
    split_scheme,
)

__all__ = [
    "DIRECT_URL",
    "LIMITS",
    "PROVENANCE_URL",
    "SCHEMES",
    "Command",
    "Limits",
    "Member",
    "RecordRow",
    "Wheel",
    "check_content",
    "collision_key",
    "commands_for",
    "encode_digest",
    "first_collision",
    "parse_command",
    "parse_entry_points",
    "parse_headers",
    "parse_record",
    "path_fault",
    "read_member",
    "read_members",
    "read_wheel",
    "render_archive_url",
    "render_command",
    "render_directory_url",
    "render_provenance_url",
    "render_record",
    "render_shebang",
    "render_vcs_url",
    "rewrite_shebang",
    "split_scheme",
    "stream_member",
]
