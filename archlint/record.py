"""Records: frozen, slotted dataclasses that cost little to define.

`dataclass(frozen=True)` generates and compiles six methods per class at import time. A short run
imports 150 such classes, which took more than half of its time. All records share their methods,
and records with equally many fields share the code of their constructor. `dataclasses.replace`,
`fields` and `match` work as with any dataclass.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import cache
from operator import attrgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType

    from _typeshed import DataclassInstance

    Fields = tuple[Field[Any], ...]

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...


@overload
def record(
    *, eq: bool = True, slots: bool = True, frozen: bool = True
) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(
    cls: type[T] | None = None, /, *, eq: bool = True, slots: bool = True, frozen: bool = True
) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a class a record; the parameters mean what they mean to `dataclass`.

    Fields with `init=False` must be set by `__post_init__`. Raises TypeError for what a record does
    not support: a dataclass as base class, a base class with other `slots` or `frozen` than its
    own, and keyword-only fields.
    """

    def make(cls: type[T]) -> type[T]:
        _check_bases(cls, slots=slots, frozen=frozen)
        stated = cls.__annotations__.items()
        own = tuple(_field(cls, name, kind) for name, kind in stated if not _is_of_class(kind))
        by_name = {each.name: each for each in (*getattr(cls, "__record_fields__", ()), *own)}
        known = tuple(by_name.values())
        made = (_with_slots if slots else _without_slots)(cls, own)
        methods: dict[str, Any] = {
            "__record_fields__": known,
            "__dataclass_fields__": _DESCRIBED,
            "__match_args__": tuple(each.name for each in known if each.init),
            "__init__": _constructor(made, known, slots=slots),
            "__repr__": _repr,
            "__reduce__": _reduce,
            "__replace__": replace,
            "__record_kind__": (slots, frozen),
        }
        if frozen:
            methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
        if eq:
            methods |= {"__eq__": _equality(known), "__hash__": _hash(known) if frozen else None}
        for name, method in methods.items():
            if name not in vars(cls):
                setattr(made, name, method)
        return made

    return make if cls is None else make(cls)


def replace(instance: T, /, **changes: object) -> T:
    """Return a copy of a record with some fields changed, like `dataclasses.replace`.

    It skips the checks of `dataclasses.replace`, and takes a third of the time.
    """
    cls: Any = type(instance)
    read, places = _layout(cls)
    values = list(read(instance))
    for name, value in changes.items():
        if name not in places:
            raise TypeError(f"{cls.__qualname__} has no field {name!r} that can be replaced")
        values[places[name]] = value
    made: T = cls(*values)
    return made


@cache
def _layout(cls: type) -> tuple[Callable[[object], tuple[Any, ...]], dict[str, int]]:
    """Return a getter of all constructor arguments, and their positions, also for a dataclass."""
    names: tuple[str, ...] = cls.__match_args__  # type: ignore[attr-defined]  # of every dataclass
    return _reader(names), {name: place for place, name in enumerate(names)}


def _check_bases(cls: type, *, slots: bool, frozen: bool) -> None:
    for base in cls.__mro__[1:]:
        kind = vars(base).get("__record_kind__")
        if kind is None and hasattr(base, "__dataclass_fields__"):
            raise TypeError(f"{cls.__qualname__} is a record, and {base.__qualname__} a dataclass")
        if kind is not None and kind != (slots, frozen):
            raise TypeError(
                f"{cls.__qualname__} is another kind of record than {base.__qualname__}"
            )


def _is_of_class(kind: object) -> bool:
    """Whether an annotation is a ClassVar, which is not a field."""
    return str(kind).removeprefix("typing.").startswith("ClassVar")


def _field(cls: type, name: str, kind: Any) -> Field[Any]:  # noqa: ANN401 - as in Field
    """Return the field that an annotation in the body of a class declares."""
    given = vars(cls).get(name, MISSING)
    made: Field[Any] = given if isinstance(given, Field) else field(default=given)
    made.name, made.type = name, kind
    if made.kw_only is True or (not made.init and made.default is not MISSING):
        raise TypeError(f"{cls.__qualname__}.{name} is a field that a record cannot have")
    if made.default.__class__.__hash__ is None:
        raise ValueError(f"the default of {cls.__qualname__}.{name} would be shared and can change")
    return made


def _with_slots(cls: type[T], own: Fields) -> type[T]:
    """Return a copy of the class with `__slots__` for these fields."""
    names = tuple(each.name for each in own)
    gone = {*names, "__dict__", "__weakref__"}
    body = {name: value for name, value in vars(cls).items() if name not in gone}
    kind: Any = type(cls)
    made: type[T] = kind(cls.__name__, cls.__bases__, {**body, "__slots__": names})
    made.__qualname__ = cls.__qualname__
    return made


def _without_slots(cls: type[T], own: Fields) -> type[T]:
    for each in own:
        if each.default is not MISSING:
            setattr(cls, each.name, each.default)
        elif each.name in vars(cls):
            delattr(cls, each.name)
    return cls


class _Described:
    """The descriptor of `__dataclass_fields__`, which are computed on first access."""

    def __get__(self, _: object, cls: type) -> dict[str, Field[Any]]:
        known: Fields = cls.__record_fields__  # type: ignore[attr-defined]
        body: dict[str, Any] = {each.name: each for each in known}
        body["__annotations__"] = {each.name: each.type for each in known}
        body["__module__"] = cls.__module__
        twin: Any = dataclass(init=False, repr=False, eq=False)(type(cls.__name__, (), body))
        described = {each.name: each for each in fields(twin)}
        cls.__dataclass_fields__ = described  # type: ignore[attr-defined]
        return described


_DESCRIBED = _Described()


def _constructor(cls: type, known: Fields, *, slots: bool) -> Callable[..., None]:
    """Return a constructor: shared code for the number of fields, renamed to their names.

    Fields are set by the descriptors of their slots, or in `__dict__`: both are faster than
    `object.__setattr__`.
    """
    given = [each for each in known if each.init]
    names: dict[str, Any] = {}
    defaults: list[object] = []
    for at, each in enumerate(given):
        if each.default_factory is not MISSING:
            names[f"make_{at}"] = each.default_factory
        elif each.default is MISSING and defaults:
            raise TypeError(f"{cls.__qualname__}: {each.name} has no default, as those before it")
        names[f"field_{at}"] = getattr(cls, each.name).__set__ if slots else each.name
        if each.default is not MISSING or each.default_factory is not MISSING:
            defaults.append(each.default)
    made = tuple(at for at, each in enumerate(given) if each.default_factory is not MISSING)
    names["MISSING"] = MISSING
    code = _code(len(given), made, slots=slots, then=hasattr(cls, "__post_init__"))
    own = code.co_varnames[len(given) + 1 :]
    code = code.replace(
        co_varnames=("self", *(each.name for each in given), *own),
        co_qualname=f"{cls.__qualname__}.__init__",
    )
    return FunctionType(code, names, None, tuple(defaults))


@cache
def _code(count: int, made: tuple[int, ...], *, slots: bool, then: bool) -> CodeType:
    """Compile a constructor of `count` fields, of which those in `made` have a default factory."""
    places = range(count)
    body = [f"if value_{at} is MISSING: value_{at} = make_{at}()" for at in made]
    if slots:
        body += [f"field_{at}(self, value_{at})" for at in places]
    else:
        body += ["fields = self.__dict__", *[f"fields[field_{at}] = value_{at}" for at in places]]
    body.append("self.__post_init__()" if then else "pass")
    parameters = ", ".join(["self", *(f"value_{at}" for at in places)])
    names: dict[str, Any] = {}
    exec(f"def __init__({parameters}):\n " + "\n ".join(body), names)  # noqa: S102 - of numbers
    code: CodeType = names["__init__"].__code__
    return code


def _equality(known: Fields) -> Callable[[object, object], bool]:
    values = _values(tuple(each for each in known if each.compare))

    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        if other is self:
            return True
        if other.__class__ is self.__class__:
            return bool(values(self) == values(other))
        return NotImplemented

    return __eq__


def _hash(known: Fields) -> Callable[[object], int]:
    values = _values(tuple(each for each in known if each.compare and each.hash is not False))
    return lambda self: hash(values(self))


def _values(known: Fields) -> Callable[[object], object]:
    """Return a getter of some fields as a tuple."""
    return _reader([each.name for each in known])


def _reader(names: Sequence[str]) -> Callable[[object], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _repr(self: DataclassInstance) -> str:
    values = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(values)})"


def _reduce(self: DataclassInstance) -> tuple[type, tuple[object, ...]]:
    """Copy and pickle through the constructor, since fields cannot be set afterwards."""
    return type(self), tuple(getattr(self, each.name) for each in fields(self) if each.init)


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is frozen")
