"""Repositories of another user's, and a server that speaks git's smart protocol over HTTP.

    lib = Repository(folder / "lib")
    commit = lib.commit({"pyproject.toml": "…"}, tag="v1")
    with serve_git(folder) as server:
        … git+{server.root}/lib …
        server.credentials = ("me", "secret")

The answers are those of ``git http-backend``, which comes with git.
"""

from __future__ import annotations

import base64
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Repository:
    """A repository of another user's: no configuration of this machine has a part in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")

    @property
    def url(self) -> str:
        """Its address on this machine."""
        return self.folder.as_uri()

    def git(self, *words: str) -> str:
        """What git answers."""
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "file",
            **{f"GIT_{who}_NAME": "A U Thor" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "author@example.com" for who in ("AUTHOR", "COMMITTER")},
        }
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str], *, tag: str = "") -> str:
        """Add files in a commit of their own, and tag it; its id."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")
        if tag:
            self.git("tag", "--annotate", tag, "--message", tag)
        return self.git("rev-parse", "HEAD")


@dataclass
class GitServer:
    """Where the repositories lie, who may read them, and what was asked."""

    folder: Path
    port: int = 0
    credentials: tuple[str, str] | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        """The server's address without a path."""
        return f"http://127.0.0.1:{self.port}"


class _Answering(BaseHTTPRequestHandler):
    server_state: GitServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Print nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server_state.asked.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._is_known():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        variables = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server_state.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        # What it refuses it answers too, and ends with a status.
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=variables, capture_output=True, check=False
        )
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(rest)

    def _is_known(self) -> bool:
        if self.server_state.credentials is None:
            return True
        token = base64.b64encode(":".join(self.server_state.credentials).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {token}"


@contextmanager
def serve_git(folder: Path) -> Iterator[GitServer]:
    """Serve every repository below a folder."""
    state = GitServer(folder)
    answering = type("Answering", (_Answering,), {"server_state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), answering) as server:
        state.port = server.server_port
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
