"""The dataclass of the house: as the standard library's, and quick to define.

A command defines two hundred value classes before it begins, and the standard decorator compiles
six methods for each, most of which nobody ever calls: that was half of every start. Here a method
is compiled when it is first looked up. What comes out is the same, for people, type checkers
(which see `dataclasses` itself) and the functions of `dataclasses`: fields, order, equality, hash,
representation, frozen instances, slots, keyword-only arguments, errors. Not here, because not used:
inheritance between value classes, ``InitVar``, ``KW_ONLY``, ``init=False`` and ``__post_init__``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import asdict, dataclass, field, fields, replace

T = TypeVar("T")

_MISSING = object()


class Field:
    """What `field` says of one field."""

    __slots__ = ("compare", "default", "factory", "repr")

    def __init__(
        self,
        default: object = _MISSING,
        factory: object = _MISSING,
        *,
        repr: bool = True,  # noqa: A002 - the standard library's word
        compare: bool = True,
    ) -> None:
        self.default = default
        self.factory = factory
        self.repr = repr
        self.compare = compare


def _field(
    *,
    default: object = _MISSING,
    default_factory: object = _MISSING,
    repr: bool = True,  # noqa: A002 - the standard library's word
    compare: bool = True,
) -> Field:
    """As `dataclasses.field`."""
    return Field(default, default_factory, repr=repr, compare=compare)


class _Method:
    """A method that is compiled when it is first looked up, and then stands in its own place."""

    __slots__ = ("_build", "_name")

    def __init__(self, name: str, build: Callable[[type], Callable[..., object]]) -> None:
        self._name = name
        self._build = build

    def __get__(self, instance: object, owner: type) -> object:
        # A subclass may be the first to ask: the method belongs where its fields do.
        home = next((one for one in owner.__mro__ if one.__dict__.get(self._name) is self), None)
        if home is not None:  # else another thread was quicker
            function = self._build(home)
            function.__name__ = self._name
            function.__qualname__ = f"{home.__qualname__}.{self._name}"
            setattr(home, self._name, function)
        return getattr(owner if instance is None else instance, self._name)


class _StandardFields:
    """``__dataclass_fields__``, made for whoever asks as the standard library would."""

    def __get__(self, instance: object, owner: type) -> dict[str, object]:
        import dataclasses  # noqa: PLC0415 - start-up: only its own functions ask

        del instance
        home = next((one for one in owner.__mro__ if one.__dict__.get(_MARK) is self), None)
        if home is None:  # another thread was quicker
            return dict(getattr(owner, _MARK))
        own: dict[str, Field] = home.__dict__["__value_fields__"]
        made: dict[str, object] = {}
        for name, known in own.items():
            words = {"repr": known.repr, "compare": known.compare}
            words["kw_only"] = name not in home.__dict__["__match_args__"]
            given = {"default": known.default, "default_factory": known.factory}
            given = {word: value for word, value in given.items() if value is not _MISSING}
            one = dataclasses.field(**words, **given)  # type: ignore[call-overload]  # as it was given to us
            one.name, one.type = name, home.__annotations__[name]
            one._field_type = dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001 - what its functions look for
            made[name] = one
        setattr(home, _MARK, made)
        return made


_MARK = "__dataclass_fields__"


def _dataclass(
    cls: type[T] | None = None,
    /,
    *,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
    order: bool = False,
    eq: bool = True,
) -> type[T] | Callable[[type[T]], type[T]]:
    """As `dataclasses.dataclass`."""

    def decorate(cls: type[T]) -> type[T]:
        fields = _fields_of(cls)
        space = _space_of(cls, fields, slots=slots)
        space["__match_args__"] = () if kw_only else tuple(fields)
        space.setdefault("__init__", _Method("__init__", _Init(fields, frozen, kw_only)))
        _add_comparisons(space, fields, eq=eq, order=order, frozen=frozen)
        if frozen:
            space["__setattr__"] = _refuse_assigning
            space["__delattr__"] = _refuse_deleting
        if slots and frozen:
            space.setdefault("__getstate__", _state)
            space.setdefault("__setstate__", _restore)
        made: type[T] = type(cls)(cls.__name__, cls.__bases__, space)  # type: ignore[misc]  # of its own kind
        made.__qualname__ = cls.__qualname__
        return made

    return decorate if cls is None else decorate(cls)


def _space_of(cls: type, fields: dict[str, Field], *, slots: bool) -> dict[str, object]:
    """What the class holds, made anew because slots can only be given to a new class."""
    space = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in {"__dict__", "__weakref__"}
    }
    for name, one in fields.items():
        if slots or one.default is _MISSING:
            space.pop(name, None)
        else:
            space[name] = one.default
    if slots:
        space["__slots__"] = tuple(fields)
    space["__value_fields__"] = fields
    space[_MARK] = _StandardFields()
    space.setdefault("__repr__", _repr)
    return space


def _add_comparisons(
    space: dict[str, object], fields: dict[str, Field], *, eq: bool, order: bool, frozen: bool
) -> None:
    names = tuple(name for name, one in fields.items() if one.compare)
    if eq:
        if frozen and space.get("__hash__") is None:
            space["__hash__"] = _Method("__hash__", _Compared("hash", names))
        space.setdefault("__hash__", None)
        space.setdefault("__eq__", _Method("__eq__", _Compared("==", names)))
    if order:
        for name, sign in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")):
            space[f"__{name}__"] = _Method(f"__{name}__", _Compared(sign, names))


def _fields_of(cls: type) -> dict[str, Field]:
    found = {}
    for name, annotation in cls.__annotations__.items():
        text = annotation if isinstance(annotation, str) else repr(annotation)
        if "ClassVar" in text:
            continue
        if "InitVar" in text or "KW_ONLY" in text or name == "__post_init__":
            message = f"{cls.__name__}.{name} needs the standard library's dataclass"
            raise TypeError(message)
        value = cls.__dict__.get(name, _MISSING)
        one = value if isinstance(value, Field) else Field(value)
        if one.default is not _MISSING and type(one.default).__hash__ is None:
            message = f"mutable default for {cls.__name__}.{name}: use default_factory"
            raise ValueError(message)
        found[name] = one
    return found


class _Init:
    """Builds an ``__init__``."""

    __slots__ = ("_fields", "_frozen", "_kw_only")

    def __init__(self, fields: dict[str, Field], frozen: bool, kw_only: bool) -> None:  # noqa: FBT001 - as the decorator hands them on
        self._fields = fields
        self._frozen = frozen
        self._kw_only = kw_only

    def __call__(self, cls: type) -> Callable[..., object]:
        """The function for a class."""
        known: dict[str, object] = {"_MISSING": _MISSING, "_set": object.__setattr__}
        words = ["self"]
        if self._kw_only and self._fields:
            words.append("*")
        lines = []
        for name, one in self._fields.items():
            word, value = name, name
            if one.factory is not _MISSING:
                known[f"_factory_{name}"] = one.factory
                word = f"{name}=_MISSING"
                value = f"_factory_{name}() if {name} is _MISSING else {name}"
            elif one.default is not _MISSING:
                known[f"_default_{name}"] = one.default
                word = f"{name}=_default_{name}"
            words.append(word)
            lines.append(
                f"_set(self, {name!r}, {value})" if self._frozen else f"self.{name} = {value}"
            )
        function = _compiled(cls, "__init__", ", ".join(words), lines or ["pass"], known)
        annotations = {name: cls.__annotations__[name] for name in self._fields}
        function.__annotations__ = {**annotations, "return": None}
        return function


class _Compared:
    """Builds a comparison or a hash of some fields."""

    __slots__ = ("_names", "_sign")

    def __init__(self, sign: str, names: tuple[str, ...]) -> None:
        self._sign = sign
        self._names = names

    def __call__(self, cls: type) -> Callable[..., object]:
        """The function for a class."""
        mine, others = (
            f"({''.join(f'{one}.{name}, ' for name in self._names)})" for one in ("self", "other")
        )
        if self._sign == "hash":
            return _compiled(cls, "__hash__", "self", [f"return hash({mine})"], {})
        lines = [
            "if other.__class__ is self.__class__:",
            f" return {mine} {self._sign} {others}",
            "return NotImplemented",
        ]
        return _compiled(cls, "__compared__", "self, other", lines, {})


def _compiled(
    cls: type, name: str, words: str, lines: list[str], known: dict[str, object]
) -> Callable[..., object]:
    """A function of a class, compiled as the standard library does it.

    The text is made of the names of fields alone, which are identifiers of our own source.
    """
    body = "".join(f"\n  {line}" for line in lines)
    text = f"def make({', '.join(known)}):\n def {name}({words}):{body}\n return {name}"
    space: dict[str, Callable[..., Callable[..., object]]] = {}
    module = sys.modules.get(cls.__module__)
    exec(text, module.__dict__ if module else {}, space)  # noqa: S102 - see above; globals so that annotations can be looked up
    return space["make"](**known)


def _repr(self: object) -> str:
    fields: dict[str, Field] = type(self).__value_fields__  # type: ignore[attr-defined]  # the decorator put it there
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name, one in fields.items() if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _refuse_assigning(self: object, name: str, value: object) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - start-up: only for a mistake

    del self, value
    message = f"cannot assign to field {name!r}"
    raise FrozenInstanceError(message)


def _refuse_deleting(self: object, name: str) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - start-up: only for a mistake

    del self
    message = f"cannot delete field {name!r}"
    raise FrozenInstanceError(message)


def _state(self: object) -> list[object]:
    return [getattr(self, name) for name in type(self).__value_fields__]  # type: ignore[attr-defined]  # the decorator put it there


def _restore(self: object, state: list[object]) -> None:
    for name, value in zip(type(self).__value_fields__, state, strict=True):  # type: ignore[attr-defined]  # the decorator put it there
        object.__setattr__(self, name, value)


def _replace(value: T, /, **changes: object) -> T:
    """As `dataclasses.replace`."""
    names = getattr(value, "__value_fields__", None)
    if names is None:
        import dataclasses  # noqa: PLC0415 - start-up: only for a class of somebody else's

        return dataclasses.replace(value, **changes)  # type: ignore[type-var]  # it says itself if it is none
    for name in names:
        if name not in changes:
            changes[name] = getattr(value, name)
    return type(value)(**changes)


def _asdict(value: object) -> dict[str, object]:
    """As `dataclasses.asdict`."""
    import dataclasses  # noqa: PLC0415 - start-up: seldom asked

    return dataclasses.asdict(value)  # type: ignore[call-overload, no-any-return]  # it says itself if it is none


def _standard_fields(value: object) -> tuple[object, ...]:
    """As `dataclasses.fields`."""
    import dataclasses  # noqa: PLC0415 - start-up: seldom asked

    return dataclasses.fields(value)  # type: ignore[arg-type]  # it says itself if it is none


if not TYPE_CHECKING:
    asdict, dataclass, field, fields, replace = (
        *(_asdict, _dataclass, _field, _standard_fields, _replace),
    )

__all__ = ["asdict", "dataclass", "field", "fields", "replace"]
