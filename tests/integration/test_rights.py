"""A command whose user lacks a right says what is refused, to whom and what to do, and ends with exit code 2."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from deploy.stack.servers import ClickHouseServer, KafkaServer
from pipeline.errors import FAULTY
from pipeline.settings import ClickHouseSettings, KafkaSettings
from tests.integration.secured import City, begun
from tests.integration.sinks import Rig
from tests.integration.test_clients import assignment, order
from tests.integration.test_users import wangge
from tests.support.front.disturbance import Disturbance
from tests.support.servers import Servers, clickhouse_settings_of, client_of

NOWHERE = ("--health", "127.0.0.1:0")
ANSWER = json.dumps({"case_id": assignment(1).case_id, "action": "sign"}).encode()


@pytest.fixture(scope="module")
def secured(kafka_secured: KafkaServer) -> City:
    """A city with users and access lists."""
    return begun(kafka_secured)


# -- Kafka --------------------------------------------------------------------------------------------------------

ENDING = {
    "verify": (("verify",), "sink.clickhouse"),
    "clock": (("clock", "--once"), "readings.sensor"),
    "canary": (("canary", "--once"), "facts.reports"),
    "publish": (("publish", "-", "--schema", "HotlineOrder"), "reports.hotline"),
    "assignments": (("consume", "--department", "water"), "assignments.water"),
    "statuses": (("consume", "--source", "hotline-12345"), "status.hotline-12345"),
    "answers": (("consume", "--department", "water", "--answer", "-"), "actions.water"),
    "retry": (("retry", "--dry-run"), "retry.1m"),
    "quarantine": (("quarantine", "list", "--kafka"), "quarantine.sent"),
    "one of quarantine": (("quarantine", "show", "x", "--kafka"), "quarantine"),
    "replay": (("quarantine", "replay", "--kafka"), "desk-replay"),
    "backfill": (("backfill", "fill", "--of", "facts", "--dry-run", "--work"), "facts.cases"),
}
STANDING = {
    "the clock": (("clock", *NOWHERE), "readings.sensor"),
    "the spotter": (("spotter", *NOWHERE), "spotter"),
    "the retry": (("retry", *NOWHERE), "desk-retry"),
    "the canary": (("canary", *NOWHERE), "facts.reports"),
}


def refusal(done: subprocess.CompletedProcess[bytes]) -> str:
    """The line that tells a refusal, and nobody's traceback before it."""
    said = done.stderr.decode()
    assert done.returncode == FAULTY, said
    assert "Traceback" not in said
    assert "Unclosed" not in said
    return said.splitlines()[-1]


@pytest.mark.parametrize("name", ENDING)
def test_who_may_nothing_is_told_so_in_one_line(secured: City, tmp_path: Path, name: str) -> None:
    words, what = ENDING[name]
    given = ANSWER if name == "answers" else json.dumps(order(1)).encode()
    further = (tmp_path / "work",) if name == "backfill" else ()
    done = wangge(secured.of("stranger"), *words, *further, given=given)
    told = refusal(done)
    assert done.stderr.decode().splitlines() == [told]
    assert told.startswith(f"refused: kafka: WANGGE_KAFKA_USER = '{secured.prefix}stranger': ")
    assert secured.prefix + what in told
    assert "wangge topics plan --acls" in told


@pytest.mark.parametrize("name", STANDING)
def test_a_process_that_may_nothing_does_not_begin(secured: City, name: str) -> None:
    words, what = STANDING[name]
    told = refusal(wangge(secured.of("stranger"), *words))
    assert f"WANGGE_KAFKA_USER = '{secured.prefix}stranger'" in told
    assert secured.prefix + what in told


@pytest.mark.parametrize(("user", "what"), [("stranger", "topic"), ("source.canary", "topic"), ("verify", "group")])
def test_the_sink_says_what_it_may_not_read(
    secured: City, clickhouse_settings: ClickHouseSettings, tmp_path: Path, user: str, what: str
) -> None:
    """``verify`` reads every topic of the sink, and is no member of its group."""
    rig = Rig(secured.of(user), clickhouse_settings, tmp_path)
    tables = {name: value for name, value in rig.environment().items() if name.startswith("WANGGE_CLICKHOUSE")}
    wangge(secured.of(user), "migrate", further=tables)
    told = refusal(wangge(secured.of(user), "sink", "--until-done", further=tables))
    assert f"WANGGE_KAFKA_USER = '{secured.prefix}{user}': Kafka refuses the {what}" in told


def test_verify_needs_no_sink_that_ever_ran(servers: Servers, clickhouse_settings: ClickHouseSettings) -> None:
    """A cluster that has had no group yet has no coordinator either, for a while."""
    done = wangge(
        KafkaSettings(bootstrap=servers.kafka().address), "verify",
        further={"WANGGE_CLICKHOUSE": f"{clickhouse_settings.host}:{clickhouse_settings.port}"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


# -- ClickHouse ---------------------------------------------------------------------------------------------------

GUEST = """<guest><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota><allow_databases><database>default</database></allow_databases></guest>"""


class GuestServer(ClickHouseServer):
    """Debian's ClickHouse with a user more, who may look at no database of ours."""

    def prepare(self) -> None:
        """Add the user."""
        super().prepare()
        users = self.folder / "users.xml"
        users.write_text(users.read_text("utf-8").replace("</users>", f"{GUEST}</users>"), "utf-8")


@pytest.mark.parametrize("user", ["guest", "nobody"])
def test_a_user_whom_clickhouse_refuses_is_told_so(
    servers: Servers, kafka_settings: KafkaSettings, tmp_path: Path, user: str
) -> None:
    """One who has no right to the database, and one whom the server does not know."""
    server = servers.begin(GuestServer(tmp_path / "guests"))
    with client_of(clickhouse_settings_of(server)) as client:
        client.execute("CREATE DATABASE wangge")
    rig = Rig(kafka_settings, clickhouse_settings_of(server, "wangge"), tmp_path)
    rig.make_topics(1)
    done = rig.wangge("verify", user=user)
    assert done.returncode == FAULTY, done.stderr
    assert done.stderr.startswith(f"refused: ClickHouse: WANGGE_CLICKHOUSE_USER = '{user}': ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("verify",), ("migrate",), ("sink", "--until-done")], ids=" ".join)
def test_a_right_that_is_missing_is_said_by_every_command(
    servers: Servers, kafka_settings: KafkaSettings, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """In the words of a current server, which the stand-in has from the test: it knows no users."""
    front = servers.front()
    rig = Rig(kafka_settings, clickhouse_settings_of(front, "wangge"), tmp_path).make(1)
    grant = "guest: Not enough privileges. To execute this query, it's necessary to have the grant SELECT ON wangge.*"
    front.disturb(Disturbance("fail", on="wangge|version", code=497, message=grant))
    done = rig.wangge(*words)
    assert done.returncode == FAULTY, done.stderr
    assert done.stderr.splitlines()[-1].startswith("refused: ClickHouse: WANGGE_CLICKHOUSE_USER = 'default': ")
    assert grant in done.stderr
