"""What a demo says of the sink's tables: all is there, or which partition lacks what, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.sinks.clickhouse.verify import Account
from pipeline.commands import demo_kafka
from pipeline.commands.demo_kafka import DIFFERENT, Again, end_when_different
from pipeline.commands.demo_sink import Written
from pipeline.runtime.counts import tally
from pipeline.settings import ClickHouseSettings, KafkaSettings
from tests.commands.conftest import Wangge

COUNTS = tally({"hotline|filed|dispatched|": 2})
FIGURES = "figures"
RESULT = {"counts": COUNTS, "records": 2, "seconds": 1.0, "rate": 2}


def account(**counts: int) -> Account:
    return Account("facts.cases", 3, records=2, rows=2, found=2 - counts.get("missing", 0), **counts)


def again(*accounts: Account, figures: str = FIGURES) -> Again:
    at = ClickHouseSettings("ch1", 9000, database="demo")
    return Again(RESULT, figures, 5, Written(KafkaSettings(), at, "26.9.1", COUNTS, figures, accounts))


def test_a_day_whose_rows_are_all_there_says_so_and_where() -> None:
    told = again(account()).text(COUNTS, FIGURES)
    assert "ClickHouse 26.9.1 at ch1:9000, database demo" in told
    assert "2 records in Kafka, 2 rows of them in ClickHouse: nothing missing, nothing doubled" in told
    end_when_different(again(account()).compared(COUNTS, FIGURES))


@pytest.mark.parametrize("wrong", ["missing", "doubled", "differing", "stray", "pending"])
def test_a_partition_with_one_wrong_row_is_named_and_ends_the_demo(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = again(Account("facts.cases", 0), account(**{wrong: 1}))
    told = found.compared(COUNTS, FIGURES)
    assert told["equal"] == {"counts": True, "indicators": True, "verify": False}
    assert [one["partition"] for one in told["verify"]["partitions"]] == [3]
    assert f"facts.cases/3: 1 {wrong}" in found.text(COUNTS, FIGURES)
    with pytest.raises(SystemExit) as ended:
        end_when_different(told)
    assert ended.value.code == DIFFERENT
    assert "is not the day in one process: verify" in capsys.readouterr().err


def test_other_figures_end_the_demo() -> None:
    told = again(account(), figures="other figures").compared(COUNTS, FIGURES)
    assert told["equal"] == {"counts": True, "indicators": False, "verify": True}
    with pytest.raises(SystemExit):
        end_when_different(told)


def test_the_command_ends_so_after_it_has_told_everything(
    wangge: Wangge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = again(account(missing=1))
    monkeypatch.setattr(demo_kafka, "play_again", lambda *_: lacking)
    ended = wangge("demo", "--kafka", "--broker", "kafka:9092", "--scale", 0.05, "--out", tmp_path)
    assert ended.code == DIFFERENT
    assert "facts.cases/3: 1 missing" in ended.out
    assert "is not the day in one process: counts, indicators, verify" in ended.err
