"""``wangge topics`` without ``--acls`` on a broker with an authorizer: what is missing is said, and nothing given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.kafka.admin import Cluster
from deploy.stack.servers import KafkaServer
from pipeline.commands import command_named
from tests.integration.secured import City, begun, environment

SMALL = ("--replication", "1", "--partitions", "1", "--sources", "new-app,another-app")
MISSING = 7
"""Entries of another-app: it writes two inputs and reads its status in two groups, and workers write the status."""


@pytest.fixture(scope="module")
def city(kafka_secured: KafkaServer) -> City:
    """A city with users and access lists, those of one more source left out."""
    return begun(kafka_secured)


def topics(city: City, user: str, *words: str) -> str:
    """What ``wangge topics`` prints for a user."""
    ended = CliRunner(env=environment(city.of(user))).invoke(command_named("topics"), [*words, *SMALL])
    assert ended.exception is None, ended.exception
    return ended.stdout


def document(city: City, user: str, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(topics(city, user, *words, "--json"))
    return found


def test_a_plan_and_an_application_say_how_many_entries_are_missing_until_they_are_given(city: City) -> None:
    for verb in ("plan", "apply"):
        said = topics(city, "operator", verb)
        assert f"the broker has an authorizer and {MISSING} entries are missing" in said
        assert f"`wangge topics {verb} --acls`" in said
    with Cluster(city.door) as cluster:
        assert "status.another-app" in cluster.counts()
    assert document(city, "operator", "apply")["grants_left"] == MISSING, "nothing was given"
    assert len(document(city, "operator", "apply", "--acls")["grants"]) == MISSING
    assert document(city, "operator", "plan")["grants_left"] == 0
    assert "access lists" not in topics(city, "operator", "plan")


def test_who_may_not_look_at_access_lists_is_told_so_and_sees_its_plan(city: City) -> None:
    found = document(city, "worker.intake", "plan")
    assert (found["grants_left"], found["steps"] != []) == (None, True)
    assert "this user may not look at them" in topics(city, "worker.intake", "plan")
