"""Records: frozen, slotted dataclasses that cost little to define.

`dataclass(frozen=True)` writes and compiles six methods when its module is imported, called or
not. A short run imports 150 such classes, and that was the greater half of its time. A record
lets `dataclasses` collect the fields, shares its methods with all records, and compiles its
constructor when the first instance is made. `replace`, `fields` and `match` work as ever.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import DataclassInstance

    Fields = tuple[Field[Any], ...]

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...


@overload
def record(*, eq: bool = True, slots: bool = True) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(
    cls: type[T] | None = None, /, *, eq: bool = True, slots: bool = True
) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a class a record; the parameters mean what they mean to `dataclass`."""

    def make(cls: type[T]) -> type[T]:
        made = dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
        known = fields(made)  # type: ignore[arg-type]  # the decorator hides what it returns
        methods = {
            "__init__": _deferred_constructor(made, known, slots=slots),
            "__repr__": _repr,
            "__reduce__": _reduce,
            "__setattr__": _refuse,
            "__delattr__": _refuse,
        }
        if eq:
            methods |= {"__eq__": _equality(known), "__hash__": _hash(known)}
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


def _deferred_constructor(cls: type, known: Fields, *, slots: bool) -> Callable[..., None]:
    """Return a constructor that makes way for the real one."""

    def __init__(self: object, /, *arguments: object, **named: object) -> None:  # noqa: N807
        cls.__init__ = _constructor(cls, known, slots=slots)  # type: ignore[misc]
        cls.__init__(self, *arguments, **named)  # type: ignore[misc]

    return __init__


def _constructor(cls: type, known: Fields, *, slots: bool) -> Callable[..., None]:
    """Compile a constructor: slots are filled by their descriptors, the fastest way there is."""
    names: dict[str, Any] = {"put": object.__setattr__, "made": MISSING}
    parameters, body = ["self"], ["pass"]
    for each in known:
        name, value = each.name, each.name
        if each.default is not MISSING:
            names[f"default_{name}"] = each.default
            parameters.append(f"{name}=default_{name}")
        elif each.default_factory is not MISSING:
            names[f"make_{name}"] = each.default_factory
            parameters.append(f"{name}=made")
            value = f"make_{name}() if {name} is made else {name}"
        else:
            parameters.append(name)
        if slots:
            names[f"put_{name}"] = getattr(cls, name).__set__
            body.append(f"put_{name}(self, {value})")
        else:
            body.append(f"put(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    source = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body)
    exec(source, names)  # noqa: S102 - the names of fields are all that goes in
    constructor: Callable[..., None] = names["__init__"]
    return constructor


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
    return type(self), tuple(getattr(self, each.name) for each in fields(self))


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is frozen")
