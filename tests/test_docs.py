"""The documentation: its commands exist and run, its links lead somewhere, its lists match the project."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(<!-- run -->\n+)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELLS = {"console", "sh", "bash", "shell"}


@dataclass(frozen=True)
class Block:
    """A fenced block of shell commands, as typed: without prompts and without what they answer."""

    page: str
    lines: tuple[str, ...]
    runs: bool


def blocks_of(text: str, page: str = "") -> list[Block]:
    """All shell blocks of a page."""
    return [
        Block(page, tuple(_typed(body, language)), bool(marker))
        for marker, language, body in FENCE.findall(text)
        if language in SHELLS
    ]


def _typed(body: str, language: str) -> Iterator[str]:
    """Commands of a block, continued lines joined. In ``console`` blocks they follow a prompt; the rest is output."""
    prompted = language == "console"
    for line in body.replace("\\\n", " ").splitlines():
        if prompted and line.startswith("$ "):
            yield line[2:].strip()
        elif not prompted and line.strip():
            yield line.strip()


def calls(line: str) -> list[list[str]]:
    """The single commands of a line, as words: parted at pipes and the like, without redirections and comments."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            words.append([])
        else:
            words[-1].append(word)
    return [_without_settings(call) for call in words if _without_settings(call)]


def _without_settings(call: list[str]) -> list[str]:
    """A call without the ``NAME=value`` words in front of it."""
    start = next((at for at, word in enumerate(call) if not re.match(r"[A-Z_]+=", word)), len(call))
    return call[start:]


def faults_of_call(call: list[str], tree: click.Command | None, targets: set[str]) -> list[str]:
    """What does not exist in a call of ``make`` or ``wangge``; other programs are not looked at."""
    program, words = call[0].rsplit("/", 1)[-1], call[1:]
    if program.startswith("python") and words[:2] == ["-m", "pipeline"]:
        program, words = "wangge", words[2:]
    if program == "make":
        named = [word for word in words if not word.startswith("-") and "=" not in word]
        return [f"make {name}: no such target" for name in named if name not in targets]
    if program == "wangge":
        return ["there is no command line"] if tree is None else _faults_of_words(words, tree, "wangge")
    return []


def _faults_of_words(words: list[str], command: click.Command, path: str) -> list[str]:
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    rest = iter(words)
    for word in rest:
        name = word.split("=")[0]
        if word in {">", ">>", "<", "2>"}:
            next(rest, "")
        elif word == "--help":
            continue
        elif word.startswith("-") and word != "-":
            if name not in options:
                return [f"{path}: no option {name}"]
            option = options[name]
            if isinstance(option, click.Option) and not option.is_flag and not option.count and "=" not in word:
                next(rest, "")
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return [f"{path}: no command {word}"]
            return _faults_of_words(list(rest), found, f"{path} {word}")
    return []


def command_tree() -> click.Command:
    """The command line."""
    from pipeline.commands import wangge

    return wangge


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def commands_below(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from commands_below(child, f"{path} {name}")


BLOCKS = [block for page in PAGES for block in blocks_of(page.read_text(encoding="utf-8"), str(page.relative_to(ROOT)))]


def test_every_documented_command_exists() -> None:
    tree, targets = command_tree(), make_targets()
    faults = [
        f"{block.page}: {line}: {fault}"
        for block in BLOCKS
        for line in block.lines
        for call in calls(line)
        for fault in faults_of_call(call, tree, targets)
    ]
    assert faults == []


@pytest.mark.parametrize(
    "block", [pytest.param(block, id=f"{block.page}: {block.lines[0]}") for block in BLOCKS if block.runs]
)
def test_a_marked_block_runs(block: Block, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(block.lines)],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_has_help_and_is_documented() -> None:
    tree = command_tree()
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    commands = list(commands_below(tree, "wangge"))
    assert [path for path, command in commands if not (command.help or "").strip()] == []
    assert [path for path, _ in commands if not re.search(re.escape(path) + r"\b", text)] == []


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def packages(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in requirements}


def test_the_table_of_dependencies_matches_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = [word for extra in project["project"]["optional-dependencies"].values() for word in extra]
    wanted = packages(project["project"]["dependencies"] + extras + project["build-system"]["requires"])
    rows = re.findall(
        r"^\| ([\w.-]+) \| (.+?) \| (.+?) \|$",
        (ROOT / "docs/dependencies.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    described = {
        name for name, reason, instead in rows if name != "package" and reason.strip("- ") and instead.strip("- ")
    }
    assert described == wanted


def test_the_lock_pins_every_dependency_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = packages(project["project"]["dependencies"] + project["project"]["optional-dependencies"]["dev"])
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    pinned = {
        line.split("==")[0]: "--hash=sha256:" in line for line in lock.splitlines() if re.match(r"[\w.-]+==", line)
    }
    # The build backend is pinned too, because set-up builds without a download of its own.
    missing = {name.lower() for name in {*wanted, "setuptools"}} - {name.lower() for name in pinned}
    assert missing == set()
    assert [name for name, hashed in pinned.items() if not hashed] == []


def test_decisions_are_numbered_and_whole() -> None:
    pages = sorted((ROOT / "docs/adr").glob("*.md"))
    numbers = [int(page.name.split("-")[0]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    for page, number in zip(pages, numbers, strict=True):
        headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings[0].startswith(f"{number}. "), page.name
        assert headings[1:4] == ["Context", "Decision", "Consequences"], page.name


@click.group()
@click.option("--store")
def example(store: str) -> None:
    """A command line to try the checks on."""


@example.command()
@click.option("--dump", is_flag=True)
@click.argument("query")
def sql(dump: bool, query: str) -> None:
    """Ask."""


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        pytest.param("make test JOBS=4", [], id="a target"),
        pytest.param("make nothing", ["make nothing: no such target"], id="no target"),
        pytest.param("wangge sql 'SELECT 1 | 2'", [], id="a command"),
        pytest.param("wangge --store S sql --dump x > file", [], id="an option with a value before the command"),
        pytest.param(".venv/bin/wangge qsl", ["wangge: no command qsl"], id="no command"),
        pytest.param("cd D && wangge sql --dmup x", ["wangge sql: no option --dmup"], id="no option"),
        pytest.param("cat f | python -m pipeline qsl", ["wangge: no command qsl"], id="as a module, behind a pipe"),
        pytest.param("A=1 wangge qsl # why", ["wangge: no command qsl"], id="behind a setting"),
        pytest.param("grep wangge f", [], id="another program"),
    ],
)
def test_a_wrong_command_is_found(line: str, faults: list[str]) -> None:
    assert [fault for call in calls(line) for fault in faults_of_call(call, example, {"test"})] == faults


def test_blocks_are_read_as_typed() -> None:
    console = "<!-- run -->\n```console\n$ wangge sql \\\n    x\nanswer\n```\n\n"
    text = console + "```sh\nmake a\n\nmake b\n```\n```python\nx\n```\n"
    assert blocks_of(text, "p") == [Block("p", ("wangge sql      x",), True), Block("p", ("make a", "make b"), False)]
