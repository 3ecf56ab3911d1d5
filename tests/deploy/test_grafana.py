"""The dashboards as files: made of the data, whole, and provisioned with the sources they name."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.boards import BOARDS, CLICKHOUSE, FOLDER, PROMETHEUS, SHOWN, WIDTH, texts

PROVISIONING = FOLDER.parent / "provisioning"


def panels(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["panels"]
    return found


def test_the_files_are_what_the_data_gives() -> None:
    assert {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.json"))} == dict(
        sorted(texts().items())
    )


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_lie_on_each_other_and_none_is_without_a_query(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(name):
        grid = panel["gridPos"]
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        assert cells & taken == set(), panel["title"]
        assert grid["x"] + grid["w"] <= WIDTH
        taken |= cells
        assert panel["type"] == "row" or panel["targets"]
    assert len({panel["id"] for panel in panels(name)}) == len(panels(name))


@pytest.mark.parametrize("name", BOARDS)
def test_every_source_that_a_dashboard_names_is_provisioned(name: str) -> None:
    given = yaml.safe_load((PROVISIONING / "datasources" / "wangge.yml").read_text("utf-8"))["datasources"]
    known = [{"type": source["type"], "uid": source["uid"]} for source in given]
    assert known == [PROMETHEUS, CLICKHOUSE]
    for panel in panels(name):
        for target in panel.get("targets", []):
            assert target["datasource"] in known


def test_secrets_are_not_in_the_files() -> None:
    text = (PROVISIONING / "datasources" / "wangge.yml").read_text("utf-8")
    assert "password: ${WANGGE_CLICKHOUSE_PASSWORD}" in text


def test_the_dashboards_are_provisioned_as_files() -> None:
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "wangge.yml").read_text("utf-8"))["providers"]
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    assert Path(provider["options"]["path"]).is_absolute()


def test_the_main_table_has_at_least_twelve_indicators() -> None:
    assert len(set(SHOWN)) >= 12
