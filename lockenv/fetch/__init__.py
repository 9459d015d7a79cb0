"""The only HTTP and the only store: a page may change, a blob may not."""

from lockenv.fetch.port import Fetcher, Page, RemoteFile

__all__ = ["Fetcher", "Page", "RemoteFile"]
