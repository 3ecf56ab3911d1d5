"""The tree itself: what lies at the top, how long a module may be, and words that have no place in a repository."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TOP_LEVEL = {
    ".ci": "what the build server calls",
    ".gitignore": "what is made and never kept",
    "CHANGELOG.md": "what changed, for operators",
    "Makefile": "one way to run each thing",
    "README.md": "the way in",
    "bench": "measured rates and memory",
    "connectors": "sources and sinks",
    "deploy": "set-up, reference tables, services",
    "docs": "glossary, decisions, requirements",
    "pipeline": "domain, stages, runners",
    "pyproject.toml": "the project",
    "requirements.lock": "pinned dependencies",
    "schemas": "wire contracts and tables",
    "tests": "mirrors the above",
}
NEVER_LISTED = {".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "build", "out"}

LONGEST = 300
LONGER_WITH_REASON = {
    "pipeline/events/facts.py": "one type per fact, no logic",
    "pipeline/simulation/city.py": "one district: its areas, people, components and devices hang together",
    "pipeline/simulation/reports.py": "one report from problem to record; the parts would share all their state",
    "pipeline/wire/serde.py": "encoding and decoding of one wire format side by side",
    "tests/connectors/test_importers.py": "the same few checks for each of seven sets",
    "tests/connectors/test_sources.py": "one contract over all formats",
    "tests/domain/test_redaction.py": "tables of writings of personal data",
    "tests/schemas/test_mapping.py": "one sample a mapping beside its checks",
    "tests/test_architecture.py": "the rules, the checker and the planted breaches belong side by side",
    "tests/wire/test_serde.py": "one table of values and faults a type",
}

TEXTS = {"", ".avsc", ".cfg", ".csv", ".geojson", ".ini", ".json", ".jsonl", ".lock", ".md", ".py", ".sh", ".sql",
         ".toml", ".txt", ".xml", ".yaml", ".yml"}  # fmt: skip

# Written so that this file does not find itself.
FORBIDDEN = {
    "path of one machine": re.compile(r"(?<![\w.-])/" + r"(?:work|tmp|root|opt/wheels|home/[a-z]+)(?:/|\b)"),
    "host of a package registry": re.compile(
        r"pythonhosted" + r"\.org|(?<!\w)pypi" + r"\.org|\b(?:artifact" + r"ory|dev" + r"pi)\b"
    ),
    "option that names a registry": re.compile(r"(?<!no-emit)-" + r"-(?:extra-)?(?:index-url|find-links|trusted-host)"),
    "paper that is not in the repository": re.compile(r"\bshared" + r"/(?:data|domain|design|sources)\b"),
}


def files() -> list[Path]:
    """All files that are or would be tracked; without git, all but what is made."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0 and (ROOT / ".git").exists():
        names = (ROOT / name for name in listed.stdout.split("\0") if name)
        return sorted(path for path in names if path.is_file())
    return sorted(_walk(ROOT))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in NEVER_LISTED or path.name == "__pycache__" or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def long_modules(sizes: dict[str, int], allowed: set[str]) -> list[str]:
    """Modules past the limit that are not listed, and listed ones that no longer need it."""
    return sorted(
        [f"{name} has {size} lines: split it, or list it with a reason" for name, size in sizes.items()
         if size > LONGEST and name not in allowed]
        + [f"{name} is listed as long and is not" for name in allowed if sizes.get(name, 0) <= LONGEST]
    )  # fmt: skip


def forbidden_words(text: str) -> list[str]:
    """What is wrong with a text, with the line."""
    return [
        f"line {text.count(chr(10), 0, found.start()) + 1}: {what}: {found.group()}"
        for what, pattern in FORBIDDEN.items()
        for found in pattern.finditer(text)
    ]


def test_only_known_entries_lie_at_the_top() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in files()} - set(TOP_LEVEL) == set()


def test_modules_stay_short() -> None:
    sizes = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n")
        for path in files()
        if path.suffix == ".py"
    }
    assert long_modules(sizes, set(LONGER_WITH_REASON)) == []


@pytest.mark.parametrize(
    ("size", "allowed", "faults"),
    [
        pytest.param(300, set(), 0, id="exactly at the limit"),
        pytest.param(301, set(), 1, id="just past it"),
        pytest.param(301, {"a.py"}, 0, id="with a reason"),
        pytest.param(300, {"a.py"}, 1, id="a reason that is no longer needed"),
    ],
)
def test_a_long_module_needs_a_reason(size: int, allowed: set[str], faults: int) -> None:
    assert len(long_modules({"a.py": size}, allowed)) == faults


def test_no_file_names_a_machine_or_a_registry() -> None:
    faults = [
        f"{path.relative_to(ROOT)} {fault}"
        for path in files()
        if path.suffix in TEXTS
        for fault in forbidden_words(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        pytest.param("cd /" + "work/main", 1, id="a machine path"),
        pytest.param("'/" + "tmp'", 1, id="its scratch folder"),
        pytest.param("pip install --" + "index-url x", 1, id="a registry option"),
        pytest.param("https://files.pythonhosted" + ".org/x", 1, id="a registry host"),
        pytest.param("../shared" + "/data/x", 1, id="a paper outside"),
        pytest.param("pip-compile --no-emit-index-url", 0, id="an option that leaves the registry out"),
        pytest.param("patrol/work/day and a.tmp/file", 0, id="slashes between words"),
    ],
)
def test_forbidden_words_are_found(text: str, faults: int) -> None:
    assert len(forbidden_words(text)) == faults
