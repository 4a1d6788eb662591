"""Records: frozen, slotted dataclasses that cost little to define.

`dataclass(frozen=True)` writes and compiles six methods when its module is imported, called or
not. A short run imports 150 such classes, and that was the greater half of its time. A record
lets `dataclasses` collect the fields, shares its methods with all records, and the code of its
constructor with those that have as many fields. `replace`, `fields` and `match` work as ever.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import cache
from operator import attrgetter
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable
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

    What is no parameter of the constructor (`init=False`) is left to `__post_init__`.
    """

    def make(cls: type[T]) -> type[T]:
        made = dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
        known = fields(made)  # type: ignore[arg-type]  # the decorator hides what it returns
        methods: dict[str, Any] = {"__init__": _constructor(made, _given(known), slots=slots)}
        methods |= {"__repr__": _repr, "__reduce__": _reduce}
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
    """Return a copy of a record with other values in some fields, as `dataclasses.replace` does.

    It asks less of each field, and takes half the time.
    """
    cls = type(instance)
    names: tuple[str, ...] = cls.__match_args__  # type: ignore[attr-defined]  # of every dataclass
    values = [changes.pop(name) if name in changes else getattr(instance, name) for name in names]
    return cls(*values, **changes)


def _given(known: Fields) -> Fields:
    """Return the fields that a constructor takes."""
    return tuple(each for each in known if each.init)


def _constructor(cls: type, known: Fields, *, slots: bool) -> Callable[..., None]:
    """Return a constructor: the code that fits the number of fields, with their names in it.

    Slots are filled by their descriptors, the fastest way there is.
    """
    made = tuple(at for at, each in enumerate(known) if each.default_factory is not MISSING)
    code = _code(len(known), made, slots=slots, then=hasattr(cls, "__post_init__"))
    names: dict[str, Any] = {"put": object.__setattr__, "made": MISSING}
    defaults = []
    for at, each in enumerate(known):
        names[f"put_{at}"] = getattr(cls, each.name).__set__ if slots else each.name
        if each.default_factory is not MISSING:
            names[f"make_{at}"] = each.default_factory
            defaults.append(MISSING)
        elif each.default is not MISSING:
            defaults.append(each.default)
        elif defaults:
            raise TypeError(f"{cls.__qualname__}: {each.name} has no default, as those before it")
    code = code.replace(
        co_varnames=("self", *(each.name for each in known)),
        co_qualname=f"{cls.__qualname__}.__init__",
    )
    return FunctionType(code, names, None, tuple(defaults))


@cache
def _code(count: int, made: tuple[int, ...], *, slots: bool, then: bool) -> CodeType:
    """Compile a constructor of `count` fields, of which those at `made` have default factories."""
    body = ["pass"]
    for at in range(count):
        value = (
            f"make_{at}() if value_{at} is made else value_{at}" if at in made else f"value_{at}"
        )
        body.append(f"put_{at}(self, {value})" if slots else f"put(self, put_{at}, {value})")
    if then:
        body.append("self.__post_init__()")
    parameters = ", ".join(["self", *(f"value_{at}" for at in range(count))])
    names: dict[str, Any] = {}
    exec(f"def __init__({parameters}):\n " + "\n ".join(body), names)  # noqa: S102 - numbers go in
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
    """Return what reads the values of some fields; no field is a value too."""
    names = [each.name for each in known]
    return attrgetter(*names) if names else lambda _: ()


def _repr(self: DataclassInstance) -> str:
    values = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(values)})"


def _reduce(self: DataclassInstance) -> tuple[type, tuple[object, ...]]:
    """Copy and pickle by the constructor, since nothing else may set a field."""
    return type(self), tuple(getattr(self, each.name) for each in _given(fields(self)))


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is frozen")
