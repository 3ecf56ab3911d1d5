"""Screen a report: does it keep its contract, and what must not travel any further?

Refused (quarantine, with field, value and remedy): times in the future or before 2000, not-a-number, impossible
coordinates, over-size, missing identity. Mended with a flag: missing or meaningless place, swapped axes, control
characters, blanks, coarse coordinates, a report that names itself. Personal data never leaves this stage: the reporter
becomes a keyed pseudonym, the door a keyed address, and the texts are redacted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from math import isfinite
from operator import itemgetter
from typing import Any

import msgspec

from pipeline.domain.geo.datum import Datum, to_wgs84
from pipeline.domain.geo.places import LEAST_DECIMALS, decimals, inside
from pipeline.domain.ids import report_id
from pipeline.domain.privacy import address_key, generalise_address, person_key, redacted, redacted_label
from pipeline.domain.text import blank_to_none, clean, is_clean, order_numbers
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Channel, Millis
from pipeline.events.intake import ScreenedReport
from pipeline.events.records import Arrival, Body, Evidence, Origin
from pipeline.stages.duty_conditions import answers_of
from pipeline.stages.signs import sign_all

TRANSPORT = frozenset({"received_at", "sent_at", "extra"})
"""Fields that may differ between two deliveries of one record."""
YEAR_2000: Millis = 946_684_800_000
DATUMS = {"WGS84": Datum.WGS84, "CGCS2000": Datum.CGCS2000, "GCJ02": Datum.GCJ02, "BD09": Datum.BD09}
"""Datums of the contract; an unknown one is read as WGS-84 and flagged."""
_pack = msgspec.msgpack.Encoder().encode
_CONTENT = blake2b(digest_size=7)


@dataclass(frozen=True, slots=True)
class ScreenPolicy:
    """What screening needs to know of the city. ``key`` is the secret of the pseudonyms; it is not kept anywhere."""

    key: bytes
    bounding_box: tuple[float, float, float, float] = (-180.0, -90.0, 180.0, 90.0)
    default_points: frozenset[tuple[float, float]] = frozenset({(0.0, 0.0)})
    tolerance_ms: Millis = 5 * 60_000
    max_lengths: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    lengths: Mapping[str, Lengths] = field(init=False, repr=False, compare=False)
    default_error_m: Mapping[str, float] = field(default_factory=lambda: {"grid-worker": 10.0, "alarm": 1.0})
    usual_error_m: float = 30.0
    asked: tuple[tuple[str, str], ...] = ()
    """The answers that the duty list asks for: name in ``extra`` and value. All else in ``extra`` stays behind."""

    def __post_init__(self) -> None:
        """Make the look at all lengths of a schema ready."""
        lengths = {schema: _lengths_of(limits) for schema, limits in self.max_lengths.items()}
        object.__setattr__(self, "lengths", lengths)


def screen(arrival: Arrival, policy: ScreenPolicy) -> ScreenedReport:
    """The report in its one shape, without personal data. Raises :class:`InvalidRecord`."""
    report = screened(arrival, policy)
    sign_all([report])
    return report


def screened(arrival: Arrival, policy: ScreenPolicy) -> ScreenedReport:
    """What :func:`screen` gives, but for the signs of its texts."""
    body = arrival.body
    assert body is not None
    system, reference = _identity(body)
    received_at = _times(body, arrival, policy)
    _sizes(body, arrival.schema, policy)
    flags: list[str] = []
    channel = _channel(arrival.schema, body)
    title, text = _text(body, "title", flags), _text(body, "text", flags)
    address = blank_to_none(body["address"]) or ""
    lon, lat, error_m = _point(body, channel, policy, flags)
    related = _related(body, reference, text, flags)
    return ScreenedReport(
        report_id=report_id(system, reference),
        channel=channel,
        source_system=system,
        source_ref=reference,
        source_family=body["source_family"],
        origin=Origin(arrival.origin.topic, arrival.origin.partition, arrival.order),
        content_hash=content_hash(body, arrival.schema),
        received_at=received_at,
        occurred_at=body["occurred_at"],
        found_at=body["found_at"],
        sent_at=body["sent_at"],
        lon=lon,
        lat=lat,
        error_m=error_m,
        address=generalise_address(address) if address else "",
        address_key=(address_key(policy.key, address) or "") if address else "",
        area_code=blank_to_none(body["area_code"]) or body.get("grid_code", ""),
        place_name=_label(body, "place_name"),
        title=redacted_label(title) if title else "",
        text=redacted(text) if text else "",
        category_standard=body["category_standard"],
        category_kind=body["category_kind"],
        category_code=blank_to_none(body["category_code"]) or "",
        category_text=_label(body, "category_text"),
        appeal_type=body.get("appeal_type", ""),
        subject_code=body.get("subject_code", ""),
        reporter_key=_reporter(body, address, policy.key),
        reporter_role=body["reporter_role"],
        reporter_unit=body["reporter_unit"],
        reporter_worker=body.get("worker_id", ""),
        component_code=blank_to_none(body["component_code"]) or "",
        device_id=body.get("device_id", ""),
        evidence=_evidence(body, policy.asked),
        photos=len(body["photos"]),
        urgent=body["urgent"],
        drill=body["drill"],
        self_handled=body.get("self_handled", False),
        vulnerable=body["vulnerable"],
        related_refs=related,
        campaign=body["campaign"],
        flags=tuple(flags),
    )


def content_hash(body: Body, schema: str) -> int:
    """What a record says, without the times of its transport: the same id with another value is a conflict."""
    pick = _SAID.get(schema)
    if pick is None:
        pick = _SAID[schema] = itemgetter(*[name for name in body if name not in TRANSPORT])
    state = _CONTENT.copy()
    state.update(_pack(pick(body)))
    return int.from_bytes(state.digest(), "big")


_SAID: dict[str, Callable[[Body], Any]] = {}
"""What picks the values of a schema's fields that make up what a record says (all readers give the same fields)."""


def _identity(body: Body) -> tuple[str, str]:
    for name in ("source_system", "source_ref"):
        if not body[name].strip():
            raise InvalidRecord(
                Reason.MISSING_FIELD, name, body[name], "give the system and its own number of the report"
            )
    return body["source_system"], body["source_ref"]


def _times(body: Body, arrival: Arrival, policy: ScreenPolicy) -> Millis:
    received: Millis = body["received_at"]
    latest = arrival.appended_at + policy.tolerance_ms
    _time("received_at", received, latest)
    for name in ("occurred_at", "found_at", "sent_at"):
        value = body[name]
        if value is not None:
            _time(name, value, received + policy.tolerance_ms)
    return received


def _time(name: str, value: Millis, latest: Millis) -> None:
    if value < YEAR_2000:
        raise InvalidRecord(Reason.ANCIENT_TIME, name, value, "times before 2000 are a fault of the sender's clock")
    if value > latest:
        raise InvalidRecord(
            Reason.FUTURE_TIME, name, value, "the time lies after it was received: set the sender's clock"
        )


Pick = Callable[[Body], tuple[Any, ...]]
Lengths = tuple[Pick, int, Pick, int]
"""Picks the fields that are short as a rule and tells the smallest of their caps; the same for the others."""
LONG = frozenset({"text", "title", "address", "category_text", "place_name"})
"""Fields that may be long, and together are shorter than the smallest of their caps as a rule."""


def _sizes(body: Body, schema: str, policy: ScreenPolicy) -> None:
    """A look at all lengths at once; only a record that has a long field is asked field by field."""
    lengths = policy.lengths.get(schema)
    if lengths is None:
        return
    short, least, long, least_of_long = lengths
    if max(map(len, short(body))) <= least and sum(map(len, long(body))) <= least_of_long:
        return
    for name, limit in policy.max_lengths[schema].items():
        if len(body[name]) > limit:
            raise InvalidRecord(Reason.OVERSIZE, name, f"{len(body[name])} long", f"at most {limit}")


def _lengths_of(limits: Mapping[str, int]) -> Lengths:
    """Each field that is short as a rule must stay below the smallest cap of all of them, the others together below
    the smallest of theirs.

    The first short field is picked twice and all long ones are there, so that a pick always gives a tuple.
    """
    short = {name: limit for name, limit in limits.items() if name not in LONG}
    names, long = list(short), sorted(LONG)
    least_of_long = min([limits[name] for name in long if name in limits], default=0)
    return itemgetter(names[0], *names), min(short.values()), itemgetter(*long), least_of_long


def _channel(schema: str, body: Body) -> str:
    if schema == "GridWorkerReport":
        return Channel.GRID_WORKER
    if schema == "HotlineOrder":
        return Channel.HOTLINE
    return blank_to_none(body["channel"]) or "unknown"


def _label(body: Body, name: str) -> str:
    """A short text that is no report of its own, redacted."""
    return redacted_label(blank_to_none(body[name]) or "") if body[name] else ""


def _text(body: Body, name: str, flags: list[str]) -> str:
    said: str = body[name]
    if is_clean(said):
        return blank_to_none(said) or ""
    cleaned = clean(said)
    if cleaned.had_control and "control_characters" not in flags:
        flags.append("control_characters")
    return blank_to_none(cleaned.text) or ""


def _point(
    body: Body, channel: str, policy: ScreenPolicy, flags: list[str]
) -> tuple[float | None, float | None, float | None]:
    lon, lat = body["lon"], body["lat"]
    if lon is None or lat is None:
        flags.append("no_coordinates")
        return None, None, None
    if not (isfinite(lon) and isfinite(lat)):
        raise InvalidRecord(Reason.NOT_A_NUMBER, "lon, lat", (lon, lat), "leave the place out when it is not known")
    lon, lat = _axes(lon, lat, policy.bounding_box, flags)
    if (lon, lat) in policy.default_points or (lon == 0.0 and lat == 0.0):
        flags.append("default_point")
        return None, None, None
    coarse = decimals(lon, lat) < LEAST_DECIMALS
    datum = DATUMS.get(body["datum"])
    if datum is None:
        flags.append("unknown_datum")
    elif datum is not Datum.WGS84:
        lon, lat = to_wgs84(lon, lat, datum)
    if coarse or not inside(lon, lat, policy.bounding_box):
        flags.append("coarse_coordinates" if inside(lon, lat, policy.bounding_box) else "outside_city")
        return None, None, None
    return lon, lat, _error(body["error_m"], channel, policy)


def _axes(lon: float, lat: float, box: tuple[float, float, float, float], flags: list[str]) -> tuple[float, float]:
    """Swapped axes are mended when the swapped point lies in the city and the given one does not."""
    if not inside(lon, lat, box) and inside(lat, lon, box):
        flags.append("axes_swapped")
        return lat, lon
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        raise InvalidRecord(
            Reason.IMPOSSIBLE_COORDINATES, "lon, lat", (lon, lat), "degrees: lon -180..180, lat -90..90"
        )
    return lon, lat


def _error(stated: float | None, channel: str, policy: ScreenPolicy) -> float:
    if stated is not None and isfinite(stated) and stated >= 0:
        return stated
    return policy.default_error_m.get(channel, policy.usual_error_m)


def _related(body: Body, own: str, text: str, flags: list[str]) -> tuple[str, ...]:
    named = [*body["related_refs"], *order_numbers(text)] if body["related_refs"] or text else []
    if own in named:
        flags.append("names_itself")
    return tuple(dict.fromkeys(ref for ref in named if ref and ref != own))


def _reporter(body: Body, address: str, key: bytes) -> str:
    phone, person, name = body["reporter_phone"], body["reporter_id"], body["reporter_name"]
    if not (phone or person or name):
        return ""
    person, name = blank_to_none(person), blank_to_none(name)  # "-" is nobody, not one person who reports a lot
    return person_key(key, phone=phone, identity=person, name=name, address=address) or ""


def _evidence(body: Body, asked: tuple[tuple[str, str], ...]) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    for item in body["evidence"]:
        if not isfinite(item["value"]):
            raise InvalidRecord(Reason.NOT_A_NUMBER, "evidence", item, "leave a value out when it was not measured")
        found.append(Evidence(measure=item["measure"], value=item["value"], unit=item["unit"]))
    return (*found, *answers_of(body["extra"], asked)) if asked else tuple(found)
