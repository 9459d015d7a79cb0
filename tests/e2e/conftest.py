"""A local index and a user for each story."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import serve_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer


@pytest.fixture(scope="session", autouse=True)
def _users_can_interrupt() -> None:
    """A shell starts what runs in the background with interrupts ignored, and that is inherited."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as server:
        yield server


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)
