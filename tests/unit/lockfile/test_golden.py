from __future__ import annotations

import pytest

from tests.support.locks import GOLDEN, golden_documents


@pytest.mark.parametrize("name", sorted(golden_documents()))
def test_documents_are_as_they_were_reviewed(name: str) -> None:
    assert (GOLDEN / name).read_bytes().decode() == golden_documents()[name]
