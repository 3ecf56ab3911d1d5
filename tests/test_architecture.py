"""Which module may import what, and what a pure module may never call: rules as data, checked on the syntax tree.

``domain <- events <- stages <- topology <- runtime <- __main__``; connectors know events only; each outside library is
known to one module. A rule about a module holds for everything below it.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = ("pipeline", "connectors", "schemas")


@dataclass(frozen=True)
class MayImport:
    """Modules below ``of`` import only the standard library and what lies below a name in ``only``."""

    of: tuple[str, ...]
    only: tuple[str, ...]
    but: tuple[str, ...] = ()
    """Modules below ``of`` that another rule covers."""


@dataclass(frozen=True)
class OnlyIn:
    """Nothing but the modules in ``only`` imports ``library``."""

    library: str
    only: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class MayNot:
    """Modules below ``of`` neither import nor use any of ``names`` (a full name, or all below it)."""

    of: tuple[str, ...]
    names: tuple[str, ...]
    why: str
    but: tuple[str, ...] = ()


DOMAIN = ("pipeline.domain", "pipeline.errors", "msgspec", "numpy")
STAGES = ("pipeline.domain", "pipeline.events", "pipeline.errors", "pipeline.stage", "pipeline.state")
PURE = ("pipeline.domain", "pipeline.events", "pipeline.stages", "pipeline.stage", "pipeline.state", "pipeline.errors")
CONNECTING = ("pipeline.events", "pipeline.errors", "pipeline.domain", "pipeline.wire", "pipeline.settings", "schemas",
              "msgspec", "yaml")  # fmt: skip

LEARNING = ("pipeline.domain", "pipeline.events", "pipeline.stages", "pipeline.stage", "pipeline.state",
            "pipeline.errors", "pipeline.wire", "connectors.importers", "connectors.sources", "msgspec",
            "numpy")  # fmt: skip
SOLVING = ("pipeline.learning.trainers", "pipeline.learning.matrices", "pipeline.learning.textmachines")

DIRECTIONS = {
    "errors stand below all": MayImport(("pipeline.errors",), only=("msgspec",)),
    "the domain knows only itself": MayImport(
        ("pipeline.domain",), only=DOMAIN, but=("pipeline.domain.geo", "pipeline.domain.phrases")
    ),
    "geometry may use shapely": MayImport(("pipeline.domain.geo",), only=(*DOMAIN, "shapely")),
    "phrases may use their automaton": MayImport(("pipeline.domain.phrases",), only=(*DOMAIN, "ahocorasick")),
    "events know the domain": MayImport(
        ("pipeline.events",), only=("pipeline.domain", "pipeline.events", "pipeline.errors", "msgspec")
    ),
    "the stage contract knows events": MayImport(
        ("pipeline.stage", "pipeline.state"),
        only=("pipeline.domain", "pipeline.events", "pipeline.errors", "pipeline.stage", "pipeline.state", "msgspec"),
    ),
    "stages know domain and events": MayImport(
        ("pipeline.stages",), only=(*STAGES, "pipeline.stages", "msgspec", "numpy")
    ),
    "topology wires stages": MayImport(
        ("pipeline.topology",), only=(*STAGES, "pipeline.stages", "pipeline.topology", "msgspec")
    ),
    "connectors know events only": MayImport(
        ("connectors",),
        only=(
            "connectors",
            "pipeline.events",
            "pipeline.errors",
            "pipeline.domain",
            "pipeline.wire",
            "schemas",
            "msgspec",
            "numpy",
            "yaml",
        ),
        but=("connectors.sinks", "connectors.kafka", "connectors.librdkafka", "connectors.mqtt"),
    ),
    "clients of Kafka know how to connect and no runner": MayImport(
        ("connectors.kafka", "connectors.librdkafka"),
        only=(
            *CONNECTING,
            "connectors.sources",
            "connectors.kafka",
            "connectors.librdkafka",
            "kafka",
            "confluent_kafka",
        ),
    ),
    "the bridge knows MQTT and how to publish": MayImport(
        ("connectors.mqtt",), only=(*CONNECTING, "connectors.sources", "connectors.mqtt", "connectors.kafka", "paho")
    ),
    "the sink knows ClickHouse and Kafka": MayImport(
        ("connectors.sinks",),
        only=(
            *CONNECTING,
            "connectors.sinks",
            "connectors.kafka",
            "connectors.librdkafka",
            "aiokafka",
            "clickhouse_driver",
            "numpy",
        ),
        but=("connectors.sinks.chdb",),
    ),
    "the store's sink knows no runner": MayImport(
        ("connectors.sinks.chdb",),
        only=("connectors.sinks", "pipeline.events", "pipeline.errors", "chdb", "pyarrow", "msgspec", "numpy"),
    ),
    "contracts know no runner": MayImport(
        ("schemas",), only=("schemas", "pipeline.events", "pipeline.errors", "msgspec", "yaml")
    ),
    "the wire knows contracts and values": MayImport(
        ("pipeline.wire",),
        only=("pipeline.wire", "pipeline.events", "pipeline.errors", "schemas", "fastavro", "msgspec"),
    ),
    "the simulated city knows no runner": MayImport(
        ("pipeline.simulation",),
        only=(
            "pipeline.simulation",
            "pipeline.domain",
            "pipeline.events",
            "pipeline.errors",
            "pipeline.wire",
            "msgspec",
            "numpy",
        ),
    ),
    "learning knows no runner": MayImport(
        ("pipeline.learning",),
        only=(*LEARNING, "pipeline.learning"),
        but=SOLVING,
    ),
    "trainers may use scikit-learn": MayImport(
        SOLVING, only=(*LEARNING, "pipeline.learning", "pipeline.evaluation.measures", "sklearn", "scipy")
    ),
    "evaluation may run what it measures": MayImport(
        ("pipeline.evaluation",),
        only=(
            *LEARNING,
            "pipeline.learning",
            "pipeline.evaluation",
            "pipeline.runtime",
            "pipeline.topology",
            "pipeline.settings",
            "sklearn",
            "scipy",
        ),
    ),
    "assessment knows no store": MayImport(
        ("pipeline.assessment",),
        only=("pipeline.assessment", "pipeline.domain", "pipeline.events", "pipeline.errors", "msgspec"),
    ),
}

FAUST = ("pipeline.runtime.kafka.brought", "pipeline.runtime.kafka.polled")
OWNERS = {
    "shapely": OnlyIn("shapely", ("pipeline.domain.geo",), "geometry in one place"),
    "ahocorasick": OnlyIn("ahocorasick", ("pipeline.domain.phrases",), "word scan in one place"),
    "fastavro": OnlyIn("fastavro", ("pipeline.wire.serde",), "one module knows the wire format"),
    "chdb": OnlyIn("chdb", ("connectors.sinks.chdb",), "one module knows the embedded store"),
    "pyarrow": OnlyIn("pyarrow", ("connectors.sinks.chdb",), "columns go to the store only"),
    "faust": OnlyIn("faust", FAUST, "the consumer and the application know Faust"),
    "mode": OnlyIn("mode", FAUST, "the consumer and the application know Faust"),
    "confluent_kafka": OnlyIn("confluent_kafka", ("connectors.librdkafka",), "one package knows librdkafka"),
    "kafka": OnlyIn("kafka", ("connectors.kafka",), "one package knows kafka-python"),
    "aiokafka": OnlyIn(
        "aiokafka",
        ("connectors.sinks.clickhouse", "pipeline.runtime.kafka.fetching"),
        "the sink, and what Faust reads with",
    ),
    "clickhouse_driver": OnlyIn("clickhouse_driver", ("connectors.sinks.clickhouse",), "one package knows the server"),
    "paho": OnlyIn("paho", ("connectors.mqtt",), "one package knows MQTT"),
    "prometheus_client": OnlyIn("prometheus_client", ("pipeline.runtime.instruments",), "one module knows the metrics"),
    "sklearn": OnlyIn("sklearn", (*SOLVING, "pipeline.evaluation"), "a running worker has no need"),
    "scipy": OnlyIn("scipy", (*SOLVING, "pipeline.evaluation"), "a running worker has no need"),
    "learning": OnlyIn(
        "pipeline.learning",
        ("pipeline.learning", "pipeline.evaluation", "pipeline.runtime.models", "pipeline.commands"),
        "stages are given predictors",
    ),
    "evaluation": OnlyIn(
        "pipeline.evaluation",
        ("pipeline.evaluation", "pipeline.commands", "pipeline.learning.trainers"),
        "nothing hangs on being measured, but trainers measure what they hold out",
    ),
    "runtime": OnlyIn(
        "pipeline.runtime",
        ("pipeline.runtime", "pipeline.evaluation", "pipeline.commands", "pipeline.__main__"),
        "nothing below a runner may know it",
    ),
    "topology": OnlyIn(
        "pipeline.topology",
        ("pipeline.topology", "pipeline.runtime", "pipeline.evaluation", "pipeline.commands", "pipeline.__main__"),
        "stages do not know how they are wired",
    ),
    "connectors": OnlyIn(
        "connectors",
        (
            "connectors",
            "pipeline.runtime",
            "pipeline.learning",
            "pipeline.evaluation",
            "pipeline.commands",
            "pipeline.__main__",
        ),
        "only a runner, the command line and what reads labelled sets touch the outside",
    ),
}

BANNED = {
    "the environment is read in one place": MayNot(
        PRODUCT, ("os.environ", "os.getenv", "os.putenv"), "settings are read once", but=("pipeline.settings",)
    ),
    "no clock in pure code": MayNot(
        PURE,
        (
            "time",
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
        ),
        "time comes in with the record",
    ),
    "no chance in pure code": MayNot(
        PURE,
        ("random", "secrets", "uuid.uuid1", "uuid.uuid4", "os.urandom", "numpy.random", "hash()"),
        "identity is derived, and the same in every process",
    ),
    "no side effect in pure code": MayNot(
        PURE, ("open()", "print()", "input()", "logging", "socket", "subprocess", "os"), "stages answer, runners act"
    ),
    "no mocks": MayNot(("tests",), ("unittest.mock", "mock", "pytest_mock"), "fakes keep the wire format"),
}


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, and every name it imports or uses, written in full, with the line."""

    name: str
    path: Path
    imports: tuple[tuple[str, int], ...]
    uses: tuple[tuple[str, int], ...]


def below(name: str, parents: tuple[str, ...]) -> bool:
    """Is ``name`` one of ``parents`` or inside one?"""
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


def parse(path: Path, root: Path) -> Module:
    """Read one file."""
    parts = path.relative_to(root).with_suffix("").parts
    package = parts[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    imports: list[tuple[str, int]] = []
    full: dict[str, str] = {}
    for node in ast.walk(tree):
        for short, long in _names_bound(node, package):
            full[short] = long
            imports.append((long, node.lineno))  # type: ignore[attr-defined]
    uses = tuple(_uses(tree, full))
    name = ".".join(package if parts[-1] == "__init__" else parts)
    return Module(name, path.relative_to(root), tuple(imports), uses)


def _names_bound(node: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Pairs (name in this file, full name) that an import makes."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0], alias.name)
    elif isinstance(node, ast.ImportFrom):
        start = package[: len(package) - node.level + 1] if node.level else ()
        base = ".".join((*start, *([node.module] if node.module else [])))
        for alias in node.names:
            yield alias.asname or alias.name, f"{base}.{alias.name}"
    elif isinstance(node, ast.Call) and _is_dynamic_import(node) and isinstance(node.args[0], ast.Constant):
        yield "", str(node.args[0].value)


def _is_dynamic_import(node: ast.Call) -> bool:
    called = node.func
    return (isinstance(called, ast.Name) and called.id in {"__import__", "import_module"}) or (
        isinstance(called, ast.Attribute) and called.attr == "import_module"
    )


def _uses(tree: ast.AST, full: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Dotted names used that come from an import, written in full, and calls of names that do not, as ``name()``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in full:
            yield f"{node.func.id}()", node.lineno
        elif isinstance(node, (ast.Name, ast.Attribute)) and (dotted := _dotted(node)):
            first, _, rest = dotted.partition(".")
            if head := full.get(first):
                # `import a.b` binds `a`: what is written after it is already the full name.
                yield dotted if head.startswith(first + ".") else head + (f".{rest}" if rest else ""), node.lineno


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def modules(root: Path, packages: tuple[str, ...]) -> list[Module]:
    """All modules of these packages."""
    return [parse(path, root) for package in packages for path in sorted((root / package).rglob("*.py"))]


def breaches_of_direction(rule: MayImport, found: list[Module]) -> list[str]:
    """Imports that go the wrong way."""
    return [
        f"{module.path}:{line} imports {name}"
        for module in found
        if below(module.name, rule.of) and not below(module.name, rule.but)
        for name, line in module.imports
        if name.split(".")[0] not in sys.stdlib_module_names and not below(name, rule.only)
    ]


def breaches_of_ownership(rule: OnlyIn, found: list[Module]) -> list[str]:
    """Imports of a library outside the module that owns it."""
    return [
        f"{module.path}:{line} imports {name}: {rule.why}"
        for module in found
        if not below(module.name, rule.only)
        for name, line in module.imports
        if below(name, (rule.library,))
    ]


def breaches_of_ban(rule: MayNot, found: list[Module]) -> list[str]:
    """Uses and imports of a banned name."""
    return sorted(
        {
            f"{module.path}:{line} uses {name}: {rule.why}"
            for module in found
            if below(module.name, rule.of) and not below(module.name, rule.but)
            for name, line in (*module.imports, *module.uses)
            if below(name, rule.names)
        }
    )


@pytest.fixture(scope="module")
def product() -> list[Module]:
    return modules(ROOT, PRODUCT)


@pytest.mark.parametrize("rule", DIRECTIONS.values(), ids=DIRECTIONS)
def test_imports_go_one_way(rule: MayImport, product: list[Module]) -> None:
    assert breaches_of_direction(rule, product) == []


@pytest.mark.parametrize("rule", OWNERS.values(), ids=OWNERS)
def test_one_module_knows_each_library(rule: OnlyIn, product: list[Module]) -> None:
    assert breaches_of_ownership(rule, product) == []


@pytest.mark.parametrize("rule", BANNED.values(), ids=BANNED)
def test_banned_names_are_not_used(rule: MayNot, product: list[Module]) -> None:
    assert breaches_of_ban(rule, [*product, *modules(ROOT, ("tests",))]) == []


def planted(root: Path, name: str, text: str) -> list[Module]:
    """A tree with one file in it."""
    path = root / name
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return modules(root, (name.split("/")[0],))


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        pytest.param("the domain knows only itself", "pipeline/domain/x.py", "import pipeline.stages.file", id="up"),
        pytest.param("the domain knows only itself", "pipeline/domain/x.py", "from pipeline import events", id="from"),
        pytest.param("the domain knows only itself", "pipeline/domain/a/x.py", "from ...stages import file", id="dots"),
        pytest.param("the domain knows only itself", "pipeline/domain/x.py", "import shapely", id="foreign library"),
        pytest.param("events know the domain", "pipeline/events/x.py", "from pipeline.stages import f", id="event"),
        pytest.param("stages know domain and events", "pipeline/stages/x.py", "import yaml", id="stage library"),
        pytest.param("stages know domain and events", "pipeline/stages/x.py", "def f():\n  import yaml", id="hidden"),
        pytest.param(
            "stages know domain and events", "pipeline/stages/x.py", "import importlib as i\ni.import_module('yaml')",
            id="by name at run time",
        ),
        pytest.param("connectors know events only", "connectors/x.py", "import pipeline.runtime.local", id="connector"),
    ],
)  # fmt: skip
def test_an_import_the_wrong_way_is_found(rule: str, name: str, text: str, tmp_path: Path) -> None:
    assert len(breaches_of_direction(DIRECTIONS[rule], planted(tmp_path, name, text))) == 1


def test_an_allowed_import_is_no_breach(tmp_path: Path) -> None:
    found = planted(tmp_path, "pipeline/domain/x.py", "import re, numpy as np\nfrom pipeline.domain import grid\n")
    assert breaches_of_direction(DIRECTIONS["the domain knows only itself"], found) == []


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_outside_its_module_is_found(library: str, tmp_path: Path) -> None:
    rule = OWNERS[library]
    found = planted(tmp_path, "pipeline/stages/x.py", f"from {rule.library} import anything\n")
    assert len(breaches_of_ownership(rule, found)) == 1


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        pytest.param("no clock in pure code", "pipeline/stages/x.py", "import time\nt = time.time()", id="time"),
        pytest.param("no clock in pure code", "pipeline/stages/x.py", "from time import time as t", id="renamed"),
        pytest.param(
            "no clock in pure code", "pipeline/domain/x.py", "from datetime import datetime as d\nd.now()", id="now"
        ),
        pytest.param(
            "no clock in pure code", "pipeline/domain/x.py", "import datetime\ndatetime.date.today()", id="today"
        ),
        pytest.param("no chance in pure code", "pipeline/stages/x.py", "import random", id="random"),
        pytest.param("no chance in pure code", "pipeline/stages/x.py", "import uuid\nuuid.uuid4()", id="uuid4"),
        pytest.param(
            "no chance in pure code", "pipeline/domain/x.py", "import numpy as n\nn.random.rand()", id="numpy"
        ),
        pytest.param("no chance in pure code", "pipeline/domain/x.py", "hash('text')", id="salted hash"),
        pytest.param("no side effect in pure code", "pipeline/stages/x.py", "open('a')", id="open"),
        pytest.param("no side effect in pure code", "pipeline/stages/x.py", "import logging", id="logging"),
        pytest.param(
            "the environment is read in one place", "connectors/x.py", "import os\nos.environ['A']", id="environ"
        ),
        pytest.param(
            "the environment is read in one place", "pipeline/runtime/x.py", "from os import getenv", id="getenv"
        ),
        pytest.param("no mocks", "tests/x.py", "from unittest import mock", id="mock"),
        pytest.param("no mocks", "tests/x.py", "from unittest.mock import patch", id="patch"),
    ],
)
def test_a_banned_name_is_found(rule: str, name: str, text: str, tmp_path: Path) -> None:
    assert breaches_of_ban(BANNED[rule], planted(tmp_path, name, text)) != []


def test_a_derived_identifier_is_no_breach(tmp_path: Path) -> None:
    text = (
        "import uuid\nfrom datetime import UTC, datetime as d\nname = uuid.uuid5(A, open)\nday = d.fromtimestamp(time)"
    )
    found = planted(tmp_path, "pipeline/domain/x.py", text)
    assert [b for rule in BANNED.values() for b in breaches_of_ban(rule, found)] == []
