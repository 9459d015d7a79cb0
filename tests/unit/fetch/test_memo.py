from __future__ import annotations

import threading

import pytest

from lockenv.fetch import Memo


def test_many_askers_share_one_answer() -> None:
    memo: Memo[object] = Memo()
    started, go = threading.Event(), threading.Event()
    found: list[object] = []

    def slowly() -> object:
        started.set()
        go.wait(5)
        return object()

    threads = [
        threading.Thread(target=lambda: found.append(memo.once("key", slowly))) for _ in range(4)
    ]
    threads[0].start()
    started.wait(5)
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len({id(one) for one in found}) == 1
    assert memo.once("key", object) is found[0]


def test_lasting_errors_are_answers_and_others_are_not() -> None:
    memo: Memo[int] = Memo(lasting=(KeyError,))
    asked: list[str] = []

    def fail(error: Exception) -> int:
        asked.append(type(error).__name__)
        raise error

    for _ in range(2):
        with pytest.raises(KeyError):
            memo.once("lasting", lambda: fail(KeyError()))
        with pytest.raises(OSError, match="passing"):
            memo.once("passing", lambda: fail(OSError("passing")))

    assert asked == ["KeyError", "OSError", "OSError"]


def test_without_keeping_an_answer_is_found_anew() -> None:
    memo: Memo[object] = Memo(keep=False)

    assert memo.once("key", object) is not memo.once("key", object)
    assert not memo.known("key")
