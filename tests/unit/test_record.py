"""A record behaves as a frozen, slotted dataclass does."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import pytest

from archlint.record import record
from archlint.record import replace as quick_replace


@record
class Size:
    """A size."""

    height: int
    width: int = 7
    notes: Mapping[str, str] = field(default_factory=dict, hash=False)
    hidden: str = field(default="", repr=False, compare=False)

    @property
    def area(self):
        return self.height * self.width


@dataclass(frozen=True, slots=True)
class Twin:
    """The same as `dataclasses` makes it."""

    height: int
    width: int = 7
    notes: Mapping[str, str] = field(default_factory=dict, hash=False)
    hidden: str = field(default="", repr=False, compare=False)


@record
class Box(Size):
    """A size with a depth."""

    depth: int = 1


@record
class Positive:
    """A record that looks at what it is given."""

    number: int

    def __post_init__(self):
        if self.number <= 0:
            raise ValueError(self.number)


@record(frozen=False)
class Square:
    """A record that works out a field."""

    side: int
    area: int = field(init=False)

    def __post_init__(self):
        self.area = self.side**2


@record
class Nothing:
    """A record of no fields."""


@record(eq=False)
class Entity:
    """A record that equals itself alone."""

    name: str


@record(slots=False)
class Remembering:
    """A record that works out a value once."""

    number: int

    @cached_property
    def answer(self):
        return [self.number]


def test_constructor_takes_what_that_of_a_dataclass_takes():
    for arguments, named in [
        ((1,), {}),
        ((1, 2), {}),
        ((1,), {"notes": {"a": "b"}, "hidden": "x"}),
    ]:
        ours, theirs = Size(*arguments, **named), Twin(*arguments, **named)
        assert [getattr(ours, each.name) for each in dataclasses.fields(ours)] == [
            getattr(theirs, each.name) for each in dataclasses.fields(theirs)
        ]
        assert repr(ours) == repr(theirs).replace("Twin", "Size")
    for arguments, named in [((), {}), ((1, 2, {}, "", 5), {}), ((1,), {"depth": 2})]:
        with pytest.raises(TypeError):
            Size(*arguments, **named)
        with pytest.raises(TypeError):
            Twin(*arguments, **named)


def test_defaults_that_are_made_are_made_anew():
    assert Size(1).notes is not Size(1).notes


def test_values_decide_about_equality():
    assert Size(1, 2) == Size(1, 2, hidden="other")
    assert Size(1, 2) != Size(1, 3)
    assert Size(1, 2) != Twin(1, 2)
    assert Size(1) != Box(1)
    assert hash(Size(1, 2)) == hash(Size(1, 2, {"not": "hashed"}, "nor compared"))
    assert len({Size(1), Size(1), Size(2)}) == 2
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert Entity("a") != Entity("a")
    assert len({Entity("a"), Entity("a")}) == 2


def test_nothing_changes_a_record():
    size = Size(1)
    for name in ("height", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(size, name, 2)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(size, name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Remembering(1).number = 2
    assert not hasattr(size, "__dict__")


def test_the_tools_of_dataclasses_work():
    assert replace(Size(1, 2), width=5) == Size(1, 5)
    assert dataclasses.asdict(Size(1)) == {"height": 1, "width": 7, "notes": {}, "hidden": ""}
    assert dataclasses.is_dataclass(Size)
    match Size(3, 4):
        case Size(height, width):
            assert (height, width) == (3, 4)


def test_a_copy_with_other_values_is_that_of_dataclasses():
    box = Box(2, notes={"a": "b"}, hidden="x", depth=3)
    assert quick_replace(box, width=5, depth=4) == replace(box, width=5, depth=4)
    assert quick_replace(box).hidden == "x"
    with pytest.raises(TypeError):
        quick_replace(box, colour=1)
    with pytest.raises(ValueError, match="-1"):
        quick_replace(Positive(1), number=-1)


def test_methods_and_inheritance():
    box = Box(2, 3, depth=4)
    assert (box.area, box.depth) == (6, 4)
    assert repr(box) == "Box(height=2, width=3, notes={}, depth=4)"
    remembering = Remembering(5)
    assert remembering.answer is remembering.answer


def test_post_init_is_called():
    assert Positive(1).number == 1
    with pytest.raises(ValueError, match="0"):
        Positive(0)
    assert Square(3).area == 9


@pytest.mark.parametrize("value", [Size(1, 2), Box(1), Nothing(), Remembering(3), Square(2)])
def test_copies_equal(value):
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - made one line above


def test_a_field_without_a_default_comes_first():
    with pytest.raises(TypeError, match="second has no default"):

        @record
        class Wrong:
            first: int = 0
            second: int


@record(frozen=False)
class Count:
    """A record whose fields change."""

    number: int = 0


def test_a_record_that_is_not_frozen_changes():
    count = Count()
    count.number += 1
    assert count == Count(1)
    assert repr(count) == "Count(number=1)"
    with pytest.raises(AttributeError):
        count.other = 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(count)


def test_a_constructor_says_whose_it_is_and_what_it_lacks():
    with pytest.raises(TypeError, match=r"Size\.__init__\(\) missing .* 'height'"):
        Size()
    assert list(inspect.signature(Size).parameters) == ["height", "width", "notes", "hidden"]


def test_a_field_of_a_base_can_be_stated_anew():
    @record
    class Cube(Size):
        height: int = 3

    assert Cube(height=5) == Cube(5, 7)
    assert (Cube().height, Cube(width=2).width) == (3, 2)
    assert Cube.__match_args__ == ("height", "width", "notes", "hidden")


def test_what_belongs_to_the_class_is_no_field():
    @record
    class Limited:
        number: int
        LIMIT: ClassVar[int] = 3

    assert Limited(1).LIMIT == Limited.LIMIT == 3
    assert [each.name for each in dataclasses.fields(Limited)] == ["number"]


def test_a_default_that_changes_is_refused_as_by_dataclasses():
    with pytest.raises(ValueError, match="shared"):

        @record
        class Careless:
            items: list = []  # noqa: RUF012 - the mistake


def test_a_record_keeps_to_its_kind():
    @dataclass(frozen=True)
    class Plain:
        number: int

    @record(slots=False)
    class Open:
        number: int = 0

    for base, keywords in ((Plain, {}), (Open, {}), (Size, {"frozen": False})):
        with pytest.raises(TypeError):
            record(**keywords)(type("Child", (base,), {"__annotations__": {"more": "int"}}))
    for stated in (field(default=3, init=False), field(kw_only=True)):
        with pytest.raises(TypeError):
            record(type("Odd", (), {"__annotations__": {"odd": "int"}, "odd": stated}))


def test_what_is_equal_to_nothing_equals_itself_as_in_a_tuple():
    nan = float("nan")
    assert Positive(nan) == Positive(nan)


@pytest.mark.skipif(not hasattr(copy, "replace"), reason="came with Python 3.13")
def test_copies_with_other_values():
    assert copy.replace(Size(1), width=3) == Size(1, 3)
