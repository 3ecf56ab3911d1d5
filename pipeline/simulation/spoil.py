"""Records in poor order: places missing or wrong, codes nobody knows, dirty values, and a few that must be refused."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random

from pipeline.domain.geo.datum import Datum, from_wgs84
from pipeline.simulation.dice import dice
from pipeline.simulation.records import Made
from pipeline.simulation.switches import Switches

DEFAULT_POINT = (121.4737, 31.2304)
"""The point that one of the simulated sources writes when it knows no place (named in ``city.toml``)."""


def spoiled(seed: int, switches: Switches, made: Made) -> Iterator[Made]:
    """The record as it is really delivered, with its copies. What is wrong with it is added to ``errors``."""
    rng = dice(seed, "spoil", made.body["source_system"], made.body["source_ref"])
    _place(rng, switches, made)
    if rng.random() < switches.unknown_category:
        made.body |= {
            "category_standard": "",
            "category_kind": "incident",
            "category_code": rng.choice(("99999", "X12")),
        }
        made.errors.append("unknown_category")
    if rng.random() < switches.dirty_values:
        _dirty(rng, made)
    if rng.random() < switches.refused_records:
        yield from _refused(rng, made)
        return
    yield made
    if rng.random() < switches.redelivered:
        again = deepcopy(made)
        again.copy, again.expected = 1, "logged:redelivered"
        again.errors.append("redelivered")
        yield again


def _place(rng: Random, switches: Switches, made: Made) -> None:
    body = made.body
    if body.get("lon") is None:
        return
    draw = rng.random()
    if draw < switches.missing_place:
        body["lon"] = body["lat"] = body["error_m"] = None
        if rng.random() < 0.5:
            body["address"] = body["place_name"] = ""
        _lost(made, "missing_place")
    elif draw < switches.missing_place + switches.bad_place:
        _BAD_PLACES[rng.randrange(len(_BAD_PLACES))](made)


def _lost(made: Made, error: str) -> None:
    """The place is gone: what becomes of the record is no longer certain."""
    made.errors.append(error)
    if not made.expected.startswith("logged:drill"):
        made.expected = ""


def _zero(made: Made) -> None:
    made.body |= {"lon": 0.0, "lat": 0.0}
    _lost(made, "zero_point")


def _default(made: Made) -> None:
    made.body |= {"lon": DEFAULT_POINT[0], "lat": DEFAULT_POINT[1]}
    _lost(made, "default_point")


def _swapped(made: Made) -> None:
    made.body["lon"], made.body["lat"] = made.body["lat"], made.body["lon"]
    made.errors.append("swapped_axes")


def _gcj02(made: Made) -> None:
    lon, lat = from_wgs84(made.body["lon"], made.body["lat"], Datum.GCJ02)
    made.body |= {"lon": round(lon, 6), "lat": round(lat, 6), "datum": "GCJ02"}
    made.errors.append("gcj02")


def _coarse(made: Made) -> None:
    made.body |= {"lon": round(made.body["lon"], 2), "lat": round(made.body["lat"], 2)}
    _lost(made, "coarse_coordinates")


def _outside(made: Made) -> None:
    made.body |= {"lon": round(made.body["lon"] - 3.0, 6)}
    _lost(made, "outside_city")


_BAD_PLACES = (_zero, _default, _swapped, _gcj02, _coarse, _outside)


def _dirty(rng: Random, made: Made) -> None:
    body = made.body
    draw = rng.randrange(4)
    if draw == 0:
        body |= {
            "place_name": "-",
            "category_text": " - ",
            "component_code": "-" if not body.get("component_code") else body["component_code"],
        }
        made.errors.append("dash_values")
    elif draw == 1:
        body |= {"title": "   ", "place_name": "  "}
        made.errors.append("blank_values")
    elif draw == 2:
        text = str(body.get("text", ""))
        body["text"] = text[:4] + "\x00\x07" + text[4:] + "\x1b"
        made.errors.append("control_characters")
    else:
        body["related_refs"] = [*body.get("related_refs", ()), body["source_ref"]]
        made.errors.append("names_itself")


def _refused(rng: Random, made: Made) -> Iterator[Made]:
    """One fault that a contract must refuse; a conflict of content needs the first record beside it."""
    body = made.body
    fault = rng.randrange(7)
    if fault == 6:
        yield made
        other = deepcopy(made)
        other.body["text"] = "内容已被替换：" + str(body.get("text", ""))[::-1]
        other.body["received_at"] += 60_000
        other.copy = 1
        yield _sent_back(other, "conflicting_content")
        return
    reason = ("future_time", "ancient_time", "not_a_number", "oversize", "missing_field", "impossible_coordinates")[
        fault
    ]
    body |= (
        {"found_at": body["received_at"] + 40 * 86_400_000},
        {"found_at": 883_612_800_000},
        {"lon": float("nan"), "lat": 31.2},
        {"text": "字" * 20_500},
        {"source_ref": ""},
        {"lon": 777.0, "lat": 31.2},
    )[fault]  # fmt: skip
    yield _sent_back(made, reason)


def _sent_back(made: Made, reason: str) -> Made:
    made.errors.append(reason)
    made.expected = f"quarantined:{reason}"
    return made
