"""Runs that are killed, repeated or replayed leave the same bytes in every table as one that was left in peace."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path

from tests.integration import stores
from tests.integration.conftest import Whole

KILLS = 5
LONGEST_S = 120.0


def killed(arguments: list[str], log: Path, size: int, delay: float) -> None:
    """Begin a command and kill it ``delay`` seconds after its changelog has grown to ``size``."""
    running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.monotonic() + LONGEST_S
    while running.poll() is None and time.monotonic() < until and not _grown(log, size):
        time.sleep(0.01)
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


def test_equal_input_fills_two_stores_alike_and_again_or_replayed_changes_nothing(
    whole: Whole, city: Path, tmp_path: Path
) -> None:
    store = stores.begun(tmp_path / "store", city)
    assert stores.run(city, store)["counts"] == whole.result["counts"]
    again = stores.run(city, store)
    assert (again["new_inputs"], again["records"]) == (0, 0)
    assert again["counts"] == whole.result["counts"]
    assert stores.different(whole.tables, stores.dumps(store, tmp_path / "second")) == []

    replay, log = stores.command("replay", "--store", store), store / "state" / "changes.log"
    size = log.stat().st_size
    killed_when_marked(replay, store / "store.json")
    log.write_bytes(b"")  # so that it can be seen from outside how far the replay is
    killed(replay, log, size // 3, 0.03)
    result = json.loads(stores.wangge("run", "--store", store, "--json"))
    assert result["counts"] == whole.result["counts"]
    assert stores.different(whole.tables, stores.dumps(store, tmp_path / "replayed")) == []


def killed_when_marked(replay: list[str], marked: Path) -> None:
    """Kill a replay as soon as it has said that it begins, before anything is dropped."""
    before = marked.read_bytes()
    running = subprocess.Popen(replay, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until and marked.read_bytes() == before:
        time.sleep(0.001)
    running.kill()
    assert running.wait() == -9
    assert marked.read_bytes() != before
