"""Extras and the package that they belong to."""

from __future__ import annotations

from lockenv.resolve import Identifier, resolve
from tests.support.worlds import Ask, Published, PythonWorld, roots


def ask(name: str) -> Ask:
    return Ask(Identifier("pypi", name))


def test_an_extra_is_not_read_at_versions_that_the_package_cannot_have() -> None:
    library = {f"{number}.0": Published(extras={"fast": ("helper<2",)}) for number in range(1, 40)}
    helpers = {"1.0": Published(), "2.0": Published()}
    user = {"1.0": Published(requires=("library==39.0", "library[fast]"))}
    world = PythonWorld({"library": library, "helper": helpers, "user": user})

    resolution = resolve({"pypi": world}, roots(*map(ask, ("helper", "user"))))

    pins = {str(key.name): pin.version_text for key, pin in resolution.pins.items()}
    assert pins == {"helper": "1.0", "library": "39.0", "user": "1.0"}
    assert {one.version_text for one in world.asked if one.identifier.name == "library"} == {"39.0"}
