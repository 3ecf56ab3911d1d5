"""The key of pseudonyms: another key for a store is noticed, a useless one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigFaults, StopRun
from pipeline.runtime.workspace import StoreFacts, Workspace
from pipeline.settings import settings_from


def facts(key: str) -> StoreFacts:
    mark = settings_from({"WANGGE_HMAC_KEY": key}).key_mark
    return StoreFacts(reference_version="v", poll_records=1, polls_per_commit=1, partitions=1, key_mark=mark)


def test_another_key_is_refused_and_the_same_is_taken(tmp_path: Path) -> None:
    with Workspace(tmp_path / "s") as store:
        store.agree(facts("first key of sixteen"))
        assert store.agree(facts("first key of sixteen")).key_mark
        with pytest.raises(StopRun, match="another key"):
            store.agree(facts("another key of sixteen"))


def test_the_mark_gives_nothing_of_the_key_away() -> None:
    settings = settings_from({"WANGGE_HMAC_KEY": "first key of sixteen"})
    assert "first" not in settings.key_mark
    assert settings.key_mark != settings_from({"WANGGE_HMAC_KEY": "first key of sixteem"}).key_mark


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        pytest.param(15, False, id="too short"),
        pytest.param(16, True, id="the least"),
        pytest.param(64, True, id="the most"),
        pytest.param(65, False, id="too long"),
    ],
)
def test_a_key_has_a_size(size: int, fits: bool) -> None:
    if fits:
        assert settings_from({"WANGGE_HMAC_KEY": "k" * size}).key_is_secret
    else:
        with pytest.raises(ConfigFaults, match="16 to 64 bytes"):
            settings_from({"WANGGE_HMAC_KEY": "k" * size})
