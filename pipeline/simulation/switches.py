"""The behaviours a simulated city can show, as switches: name, rate, meaning.

The texts that describe them name the behaviours and give no numbers, so every rate here is *assumed*; the few sizes
that are stated (unit grid of about 100 m, 300 to 500 households a grid) are marked ``stated``. A switch at 0 is off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pipeline.errors import ConfigFaults, Fault


def _rate(default: float, meaning: str, *, unit: str = "share", status: str = "assumed", top: float = 1.0) -> Any:
    return field(default=default, metadata={"meaning": meaning, "unit": unit, "status": status, "top": top})


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """One field a behaviour. Shares lie in 0..1; other units are named. Unknown or impossible values never start."""

    volume: float = _rate(1.0, "multiplies the number of problems a day", unit="factor", top=100.0)
    # What grids and their workers do
    grid_under_reporting: float = _rate(0.35, "problems a patrol saw but the grid kept to itself")
    late_reports: float = _rate(0.10, "grid reports sent one to three days after the find")
    inaccurate_reports: float = _rate(0.08, "grid reports with a wrong place (60-200 m off) or a wrong category")
    border_dead_strip: float = _rate(0.60, "problems that patrols overlook inside the strip along a grid border")
    dead_strip_m: float = _rate(15.0, "half width of that strip", unit="m", top=50.0)
    quota_hugging: float = _rate(0.15, "workers who fill up with trifles to exactly the daily quota")
    daily_quota: float = _rate(4, "reports a day that the quota asks of a worker", unit="reports", top=50.0)
    patrol_padding: float = _rate(0.06, "patrol logs that claim a walk nobody made (far too fast, nothing found)")
    self_handled: float = _rate(0.12, "easy finds that the worker settles on the spot and only records")
    staff_turnover: float = _rate(0.004, "workers who leave or move on a day", unit="share a day")
    vacant_grids: float = _rate(0.05, "responsibility grids with nobody in post")
    two_grids_per_worker: float = _rate(0.30, "workers who carry two grids", status="stated: near 2 where short-handed")
    grid_redivision: float = _rate(1, "streets whose unit grids are divided anew half way", unit="streets", top=50.0)
    # How reports come in
    location_error: float = _rate(1.0, "multiplies each channel's place error (sigma 4-60 m)", unit="factor", top=10)
    duplicate_reports: float = _rate(0.30, "problems that further nets and channels report again")
    border_pairs: float = _rate(0.02, "problems on a grid border reported from both sides, a few metres apart")
    tile_pairs: float = _rate(0.01, "the same on the border of two tiles of the key space")
    named_duplicates: float = _rate(0.15, "repeat reports that name the other system's order number")
    recurring_problems: float = _rate(0.08, "problems at chronic sites that come back every 2 to 6 days")
    ownerless_idle: float = _rate(0.02, "problems that nobody owns, complained of again and again and left idle")
    emergencies: float = _rate(0.012, "problems that are emergencies")
    emergency_bad_followup: float = _rate(0.20, "emergencies made safe on paper whose cause is never followed up")
    complaint_after_closing: float = _rate(0.05, "hotline callers who complain again two to five days later")
    easy_reprocessing: float = _rate(0.04, "easy matters a department reports and settles again and again")
    law_overlap: float = _rate(0.50, "road occupation cases under several laws at once (the text says so)")
    area_thresholds: float = _rate(1, "1: towns and villages file by their own thresholds", unit="on/off")
    # What departments and citizens answer (closed loop)
    refusal: float = _rate(0.05, "assignments a department rightly or wrongly refuses once")
    buck_passing: float = _rate(0.06, "cases that departments hand on by refusing, whoever gets them")
    return_loops: float = _rate(0.40, "handed-on cases whose next departments refuse as well, without an end")
    push_down_deadlock: float = _rate(0.04, "cases pushed down to the street, which can do nothing and stays silent")
    late_handling: float = _rate(0.15, "assignments handled after they were due")
    rework: float = _rate(0.08, "handlings that fail the check")
    silent_department: float = _rate(0.03, "assignments that get no answer at all")
    survey_answered: float = _rate(0.60, "citizens who answer the follow-up")
    dissatisfied: float = _rate(0.18, "of those, dissatisfied ones")
    # Reports that are no fault to mend, or no report at all
    consultations: float = _rate(0.06, "hotline orders that only ask", unit="share of reports")
    praise_and_suggestions: float = _rate(0.03, "thanks, praise and suggestions", unit="share of reports")
    out_of_scope: float = _rate(0.02, "matters for 110, 119, courts and others", unit="share of reports")
    disputes: float = _rate(0.03, "quarrels between people", unit="share of reports")
    drills: float = _rate(0.003, "exercises", unit="share of reports")
    below_standard: float = _rate(0.12, "measured reports under the filing threshold", unit="share of measured")
    unmeasured: float = _rate(0.25, "reports of measurable matters without a measured value", unit="share of measured")
    # Records in poor order
    missing_place: float = _rate(0.04, "no coordinates at all", unit="share of reports")
    bad_place: float = _rate(
        0.02, "(0,0), default point, swapped axes, GCJ-02, coarse, outside", unit="share of reports"
    )
    gazetteer_missing: float = _rate(0.10, "places that people name and the gazetteer lacks", unit="share of places")
    unknown_category: float = _rate(0.01, "category codes nobody knows", unit="share of reports")
    dirty_values: float = _rate(0.02, "'-', blanks, control characters, own parent", unit="share of reports")
    personal_details: float = _rate(0.15, "texts with names, phones, plates, doors", unit="share of reports")
    typos: float = _rate(0.05, "texts with typing errors or full-width forms", unit="share of reports")
    refused_records: float = _rate(0.004, "records that break their contract", unit="share of reports")
    redelivered: float = _rate(0.01, "records delivered twice, unchanged", unit="share of reports")
    sensor_faults: float = _rate(0.02, "devices silent for hours, or unknown to the register", unit="share of devices")

    def __post_init__(self) -> None:
        """Refuse values outside their range, all at once."""
        faults = [
            Fault(f"switch {item.name}", "value", str(value), f"give a number from 0 to {item.metadata['top']:g}")
            for item in fields(self)
            if not 0 <= (value := getattr(self, item.name)) <= item.metadata["top"]
        ]
        if faults:
            raise ConfigFaults(faults)

    @classmethod
    def from_pairs(cls, pairs: Iterable[str]) -> Switches:
        """Read ``name=value`` words. Raises :class:`ConfigFaults` with every unknown name and bad value at once.

        The word ``off`` turns every behaviour off first (``volume`` and sizes stay), so that single ones can be seen.
        """
        names = {item.name for item in fields(cls)}
        values: dict[str, float] = {}
        faults: list[Fault] = []
        for pair in pairs:
            name, _, text = pair.partition("=")
            if pair == "off":
                values = {**OFF, **values}
            elif name not in names:
                faults.append(Fault("switches", "name", name, f"use one of {', '.join(sorted(names))}, or 'off'"))
            else:
                _read_number(name, text, values, faults)
        try:
            made = cls(**values)
        except ConfigFaults as error:
            faults += error.faults
        if faults:
            raise ConfigFaults(faults)
        return made

    @classmethod
    def all_off(cls, **values: float) -> Switches:
        """No behaviour but those given."""
        return cls(**{**OFF, **values})

    def describe(self) -> list[dict[str, Any]]:
        """A row per switch for help and documentation: name, rate, default, unit, assumed or stated, meaning."""
        return [
            {"name": item.name, "rate": getattr(self, item.name), "default": item.default}
            | {name: item.metadata[name] for name in ("unit", "status", "meaning")}
            for item in fields(self)
        ]

    def as_json(self) -> str:
        """The settings as they are kept with the truth."""
        return json.dumps(asdict(self), indent=1) + "\n"


OFF = {
    item.name: 0.0
    for item in fields(Switches)
    if item.name not in {"volume", "dead_strip_m", "daily_quota", "survey_answered"}
}


def _read_number(name: str, text: str, values: dict[str, float], faults: list[Fault]) -> None:
    try:
        values[name] = float(text)
    except ValueError:
        faults.append(Fault(f"switch {name}", "value", text, f"give a number, for example {name}=0.1"))
