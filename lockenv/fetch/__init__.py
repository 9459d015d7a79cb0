"""The only HTTP and the only store: a page may change, a blob may not."""

from lockenv.fetch.addresses import redacted, shelf_path
from lockenv.fetch.fetcher import StoreFetcher, open_fetcher
from lockenv.fetch.hold import alone_at_store, using_store
from lockenv.fetch.local import path_of
from lockenv.fetch.memo import Memo
from lockenv.fetch.options import (
    JOBS,
    Credentials,
    FetchOptions,
    Mirrors,
    NoMirrors,
    Patience,
    no_credentials,
)
from lockenv.fetch.port import Fetcher, Page, RemoteFile, Trail
from lockenv.fetch.seekable import SeekableRemote

__all__ = [
    "JOBS",
    "Credentials",
    "FetchOptions",
    "Fetcher",
    "Memo",
    "Mirrors",
    "NoMirrors",
    "Page",
    "Patience",
    "RemoteFile",
    "SeekableRemote",
    "StoreFetcher",
    "Trail",
    "alone_at_store",
    "no_credentials",
    "open_fetcher",
    "path_of",
    "redacted",
    "shelf_path",
    "using_store",
]
