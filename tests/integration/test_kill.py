"""Runs that are killed, repeated or replayed leave the same bytes in every table as one that was left in peace."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration import stores
from tests.integration.conftest import Whole

KILLS = 5
LONGEST_S = 120.0


def killed(arguments: list[str], log: Path, size: int, delay: float) -> None:
    """Begin a command and kill it ``delay`` seconds after its changelog has grown to ``size``."""
    running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.monotonic() + LONGEST_S
    while running.poll() is None and time.monotonic() < until and not _grown(log, size):
        time.sleep(0.002)
    time.sleep(delay)
    running.kill()
    _, said = running.communicate()
    assert running.returncode == -9, f"ended by itself before the log had {size} bytes: {said.decode()[-500:]}"


def _grown(log: Path, size: int) -> bool:
    try:
        return log.stat().st_size >= size
    except FileNotFoundError:
        return size == 0


def moments(whole: Whole, seed: int) -> list[tuple[int, float]]:
    """One moment before the first commit, the others spread over the run, each a little off the end of a commit."""
    dice = random.Random(seed)
    size = (whole.store / "state" / "changes.log").stat().st_size
    part = size / KILLS
    spread = [(int(part * (number + dice.random() * 0.9)) + 1, dice.random() * 0.08) for number in range(KILLS - 1)]
    return [(0, 0.6 + dice.random()), *spread]


def test_a_run_killed_at_five_moments_and_continued_equals_one_that_was_not(
    whole: Whole, city: Path, tmp_path: Path
) -> None:
    store = stores.begun(tmp_path / "store", city)
    log = store / "state" / "changes.log"
    for size, delay in moments(whole, seed=3):
        killed(stores.command("run", city, "--store", store), log, size, delay)
    result = stores.run(city, store)
    assert stores.different(whole.tables, stores.dumps(store, tmp_path / "dump")) == []
    assert result["counts"] == whole.result["counts"]
    assert result["records"] < whole.result["records"], "the last run began anew instead of continuing"


def test_equal_input_fills_two_stores_alike_and_a_replay_changes_nothing_even_when_killed(
    whole: Whole, city: Path, tmp_path: Path
) -> None:
    store = stores.begun(tmp_path / "store", city)
    assert stores.run(city, store)["counts"] == whole.result["counts"]
    assert stores.different(whole.tables, stores.dumps(store, tmp_path / "second")) == []
    size = (whole.store / "state" / "changes.log").stat().st_size
    shrunk = store / "state" / "changes.log"
    shrunk.write_bytes(b"")  # so that the growth of the replay can be seen from outside
    killed(stores.command("replay", "--store", store), shrunk, size // 3, 0.03)
    killed(stores.command("run", "--store", store), shrunk, 2 * size // 3, 0.03)
    stores.wangge("replay", "--store", store)
    assert stores.different(whole.tables, stores.dumps(store, tmp_path / "third")) == []


def test_a_replay_killed_before_its_first_commit_is_made_good_by_the_next_run(
    whole: Whole, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole.store, store)
    facts = json.loads((store / "store.json").read_text())
    marked = store / "store.json"
    running = subprocess.Popen(stores.command("replay", "--store", store), stdout=subprocess.DEVNULL)
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until and (facts_now := json.loads(marked.read_text())) == facts:
        time.sleep(0.001)
    running.kill()
    running.wait()
    assert facts_now != facts
    result = stores.run(store / "kept", store) if False else json.loads(stores.wangge("run", "--store", store, "--json"))
    assert result["counts"] == whole.result["counts"]
    assert stores.different(whole.tables, stores.dumps(store, tmp_path / "dump")) == []


@pytest.mark.parametrize("again", ["run", "run without input"])
def test_the_same_input_again_is_not_taken_and_changes_nothing(
    whole: Whole, city: Path, tmp_path: Path, again: str
) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole.store, store)
    inputs = [city] if again == "run" else []
    result = json.loads(stores.wangge("run", *inputs, "--store", store, "--json"))
    assert (result["new_inputs"], result["records"]) == (0, 0)
    assert result["counts"] == whole.result["counts"]
    assert stores.different(whole.tables, stores.dumps(store, tmp_path / "dump")) == []
