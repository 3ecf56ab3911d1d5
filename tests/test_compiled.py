"""Compiled modules: which they are, and that code which is not of the sources at hand never runs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline import compiled

STAYS_PYTHON = {"typing.NamedTuple", "typing.Protocol", "enum.StrEnum"}
STRUCTS = {"Value", "Fact", "Row", "Struct"}


def test_every_listed_module_is_there_once() -> None:
    assert [path for path in compiled.sources() if not path.is_file()] == []
    assert list(compiled.MODULES) == sorted(set(compiled.MODULES))


@pytest.mark.parametrize("path", compiled.sources(), ids=compiled.MODULES)
def test_no_listed_module_defines_a_struct(path: Path) -> None:
    """Compiled classes lose the annotations that msgspec reads: an entry would be decoded as something else."""
    classes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef)]
    bases = {ast.unparse(base).rpartition(".")[2] for one in classes for base in one.bases}
    assert not bases & STRUCTS


def test_nothing_inherits_from_a_compiled_class_that_is_not_compiled_itself() -> None:
    """Python refuses such a class when it is made, and only where the modules are compiled."""
    classes = {path: _bases(path) for path in sorted((compiled.ROOT / "pipeline").rglob("*.py"))}
    listed = set(compiled.sources())
    frozen = {
        f"{name}.{one}"
        for name, path in zip(compiled.MODULES, compiled.sources(), strict=True)
        for one, bases in classes[path]
        if not STAYS_PYTHON.intersection(bases)
    }
    found = {
        (path.name, one, base)
        for path, made in classes.items()
        if path not in listed
        for one, bases in made
        for base in bases
        if base in frozen
    }
    assert found == set()
    assert "pipeline.state.KeyedState" in frozen


def _bases(path: Path) -> list[tuple[str, list[str]]]:
    """Classes of a file and what they inherit from, by full names where they are imported."""
    tree = ast.parse(path.read_text("utf-8"))
    known = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return [
        (node.name, [known.get(name, name) for base in node.bases for name in [ast.unparse(base).partition("[")[0]]])
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with the listed sources, as if it had been compiled."""
    for path in compiled.sources():
        copy = tmp_path / path.relative_to(compiled.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.setattr(compiled, "STAMP", tmp_path / "sources.digest")
    compiled.STAMP.write_text(compiled.digest(), "utf-8")
    return tmp_path


def test_compiled_code_is_taken_while_the_sources_are_those_it_was_made_of(tree: Path) -> None:
    assert compiled.fresh()
    changed = tree / "pipeline" / "domain" / "text.py"
    before = changed.read_bytes()
    changed.write_bytes(before + b"\n")
    assert not compiled.fresh()
    changed.write_bytes(before)
    assert compiled.fresh()


def test_without_a_stamp_nothing_compiled_is_taken(tree: Path) -> None:
    compiled.STAMP.unlink()
    assert not compiled.fresh()
    assert not compiled.use_compiled()


def test_only_listed_modules_are_looked_for_among_the_compiled_ones() -> None:
    finder = compiled._Finder()
    assert finder.find_spec("pipeline.events.facts") is None
    spec = finder.find_spec("pipeline.domain.text")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == compiled.FOLDER / "pipeline" / "domain"
