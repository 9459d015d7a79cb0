"""Directories of zip archives (APPNOTE 4.3), read quickly where nothing about them is unusual."""

from lockenv.formats.ziparchive.directory import (
    END,
    Member,
    directory_place,
    parse_directory,
    unpack_member,
)

__all__ = ["END", "Member", "directory_place", "parse_directory", "unpack_member"]
