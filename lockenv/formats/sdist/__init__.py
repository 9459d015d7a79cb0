"""Source archives: tar and zip files from strangers, read member by member with care."""

from lockenv.formats.sdist.archive import LIMIT, MEMBERS, SourceMember, read_source_members

__all__ = ["LIMIT", "MEMBERS", "SourceMember", "read_source_members"]
