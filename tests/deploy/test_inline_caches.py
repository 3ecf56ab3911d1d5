"""What compiled code remembers of its look-ups (deploy/inline_caches.h) never outlives what it was taken from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from deploy.compile import ROOT

SOURCE = """
from typing import Any

NAME: Any = "first"


def size_of(thing: Any) -> Any:
    return thing.size


def name() -> Any:
    return NAME


def looked_up(table: dict[str, Any], key: str) -> Any:
    return table[key]
"""
BUILD = """
import sys
from pathlib import Path
from deploy.compile import build

build(sys.argv[1:], "cached", Path("c"), Path("."))
"""


class Small(msgspec.Struct):
    size: int


class Wide(msgspec.Struct):
    colour: str
    size: int


class Pair(NamedTuple):
    colour: str
    size: int


class Turned(NamedTuple):
    size: int
    colour: str


class Named(Pair):
    """One that inherits the field, and has attributes of its own."""


class Plain:
    def __init__(self, size: int) -> None:
        self.size = size


class Reckoned:
    @property
    def size(self) -> int:
        return 7


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module above, compiled as those of the pipeline are."""
    folder = tmp_path_factory.mktemp("cached")
    (folder / "remembering.py").write_text(SOURCE, "utf-8")
    (folder / "beside.py").write_text("OTHER = 1\n", "utf-8")  # a library of several modules, as that of the pipeline
    words = [sys.executable, "-c", BUILD, "remembering.py", "beside.py"]
    done = subprocess.run(words, cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        module = __import__("remembering")
    finally:
        sys.path.remove(str(folder))
    assert module.__file__.endswith(".so")
    return module


def twice(call: Callable[[], Any]) -> Any:
    """The answer of the second call, for which the first may have left something."""
    call()
    return call()


def test_one_place_meets_objects_of_several_classes(cached: Any) -> None:
    met = [Small(1), Wide("red", 2), Plain(3), Reckoned(), Pair("red", 4), Turned(5, "red"), Named("red", 6), Small(8)]
    assert [cached.size_of(one) for one in met + met] == [1, 2, 3, 7, 4, 5, 6, 8] * 2


@pytest.mark.parametrize("make", [Small, Plain, lambda size: Wide("", size), lambda size: Pair("", size),
                                  lambda size: Turned(size, ""), lambda size: Named("", size)])  # fmt: skip
def test_objects_of_one_class_each_have_their_own_value(cached: Any, make: Callable[[int], Any]) -> None:
    assert [cached.size_of(make(number)) for number in range(300)] == list(range(300))


def test_an_empty_slot_is_an_attribute_that_is_not_there(cached: Any) -> None:
    small = Small(1)
    assert twice(lambda: cached.size_of(small)) == 1
    del small.size
    with pytest.raises(AttributeError, match="size"):
        cached.size_of(small)
    small.size = 2
    assert cached.size_of(small) == 2


def test_a_class_that_changes_is_looked_at_anew(cached: Any) -> None:
    class Changing(msgspec.Struct):
        size: int

    thing = Changing(1)
    assert twice(lambda: cached.size_of(thing)) == 1
    Changing.size = property(lambda _: "new")  # type: ignore[assignment,method-assign]
    assert cached.size_of(thing) == "new"


def test_classes_made_and_dropped_in_turn_are_not_mistaken_for_each_other(cached: Any) -> None:
    for number in range(200):
        fields = [(f"field{one}", int) for one in range(number % 5)]
        kind = msgspec.defstruct(f"Kind{number}", [*fields, ("size", int)])
        assert twice(lambda kind=kind, number=number: cached.size_of(kind(*range(number % 5), number))) == number


def test_a_name_that_is_given_another_value_is_read_anew(cached: Any) -> None:
    assert twice(cached.name) == "first"
    cached.NAME = "second"
    assert twice(cached.name) == "second"
    cached.NAME = "first"


def test_a_table_is_asked_for_each_key_and_after_each_change(cached: Any) -> None:
    table: dict[str, int] = {f"key{number}": number for number in range(50)}
    for _ in range(3):
        assert [cached.looked_up(table, f"key{number}") for number in range(50)] == list(range(50))
    key = "key7"
    assert twice(lambda: cached.looked_up(table, key)) == 7
    table[key] = 70
    assert cached.looked_up(table, key) == 70
    del table[key]
    with pytest.raises(KeyError, match="key7"):
        cached.looked_up(table, key)


def test_tables_in_turn_at_one_place_keep_their_own_values(cached: Any) -> None:
    first, second = {"key": 1}, {"key": 2}
    assert [cached.looked_up(table, "key") for table in [first, second] * 30] == [1, 2] * 30
