"""What running a selection as a container takes: an image by digest, and what it asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from lockenv.errors import InputError
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model import CudaFacts, Digest, Image, Platform

Option: TypeAlias = "str | int | bool | tuple[str, ...]"

#: The name of an object in Kubernetes (RFC 1123) and of a service in Compose.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_FOREIGN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """A container to be: ``image`` is a reference with its digest, ``declared`` its settings.

    ``packages`` are the names of the Python packages in it; ``options`` what was asked of the
    format, by name, with defaults left out.
    """

    name: str
    image: str
    declared: Image
    platform: Platform
    environment: Digest
    cuda: CudaFacts | None = None
    packages: frozenset[str] = frozenset()
    options: Mapping[str, Option] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """An option that is a text."""
        value = self.options.get(name, default)
        return value if isinstance(value, str) else default

    def texts(self, name: str) -> tuple[str, ...]:
        """An option that may be given more than once."""
        value = self.options.get(name, ())
        return value if isinstance(value, tuple) else ()

    def flag(self, name: str) -> bool:
        """An option that is there or not."""
        return self.options.get(name) is True

    def number(self, name: str, default: int) -> int:
        """An option that is a number."""
        value = self.options.get(name, default)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    @property
    def gpus(self) -> int:
        """How many GPUs it gets: one where its packages need CUDA, unless somebody said."""
        return self.number("gpus", 1 if self.needs_gpu else 0)

    @property
    def needs_gpu(self) -> bool:
        """Whether its packages turned out to need a driver."""
        return self.cuda is not None and bool(self.cuda.needs.get("driver"))

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that it listens on, each once: those asked for, else the image's."""
        said = self.texts("port") or self.declared.ports
        found = []
        for text in said:
            number = text.partition("/")[0]
            if not number.isdecimal() or not 0 < int(number) < 65536:
                raise _no_option("port", text, "a number from 1 to 65535")
            found.append(int(number))
        return tuple(dict.fromkeys(found))

    @property
    def uid(self) -> int | None:
        """The number of the user that it runs as; None where only a base image knows it."""
        user = (self.declared.user or "app").partition(":")[0]
        if user.isdecimal():
            return int(user)
        if user == "root":
            return 0
        return 1000 if self.declared.base == "scratch" and user == "app" else None


def parse_object_name(text: str) -> str:
    """A name for an object, as Kubernetes takes it; InputError if it is none."""
    if not _NAME.match(text):
        raise _no_option("name", text, "lower-case letters, digits and hyphens, 63 at most")
    return text


def object_name(text: str) -> str:
    """What a project is called there: its name with all that is not allowed made a hyphen."""
    return _FOREIGN.sub("-", text.lower()).strip("-")[:50].strip("-") or "lockenv"


def _no_option(name: str, text: str, meaning: str) -> InputError:
    return InputError(
        "usage",
        f"--{name} is {text[:100]}, which is not {meaning}",
        fix=f"correct --{name}, or options.{name} of [[export]]",
    )


def refuse_option(name: str, text: str, meaning: str) -> InputError:
    """The error for an option whose value cannot be used."""
    return _no_option(name, text, meaning)
