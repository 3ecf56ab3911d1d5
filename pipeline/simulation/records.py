"""Records as the simulation makes them, with their truth; channels, their shares and their errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.simulation.lattice import Point

Body = dict[str, Any]

SYSTEMS = {
    "grid-worker": ("grid-terminal", "gov_dept", "GW"),
    "hotline": ("hotline-12345", "public_service", "RX"),
    "police-110": ("police-110", "political_legal", "JQ"),
    "citizen-app": ("citizen-app", "citizen_upload", "SM"),
    "chat-group": ("chat-group", "citizen_upload", "QL"),
    "media": ("media-watch", "public_service", "MT"),
    "leader": ("leader-line", "gov_dept", "LD"),
    "platform": ("zongzhi-platform", "political_legal", "ZZ"),
    "video-ai": ("video-ai", "gov_dept", "AI"),
}
"""Channel to source system, family and the letters its order numbers begin with."""
SIGMA_M = {
    "grid-worker": 6.0,
    "hotline": 30.0,
    "police-110": 25.0,
    "citizen-app": 12.0,
    "chat-group": 40.0,
    "media": 60.0,
    "leader": 40.0,
    "platform": 15.0,
    "video-ai": 4.0,
}
"""Place error of each channel, 1 sigma (assumed)."""
NETS = {
    "grid-worker": 0.42,
    "hotline": 0.33,
    "citizen-app": 0.08,
    "video-ai": 0.05,
    "chat-group": 0.04,
    "police-110": 0.03,
    "platform": 0.025,
    "leader": 0.01,
    "media": 0.005,
}
"""Which net meets a problem first (assumed)."""
OTHERS = {name: share for name, share in NETS.items() if name not in ("grid-worker", "video-ai")}
SEEN_BY_VIDEO = frozenset(
    ["rubbish", "debris", "stall", "hawker", "outside-shop", "car-parking", "bike-parking", "shared-bike", "ponding"]
)
NEWER_LIST_FROM = 1_782_835_200_000
"""2026-07-01 in Shanghai: GB/T 47678.5-2026 comes into force."""


@dataclass(slots=True)
class Made:
    """One record for an input file, with its truth."""

    channel: str
    body: Body
    problem: str
    point: Point | None
    errors: list[str] = field(default_factory=list)
    expected: str = ""
    private: list[tuple[str, str]] = field(default_factory=list)
    copy: int = 0

    @property
    def received_at(self) -> int:
        """When the platform got it."""
        return int(self.body["received_at"])


@dataclass(frozen=True, slots=True)
class Misconduct:
    """Something somebody did that the pipeline ought to bring to light."""

    who: str
    what: str
    at: int
    detail: str


Emitted = Made | Misconduct


ONLY_MEASURED = frozenset(("rubbish", "stall", "bin-full", "shared-bike"))
"""Kinds with no observed condition beside the measured one: a value under the threshold decides alone."""
UNSURE = frozenset(("ponding", "noise", "site-noise", "pothole"))
"""Kinds with several measured conditions: what becomes of a report is not certain from one value."""


def patrol_ref(day: int, grid: str, half: int) -> str:
    """Number of the log of a walk: half 0 is the morning's, 1 the afternoon's."""
    return f"PT{day:03d}-{grid}-{half}"
