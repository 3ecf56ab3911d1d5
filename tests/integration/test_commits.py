"""Where a run cuts its commits: by polls, or by what they brought; and that what comes out does not hang on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.events.facts import Fact, OutcomesCounted, Samples
from pipeline.runtime.changelog import Changelog
from pipeline.runtime.local import SAMPLES, LocalRun, RunPolicy
from tests.integration.parity import Kept, comparable, log_of, topology

TAKEN_AT = 1_790_000_000_000
MOST, FACTS = 5, 260


Polled = tuple[Mapping[type[Fact], Sequence[Fact]], Sequence[Samples]]


@dataclass
class Commits(Kept):
    """A store that remembers what the polls of each commit weighed."""

    weights: list[list[int]] = field(default_factory=list)

    def write_packed(self, parts: Sequence[Polled]) -> int:
        # counts are said at the end of a commit and are no part of any poll
        self.weights.append([weight_of(part) for part in parts if OutcomesCounted not in part[0]])
        return super().write_packed(parts)


def weight_of(polled: Polled) -> int:
    facts, samples = polled
    return sum(map(len, facts.values())) + sum(len(one.times) for one in samples) // SAMPLES


def ran(city: Path, folder: Path, policy: RunPolicy) -> Commits:
    store = Commits()
    runner = LocalRun(topology(city), store, Changelog(folder / "changes.log"), policy)
    runner.read("all", log_of(city, TAKEN_AT))
    runner.close()
    return store


@pytest.fixture(scope="module")
def by_polls(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Commits:
    policy = RunPolicy(poll_records=60, polls_per_commit=MOST, facts_per_commit=0)
    return ran(city, tmp_path_factory.mktemp("polls"), policy)


@pytest.fixture(scope="module")
def by_facts(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Commits:
    policy = RunPolicy(poll_records=60, polls_per_commit=1_000, facts_per_commit=FACTS)
    return ran(city, tmp_path_factory.mktemp("facts"), policy)


def test_a_commit_has_at_most_so_many_polls(by_polls: Commits) -> None:
    assert {len(polls) for polls in by_polls.weights[:-1]} == {MOST}


def test_a_commit_ends_with_the_poll_that_fills_it(by_facts: Commits) -> None:
    assert len(by_facts.weights) > 3
    assert all(sum(polls) >= FACTS > sum(polls[:-1]) for polls in by_facts.weights[:-1])
    assert len({len(polls) for polls in by_facts.weights[:-1]}) > 1, "polls bring different numbers of facts"


def test_facts_do_not_hang_on_where_commits_are_cut(by_polls: Commits, by_facts: Commits) -> None:
    assert comparable(by_polls.facts) == comparable(by_facts.facts)
