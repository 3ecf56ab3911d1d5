"""Reports that are no fault to mend: questions, thanks, quarrels, matters for others, drills, quota trifles."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from pipeline.simulation import grammar, kinds, names
from pipeline.simulation.city import City
from pipeline.simulation.clock import HOUR, MINUTE, day_start
from pipeline.simulation.dice import chance, dice
from pipeline.simulation.lattice import Cell
from pipeline.simulation.problems import BY_HOUR
from pipeline.simulation.records import NEWER_LIST_FROM, SYSTEMS, Body, Emitted, Made, Misconduct
from pipeline.simulation.reports import reports_daily
from pipeline.simulation.switches import Switches


def other_reports(city: City, switches: Switches, day: int, start: int) -> Iterator[Emitted]:
    """All of a day."""
    for name, share in (
        ("consult", switches.consultations),
        ("praise", switches.praise_and_suggestions),
        ("beyond", switches.out_of_scope),
        ("dispute", switches.disputes),
        ("drill", switches.drills),
    ):
        for number in range(_count(city, switches, name, day, share)):
            yield _MAKERS[name](city, switches, dice(city.seed, name, day, number), day, number, start)
    yield from _quota_fillers(city, switches, day, start)


def _count(city: City, switches: Switches, name: str, day: int, share: float) -> int:
    exact = reports_daily(city, switches) * share
    return int(exact) + (chance(city.seed, "count", name, day) < exact % 1)


def _base(
    city: City, rng: Random, channel: str, letters: str, day: int, number: int, start: int
) -> tuple[Cell, Body, list[tuple[str, str]]]:
    """A record from somebody at some place and hour, without its words yet."""
    cell = rng.choice(city.cells)
    system, family, _ = SYSTEMS[channel]
    sent = day_start(start, day) + rng.choices(range(24), BY_HOUR)[0] * HOUR + rng.randrange(60 * MINUTE)
    address, place = grammar.where(rng, city, cell)
    body: Body = {
        "source_system": system,
        "source_ref": f"{letters}{day:03d}-{number:06d}",
        "source_family": family,
        "sent_at": sent,
        "received_at": sent + rng.randrange(200, 20_000),
        "address": address,
        "place_name": place,
        "area_code": city.community_of[cell].code,
        "reporter_role": "citizen",
    }
    private: list[tuple[str, str]] = []
    if channel == "hotline":
        body |= {"reporter_name": names.person(rng), "reporter_phone": names.phone(rng)}
        private = [("name", body["reporter_name"]), ("phone", body["reporter_phone"])]
    else:
        body["channel"] = channel
    return cell, body, private


def _consult(city: City, switches: Switches, rng: Random, day: int, number: int, start: int) -> Made:
    _, body, private = _base(city, rng, "hotline", "ZX", day, number, start)
    body |= {"text": rng.choice(grammar.CONSULT).format(body["place_name"]), "title": "咨询", "appeal_type": "consult"}
    return Made("hotline", body, "", None, ["consultation"], "", private)


def _praise(city: City, switches: Switches, rng: Random, day: int, number: int, start: int) -> Made:
    channel = rng.choice(("hotline", "hotline", "citizen-app"))
    _, body, private = _base(city, rng, channel, "BY", day, number, start)
    praise = rng.random() < 0.5
    words = rng.choice(grammar.PRAISE if praise else grammar.SUGGEST)
    body |= {"text": words.format(body["place_name"]), "appeal_type": "praise" if praise else "suggestion"}
    return Made(channel, body, "", None, ["praise" if praise else "suggestion"], "", private)


def _beyond(city: City, switches: Switches, rng: Random, day: int, number: int, start: int) -> Made:
    _, body, private = _base(city, rng, "hotline", "FW", day, number, start)
    body |= {"text": rng.choice(grammar.BEYOND).format(body["place_name"]), "appeal_type": "help"}
    return Made("hotline", body, "", None, ["out_of_scope"], "logged:out_of_scope", private)


def _dispute(city: City, switches: Switches, rng: Random, day: int, number: int, start: int) -> Made:
    channel = rng.choice(("hotline", "police-110", "platform", "hotline"))
    cell, body, private = _base(city, rng, channel, "JF", day, number, start)
    kind = rng.choice(kinds.DISPUTES)
    told = grammar.tell(rng, city, kind, cell, channel, personal=switches.personal_details, typos=switches.typos)
    point = city.lattice.at(cell, rng.random(), rng.random())
    body |= {"text": told.text, "title": told.title, "address": told.address, "appeal_type": "help"}
    body |= {"lon": round(point[0], 6), "lat": round(point[1], 6)}
    return Made(channel, body, "", point, ["dispute"], "filed", private + list(told.private))


def _drill(city: City, switches: Switches, rng: Random, day: int, number: int, start: int) -> Made:
    channel = rng.choice(("platform", "leader"))
    cell, body, private = _base(city, rng, channel, "YL", day, number, start)
    point = city.lattice.at(cell, rng.random(), rng.random())
    body |= {"text": rng.choice(grammar.DRILL).format(body["place_name"]), "title": "演练", "drill": True}
    body |= {"lon": round(point[0], 6), "lat": round(point[1], 6), "urgent": True}
    return Made(channel, body, "", point, ["drill"], "logged:drill", private)


_MAKERS = {"consult": _consult, "praise": _praise, "beyond": _beyond, "dispute": _dispute, "drill": _drill}


def _quota_fillers(city: City, switches: Switches, day: int, start: int) -> Iterator[Emitted]:
    """Workers who write trifles at the end of the day until the quota is exactly met."""
    quota = int(switches.daily_quota)
    system, family, letters = SYSTEMS["grid-worker"]
    for worker, grids in city.workers.items():
        if chance(city.seed, "quota hugger", worker) >= switches.quota_hugging:
            continue
        rng = dice(city.seed, "quota", worker, day)
        sent = day_start(start, day) + 16 * HOUR + rng.randrange(30 * MINUTE)
        yield Misconduct(worker, "quota_hugging", sent, f"{quota} reports on day {day}")
        for number in range(quota):
            cell = rng.choice(grids[0].cells)
            kind = rng.choice((kinds.BY_KEY["small-ads"], kinds.BY_KEY["bike-parking"], kinds.BY_KEY["rubbish"]))
            told = grammar.tell(rng, city, kind, cell, "grid-worker", personal=0, typos=0, settled=True)
            point = city.lattice.at(cell, rng.random(), rng.random())
            sent += rng.randrange(1, 4) * MINUTE
            standard, managed, code = kind.category(newer=sent >= NEWER_LIST_FROM)
            body: Body = {
                "source_system": system, "source_family": family,
                "source_ref": f"{letters}Q-{worker}-{day:03d}-{number}",
                "found_at": sent - MINUTE, "sent_at": sent, "received_at": sent + rng.randrange(200, 9000),
                "lon": round(point[0], 6), "lat": round(point[1], 6), "error_m": 6.0, "address": told.address,
                "title": kind.name, "text": told.text, "self_handled": True, "worker_id": worker, "reporter_id": worker,
                "reporter_role": "worker", "reporter_unit": grids[0].community.street.office,
                "grid_code": city.grid_codes[cell], "category_standard": standard, "category_kind": managed,
                "category_code": code, "photos": [f"IMG-{worker}-{day}-{number}"],
            }  # fmt: skip
            yield Made("grid-worker", body, "", point, ["quota_filler"], "logged:handled_in_grid")
