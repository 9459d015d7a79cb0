"""What the properties of the engine are tried with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.resolve import shelf

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=[1, shelf.FIRST], ids="looked_at_{}".format)
def first(request: pytest.FixtureRequest) -> Iterator[None]:
    """With so few candidates of a name looked at that the rest matters, and with all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "FIRST", request.param)
        yield
