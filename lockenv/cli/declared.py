"""The verbs that are typed all day: declared once, for plain command lines and for click.

click takes as long to load as a small `sync` works. A line of words that mean exactly one thing
(flags, options with a value behind them or after ``=``) needs nothing of what it offers; so these
verbs are declared here in click's own words, a plain line is read by `Verb.read`, and whatever is
not plain (help, completion, mistakes, bundled or shortened options) goes to the click command that
`Verb.as_click` makes of the same declaration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import click

    from lockenv.cli.invocation import Invocation

F = TypeVar("F", bound="Callable[..., object]")

#: The options of every verb, before or after it: where a plain line puts what they say.
_GLOBAL_FLAGS = {"-q": ("verbosity", -1), "--quiet": ("verbosity", -1), "--offline": ("offline", 1)}
_GLOBAL_VALUES = {
    "-C": "directory",
    "--directory": "directory",
    "--cache-dir": "cache_dir",
    "--config": "config",
}


class Option:
    """One option: its spellings, and the keyword arguments that click is given with them.

    ``choices`` are the values that it may have, None for any; ``kind`` makes the type that click
    is to read its value with.
    """

    __slots__ = ("choices", "kind", "names", "settings")

    def __init__(
        self,
        *names: str,
        choices: Sequence[str] | None = None,
        kind: Callable[[], object] | None = None,
        **settings: object,
    ) -> None:
        self.names = names
        self.choices = choices
        self.kind = kind
        self.settings = settings

    @property
    def parameter(self) -> str:
        """The keyword of the function that it fills."""
        named = [name for name in self.names if not name.startswith("-")]
        longest = max(self.names, key=len).lstrip("-").replace("-", "_")
        return named[0] if named else longest

    @property
    def is_multiple(self) -> bool:
        """Whether it may be given again."""
        return self.settings.get("multiple") is True

    @property
    def is_flag(self) -> bool:
        """Whether it stands alone: true or false."""
        return self.settings.get("is_flag") is True

    @property
    def constant(self) -> str | None:
        """What it says where it says one thing among others; None where it does not."""
        value = self.settings.get("flag_value")
        return value if isinstance(value, str) and "is_flag" not in self.settings else None

    @property
    def unsaid(self) -> object:
        """The value where nobody gives it."""
        if self.is_multiple:
            return ()
        return False if self.is_flag else self.settings.get("default")

    @property
    def is_plain(self) -> bool:
        """Whether its values are texts, taken as they are."""
        return self.settings.get("is_flag") is not False and self.kind is None

    def for_click(self) -> Callable[[F], F]:
        """The decorator that declares it to click."""
        import click  # noqa: PLC0415 - start-up: see above

        settings = dict(self.settings)
        if self.choices is not None:
            settings["type"] = click.Choice(self.choices)
        if self.kind is not None:
            settings["type"] = self.kind()
        return click.option(*self.names, **settings)  # type: ignore[arg-type]  # click's own words


def options(*some: Option) -> Callable[[F], F]:
    """Declare several; the function gets their values as keyword arguments."""

    def declare(function: F) -> F:
        return _declared(function, some)

    return declare


def option(
    *names: str,
    choices: Sequence[str] | None = None,
    kind: Callable[[], object] | None = None,
    **settings: object,
) -> Callable[[F], F]:
    """Declare one, in the words of `click.option`."""
    return options(Option(*names, choices=choices, kind=kind, **settings))


def _declared(function: F, some: Sequence[Option]) -> F:
    space = function.__dict__
    space["declared"] = (*some, *space.get("declared", ()))
    return function


class Verb:
    """A function that gets an `Invocation` and the values of its options, and its declaration.

    ``takes_words`` is the parameter for a command of the user's that stands behind the options.
    """

    def __init__(self, function: Callable[..., object], epilog: str, takes_words: str = "") -> None:
        self.function = function
        self.epilog = epilog
        self.takes_words = takes_words
        self.options: tuple[Option, ...] = function.__dict__.get("declared", ())

    def read(self, arguments: Sequence[str], invocation: Invocation) -> dict[str, object] | None:
        """The values of a plain line, with the global options noted; None where it is not plain."""
        known = {name: one for one in self.options for name in one.names if name.startswith("-")}
        values = {one.parameter: one.unsaid for one in self.options}
        waiting = list(reversed(arguments))
        while waiting:
            word = waiting.pop()
            if self.takes_words and word and not word.startswith("-"):
                values[self.takes_words] = (word, *reversed(waiting))
                return values
            word, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            found = known.get(word)
            taken = [value] if equals else waiting
            if found is None:
                is_plain = _note_global(word, taken, invocation, equals=bool(equals))
            else:
                is_plain = _take(found, taken, values, equals=bool(equals))
            if not is_plain:
                return None
        return None if self.takes_words else values

    def as_click(self) -> click.Command:
        """The same as click knows it."""
        import click  # noqa: PLC0415 - start-up: see above

        function: Callable[..., object] = click.pass_obj(self.function)
        if self.takes_words:
            function = click.argument(
                self.takes_words,
                nargs=-1,
                required=True,
                type=click.UNPROCESSED,
                metavar="CMD...",
            )(function)
        for one in reversed(self.options):
            function = one.for_click()(function)
        context = (
            {"ignore_unknown_options": True, "allow_interspersed_args": False}
            if self.takes_words
            else {}
        )
        return click.command(epilog=self.epilog, context_settings=context)(function)


def verb(*, epilog: str, takes_words: str = "") -> Callable[[Callable[..., object]], Verb]:
    """Make a verb of a function whose options are declared."""

    def make(function: Callable[..., object]) -> Verb:
        return Verb(function, epilog, takes_words)

    return make


def _take(found: Option, rest: list[str], values: dict[str, object], *, equals: bool) -> bool:
    """Take what an option says, its value from ``rest``; False where that is not plain."""
    value: str | bool
    if not found.is_plain:
        return False
    if found.is_flag or found.constant is not None:
        if equals:
            return False
        value = found.constant or True
    else:
        if not rest or (not equals and rest[-1].startswith("-")):
            return False
        value = rest.pop()
        if found.choices is not None and value not in found.choices:
            return False
    former = values[found.parameter]
    values[found.parameter] = (*former, value) if isinstance(former, tuple) else value
    return True


def _note_global(
    word: str, rest: list[str], invocation: Invocation, *, equals: bool = False
) -> bool:
    """Note a global option; False where it is none, or not plain. Takes its value from ``rest``."""
    if word in _GLOBAL_FLAGS and not equals:
        name, value = _GLOBAL_FLAGS[word]
        setattr(invocation, name, value if name == "verbosity" else True)
    elif word in _GLOBAL_VALUES and rest and not rest[-1].startswith("-"):
        setattr(invocation, _GLOBAL_VALUES[word], rest.pop())
    else:
        return False
    invocation.refresh()
    return True


def split_verb(arguments: Sequence[str], invocation: Invocation) -> tuple[str, list[str]] | None:
    """The verb of a line and what stands behind it; None where the words before are not plain."""
    waiting = list(reversed(arguments))
    while waiting and waiting[-1].startswith("-"):
        if not _note_global(waiting.pop(), waiting, invocation):
            return None
    return (waiting.pop(), waiting[::-1]) if waiting else None
