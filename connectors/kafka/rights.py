"""What Kafka does not let a user do, said alike whichever client heard it: their error codes are Kafka's."""

from __future__ import annotations

from pipeline.errors import Fault, Refused

KINDS = {29: "topic", 30: "group", 31: "cluster", 53: "transactional id", 65: "delegation token"}
"""What an error code of the broker says may not be used."""


def refused(code: int, user: str, what: str, said: str) -> Refused | None:
    """The exception for an error code of the broker while ``user`` did ``what`` (a topic, as a rule).

    ``None`` when the code says nothing about rights. ``said`` are the client's own words.
    """
    kind = KINDS.get(code)
    if kind is None:
        return None
    entries = "`wangge topics plan --acls` lists the entries that are missing, `apply --acls` adds them"
    remedy = f"Kafka refuses the {kind}: ask for the access of this user to {what}; {entries} ({said})"
    return Refused([Fault("kafka", "WANGGE_KAFKA_USER", user, remedy)])
