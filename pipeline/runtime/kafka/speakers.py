"""Which unit speaks on a topic of actions: who may write there is all that Kafka knows of a sender."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from pipeline.events.casework import CaseAction
from pipeline.runtime.kafka.lanes import ACTIONS, TRIAGE
from schemas.topics import topics


class Speakers:
    """The unit of each topic of actions."""

    def __init__(self, departments: Iterable[str]) -> None:
        named = topics()["actions.<department>"].named
        self._units = {named(unit): unit for unit in departments}

    def named(self, topic: str, action: CaseAction) -> tuple[CaseAction, str]:
        """The action with the unit of its topic where it names none, and why it may not name the one it does ("").

        Units without a topic of their own act through the desk for what nobody owns, which may name anyone.
        """
        unit = self._units.get(topic, topic.removeprefix(ACTIONS))
        if not action.actor_unit:
            return replace(action, actor_unit=unit), ""
        if action.actor_unit == unit or unit == TRIAGE:
            return action, ""
        return action, f"{unit!r} may not act in the name of {action.actor_unit!r}: leave actor_unit out"
