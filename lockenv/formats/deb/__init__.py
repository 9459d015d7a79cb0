"""Binary packages of Debian (deb(5)): the control member, and the data member as a tar stream."""

from lockenv.formats.deb.package import Package, open_data, read_package
from lockenv.formats.deb.unpacked import (
    MERGED_DIRECTORIES,
    Conffile,
    info_name,
    merged_path,
    parse_conffiles,
    parse_control,
)

__all__ = [
    "MERGED_DIRECTORIES",
    "Conffile",
    "Package",
    "info_name",
    "merged_path",
    "open_data",
    "parse_conffiles",
    "parse_control",
    "read_package",
]
