"""Indexes in trouble: the exit status says whether to retry, and the former lock stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User, snapshot
from tests.support.index_server import HTML, JSON, Fault, serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.index_server import IndexServer

PAGE = "/simple/lib/"
FILE = "/files/lib-1.0-py3-none-any.whl"
METADATA = f"{FILE}.metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What goes wrong where, the status and slug of ``lock``, and what the message must hold."""

    fault: Fault
    path: str = PAGE
    status: int
    slug: str = ""
    facts: Sequence[str] = field(default=("lib",))


def _broken(**what: object) -> Fault:
    return Fault(**what, lasting=True)  # type: ignore[arg-type]  # the table below says which


TROUBLES = {
    "no such project": Trouble(fault=_broken(status=404), status=3),
    "gone": Trouble(fault=_broken(status=410), status=3),
    "credentials asked for": Trouble(fault=_broken(status=401), status=8),
    "forbidden": Trouble(fault=_broken(status=403), status=8),
    "server error": Trouble(fault=_broken(status=500), status=5),
    "unavailable": Trouble(fault=_broken(status=503), status=5),
    "too many requests": Trouble(
        fault=_broken(status=429, headers=(("Retry-After", "0"),)), status=5
    ),
    "an error page with status 200": Trouble(
        fault=_broken(body=b"<html><body><h1>Please log in</h1></body></html>", content_type=HTML),
        status=8,
    ),
    "text instead of a page": Trouble(
        fault=_broken(body=b"all is well", content_type="text/plain"), status=8
    ),
    "a picture instead of a page": Trouble(
        fault=_broken(body=b"\x89PNG", content_type="image/png"), status=8
    ),
    "JSON cut short": Trouble(fault=_broken(cut=40), status=5),
    "JSON that ends early": Trouble(
        fault=_broken(body=b'{"meta": {"api-version": "1.0"}, "fil', content_type=JSON), status=8
    ),
    "JSON of another shape": Trouble(
        fault=_broken(body=b'{"files": "many"}', content_type=JSON), status=8
    ),
    "a future version of the interface": Trouble(
        fault=_broken(
            body=b'{"meta": {"api-version": "2.0"}, "name": "lib", "files": []}', content_type=JSON
        ),
        status=8,
    ),
    "a loop of redirections": Trouble(fault=_broken(redirect=PAGE), status=8),
    "other metadata than announced": Trouble(
        fault=_broken(
            body=b"Metadata-Version: 2.1\nName: lib\nVersion: 1.0\nRequires-Dist: evil\n"
        ),
        path=METADATA,
        status=4,
        slug="digest-mismatch",
    ),
    "deeply nested JSON": Trouble(
        fault=_broken(body=b'{"files": ' + b"[" * 100_000, content_type=JSON), status=8
    ),
}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IndexServer, str]]:
    """An index for the whole module, and what ``lock`` wrote for a project with one package."""
    with serve_index() as server:
        server.publish(wheel("app", "1.0"), wheel("lib", "1.0"))
        first = User(tmp_path_factory.mktemp("first"))
        first.write("pyproject.toml", pyproject(server, dependencies=["app"]))
        first.lockenv("lock")
        yield server, first.read("lockenv.lock")


@pytest.mark.parametrize("story", TROUBLES)
def test_an_index_in_trouble_leaves_the_former_lock(
    user: User, standing: tuple[IndexServer, str], story: str
) -> None:
    trouble = TROUBLES[story]
    server, lock = standing
    user.write("lockenv.lock", lock)
    user.write("pyproject.toml", pyproject(server, dependencies=["app", "lib"]))
    before = snapshot(user.folder)
    server.faults = {trouble.path: [trouble.fault]}

    answer = user.lockenv("lock", status=None)

    assert answer.status == trouble.status, answer.text
    assert answer.slug == trouble.slug or not trouble.slug
    assert "fix:" in answer.err
    for fact in trouble.facts:
        assert fact in answer.err
    assert snapshot(user.folder) == before


def test_trouble_that_passes_is_outlived(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"))
    index.faults[PAGE] = [Fault(status=503), Fault(cut=10)]
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))

    user.lockenv("lock")

    assert 'name = "lib"' in user.read("lockenv.lock")


def test_an_absurdly_large_answer_is_not_read_to_its_end(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"))
    index.page_gzip = True
    index.faults[PAGE] = [Fault(body=b" " * (80 << 20), content_type=JSON, lasting=True)]
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))

    answer = user.lockenv("lock", status=8)

    assert answer.slug == "too-large"
    assert not user.lock_path.exists()


def test_a_wrong_login_never_falls_through_to_the_next_index(
    user: User, index: IndexServer
) -> None:
    """Dependency confusion: a refused index must not make room for another one."""
    index.publish(wheel("lib", "9.0"))
    index.faults["/private/lib/"] = [Fault(status=401, lasting=True)]
    tables = f'[[tool.lockenv.index]]\nname = "private"\nurl = "{index.root}/private/"\n'
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"], tables=tables))

    answer = user.lockenv("lock", status=8)

    assert "LOCKENV_INDEX_" in answer.err
    assert not user.lock_path.exists()


def test_credentials_reach_their_index_and_nothing_else(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"))
    index.credentials = ("me", "open-sesame")
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    refused = user.lockenv("lock", status=8)
    assert "LOCKENV_INDEX_" in refused.err
    user.variables |= {
        "LOCKENV_INDEX_LOCAL_USERNAME": "me",
        "LOCKENV_INDEX_LOCAL_PASSWORD": "open-sesame",
    }

    user.lockenv("lock", "-v")
    user.lockenv("sync", "-v")

    kept = b"".join(path.read_bytes() for path in user.ground.rglob("*") if path.is_file())
    assert b"open-sesame" not in kept


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault(status=404, lasting=True), 8),
        (Fault(status=500, lasting=True), 5),
        (Fault(body=b"another file of some length", lasting=True), 4),
        (Fault(cut=100, lasting=True), 5),
    ],
    ids=["gone", "server error", "another file", "cut short"],
)
def test_a_file_that_cannot_be_had_leaves_the_environment(
    user: User, index: IndexServer, fault: Fault, status: int
) -> None:
    index.publish(wheel("app", "1.0"), wheel("lib", "1.0", padding=100_000))
    user.write("pyproject.toml", pyproject(index, dependencies=["app"]))
    user.lockenv("lock")
    user.lockenv("sync")
    user.write("pyproject.toml", pyproject(index, dependencies=["app", "lib"]))
    user.lockenv("lock")
    before = snapshot(user.venv)
    index.faults[FILE] = [fault]

    answer = user.lockenv("sync", status=None)

    assert answer.status == status, answer.text
    assert "lib-1.0" in answer.err
    assert snapshot(user.venv) == before
    index.faults.clear()
    user.lockenv("sync")
    user.lockenv("check", "--env")


def test_a_server_that_is_not_there_is_status_5(user: User, index: IndexServer) -> None:
    user.write(
        "pyproject.toml", pyproject(index, dependencies=["lib"], url="http://127.0.0.1:9/simple/")
    )

    assert "127.0.0.1:9" in user.lockenv("lock", status=5).err


def test_a_file_of_another_size_than_listed_is_refused(user: User, index: IndexServer) -> None:
    """The index lies about a size: whatever is locked is what was seen."""
    built = wheel("lib", "1.0")
    index.publish(built)
    kind, page = index.page(PAGE) or ("", b"")
    lie = page.replace(b'"size": %d' % len(built.data), b'"size": 7')
    assert lie != page
    index.pages[PAGE] = (kind, lie)
    user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
    user.lockenv("lock")

    answer = user.lockenv("sync", status=4)

    assert "7" in answer.err
    assert not user.venv.exists() or not (user.venv / "lib").exists()


def test_a_folder_that_is_no_index_is_not_taken_for_one_without_the_name(
    user: User, index: IndexServer
) -> None:
    index.publish(wheel("lib", "1.0"))
    wheel("lib", "2.0").write(user.folder / "wheels")
    first = '[[tool.lockenv.index]]\nname = "ours"\nurl = "{}"\n\n[[tool.lockenv.index]]\n'
    text = pyproject(index, dependencies=["lib"])
    for url, slug in (("wheels", "not-an-index-page"), ("nowhere", "gone")):
        folder = first.format(url)
        user.write("pyproject.toml", text.replace("[[tool.lockenv.index]]\n", folder))

        assert user.lockenv("lock", status=8).slug == slug
        assert not user.lock_path.exists()
