"""Points in time on the command line, and the places of a backfill."""

from __future__ import annotations

import pytest

from pipeline.commands.backfill_fill import later, offsets_of
from pipeline.commands.options import at_text, moment
from pipeline.errors import ConfigFaults

NOW = 1_773_590_400_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("2026-03-16T00:00:00+08:00", NOW, id="with a zone"),
        pytest.param("2026-03-15T16:00:00Z", NOW, id="in UTC"),
        pytest.param("2026-03-16T00:00:00.5+08:00", NOW + 500, id="parts of a second"),
        pytest.param("90m", NOW - 5_400_000, id="minutes ago"),
        pytest.param("36h", NOW - 129_600_000, id="hours ago"),
        pytest.param("14d", NOW - 1_209_600_000, id="days ago"),
        pytest.param("", None, id="not given"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_a_moment_is_read(text: str | None, at: int | None) -> None:
    assert moment("--from", text, NOW) == at


@pytest.mark.parametrize("text", ["2026-03-16T00:00:00", "2026-03-16", "yesterday", "-5m", "5", "٥m", "9999999d"])
def test_a_moment_without_zone_or_sense_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(ConfigFaults, match=r"--from = .*write 2026-03-16T08:00:00\+08:00"):
        moment("--from", text, NOW)


def test_a_moment_is_shown_in_utc() -> None:
    assert (at_text(NOW), at_text(None)) == ("2026-03-15T16:00:00+00:00", "-")


def test_offsets_are_read_and_what_is_none_is_refused() -> None:
    assert offsets_of("--from-offset", ("facts.cases/0=12", "actions.water/3=0")) == {
        "facts.cases/0": 12, "actions.water/3": 0,
    }  # fmt: skip
    for text in ("facts.cases=12", "facts.cases/0", "facts.cases/0=-1", "facts.cases/x=1", ""):
        with pytest.raises(ConfigFaults, match="TOPIC/PARTITION=N"):
            offsets_of("--from-offset", (text,))


def test_stopping_at_a_time_that_has_been_is_refused() -> None:
    assert later("--stop-at", "2026-03-16T00:00:01+08:00", NOW) == NOW + 1_000
    assert later("--stop-at", None, NOW) is None
    with pytest.raises(ConfigFaults, match="still to come"):
        later("--stop-at", "2026-03-16T00:00:00+08:00", NOW)
