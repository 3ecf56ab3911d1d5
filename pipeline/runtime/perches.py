"""Which channels canaries are sent by: our own schemas, and every mapping file without further ado."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import ConfigFaults, Fault, InvalidRecord
from pipeline.events.base import Millis
from pipeline.events.records import READINGS_SCHEMA
from pipeline.runtime.birds import Bird, Perch, bird
from schemas.mapping import Mapping, shipped

LANE_OF = {"GridWorkerReport": "grid-worker", "HotlineOrder": "hotline", "Report": "other", READINGS_SCHEMA: "sensor"}
"""The schemas that a canary can have, and the way in of each. A record of any other would change something."""
BUILT_IN = (
    Perch("grid-worker", "grid-worker", "GridWorkerReport"), Perch("hotline", "hotline", "HotlineOrder"),
    Perch("report", "other", "Report"), Perch("urgent", "urgent", "Report"), Perch("sensor", "sensor", READINGS_SCHEMA),
)  # fmt: skip
"""Records that come written in our own schemas, without a mapping."""
_SOME_DEVICE = "any"
"""Where a canary is only tried, no device is needed."""


@dataclass(frozen=True)
class Wish:
    """Which canaries are wanted: those of some channels and those of some ways in; without either all of them."""

    channels: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ()
    mappings: tuple[str, ...] = ()
    """Mapping files beside the shipped ones: further channels to choose from."""
    device: str = ""
    """A registered device, without which no canary goes the way of sensors."""

    def may_mean(self, channel: str) -> bool:
        """Whether a channel may be wanted as long as its way in is not known."""
        return bool(self.lanes) or not self.channels or channel in self.channels

    def means(self, perch: Perch) -> bool:
        """Whether a channel is wanted."""
        return not (self.lanes or self.channels) or perch.channel in self.channels or perch.lane in self.lanes


def perches(wish: Wish, now: Millis) -> tuple[Perch, ...]:
    """The channels that are wanted. The canary of each is made once, as of ``now``, to see that it can be.

    Raises :class:`ConfigFaults` with every fault of what was named and of the mapping files that are needed.
    """
    known, faults = _known(wish.mappings)
    for name in wish.channels:
        if name not in known:
            faults.append(Fault("arguments", "--channel", name, f"name one of {', '.join(known)}"))
    found: list[Perch] = []
    for one in known.values():
        if wish.may_mean(one.channel):
            try:
                found += filter(wish.means, _tried(one, now, wish))
            except ConfigFaults as bad:
                faults += bad.faults
    faults += _faults_of_device(wish, found)
    if faults:
        raise ConfigFaults(faults)
    return tuple(one for one in found if one.lane != "sensor" or wish.device)


def _known(files: Sequence[str]) -> tuple[dict[str, Perch], list[Fault]]:
    """Channels by name, the ways of mapped ones not known yet. A mapping takes the place of a built-in of its name."""
    known = {one.channel: one for one in BUILT_IN} | {name: Perch(name, "", "", name) for name in shipped()}
    faults = []
    for file in files:
        try:
            name = Mapping.load(file).name
        except ConfigFaults as bad:
            faults += bad.faults
            continue
        if name in known and known[name].mapping:
            faults.append(Fault("arguments", "--mapping", file, f"there is a mapping {name}: name yours otherwise"))
        known[name] = Perch(name, "", "", file)
    return known, faults


def _tried(perch: Perch, now: Millis, wish: Wish) -> list[Perch]:
    """The channel with the way its records go; none when they have a schema that no canary can have."""
    schema = Mapping.load(perch.mapping).schema if perch.mapping else perch.schema
    if schema not in LANE_OF:
        if perch.channel in wish.channels:
            raise ConfigFaults([Fault("arguments", "--channel", perch.channel, f"no canary can be a {schema}")])
        return []
    made = _made(perch._replace(schema=schema), now, wish.device)
    if not perch.mapping:
        return [perch]
    lane = "urgent" if made.fields.get("urgent") else LANE_OF[schema]
    if any(one.channel == perch.channel and one.lane != lane for one in BUILT_IN):
        remedy = "a channel without mapping has this name and another way in: name the mapping otherwise"
        raise ConfigFaults([Fault(perch.mapping, "name", perch.channel, remedy)])
    return [perch._replace(schema=schema, lane=lane)]


def _made(perch: Perch, now: Millis, device: str) -> Bird:
    """The canary as it would be sent. Raises :class:`ConfigFaults` with what of the mapping or the device is wrong."""
    try:
        return bird(perch, now, device or _SOME_DEVICE)
    except InvalidRecord as fault:
        told = ("arguments", "--device") if device and fault.field == "device_id" else (perch.mapping, fault.field)
        raise ConfigFaults([Fault(*told, fault.value, fault.remedy)]) from fault


def _faults_of_device(wish: Wish, found: Sequence[Perch]) -> list[Fault]:
    """What was asked for by name and needs a device that was not named."""
    named = [one.channel for one in found if one.lane == "sensor" and one.channel in wish.channels]
    asked = [*(["the lane sensor"] if "sensor" in wish.lanes else []), *named]
    if wish.device or not asked:
        return []
    return [Fault("arguments", "--device", "", f"name a registered device for {', '.join(asked)}")]
