"""How departments and citizens of a city behave: rates for all, and each department's own temper."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.simulation import kinds
from pipeline.simulation.city import City
from pipeline.simulation.dice import chance
from pipeline.simulation.switches import Switches

RATES = (
    "refusal", "buck_passing", "return_loops", "push_down_deadlock", "late_handling", "rework", "silent_department",
    "emergency_bad_followup", "ownerless_idle", "survey_answered", "dissatisfied",
)  # fmt: skip


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """Rates by name, and departments' own where they differ. Every decision is derived from ``seed``."""

    seed: int
    rates: dict[str, float]
    departments: dict[str, dict[str, float]] = {}

    def rate(self, name: str, department: str = "") -> float:
        """The rate of a department, else the common one; 0 when there is none."""
        own = self.departments.get(department)
        return own[name] if own is not None and name in own else self.rates.get(name, 0.0)

    def to_json(self) -> bytes:
        """As kept in ``behaviour.json``."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=1) + b"\n"

    @classmethod
    def load(cls, path: Path) -> Behaviour:
        """Read ``behaviour.json``. Raises ``msgspec.ValidationError`` when it is none."""
        return msgspec.json.decode(path.read_bytes(), type=cls)


def behaviour_of(city: City, switches: Switches) -> Behaviour:
    """The common rates are the switches; every department has from half to double of some of them."""
    rates = {name: float(getattr(switches, name)) for name in RATES}
    owners = {kind.owner for kind in kinds.KINDS if kind.owner} | {street.office for street in city.streets}
    own = {
        owner: {
            name: round(min(1.0, rates[name] * (0.5 + 1.5 * chance(city.seed, "temper", owner, name))), 4)
            for name in ("refusal", "late_handling", "rework", "silent_department")
        }
        for owner in sorted(owners)
    }
    return Behaviour(seed=city.seed, rates=rates, departments=own)
