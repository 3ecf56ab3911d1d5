"""Counting: closed outcomes, adding up, derived reports and samples apart, one fact a count and commit."""

from __future__ import annotations

from pipeline.events.facts import OutcomesCounted
from pipeline.runtime.counts import OUTCOMES, Counts, add_outcome, reconciles, tally
from pipeline.stage import Settlement

SETTLED = [
    Settlement("hotline", "filed", "dispatched"),
    Settlement("hotline", "filed", "dispatched"),
    Settlement("hotline", "linked", "duplicate"),
    Settlement("sensor", "logged", "readings", samples=60),
    Settlement("sensor", "logged", "readings", samples=4),
    Settlement("hotline", "quarantined", "future_time"),
    Settlement("alarm", "filed", "dispatched", derived=True),
]


def counted(*settled: Settlement) -> Counts:
    counts = Counts()
    counts.add(settled)
    counts.commit(1, 0, 0)
    return counts


def test_records_samples_and_derived_reports_are_three_things() -> None:
    told = tally(counted(*SETTLED).totals)
    assert told["received"] == {"total": 6, "channels": {"hotline": 4, "sensor": 2}}
    assert told["filed"]["outcomes"]["dispatched"] == 2
    assert told["samples"] == 64
    assert told["derived"] == {"total": 1, "channels": {"alarm": 1}, "fates": {"filed": {"dispatched": 1}}}
    assert reconciles(told)


def test_every_closed_outcome_is_named_even_when_nothing_ended_so() -> None:
    told = tally({})
    assert {fate: tuple(told[fate]["outcomes"]) for fate in OUTCOMES} == OUTCOMES
    assert told["received"]["total"] == 0


def test_counts_that_lost_a_record_do_not_reconcile() -> None:
    told = tally(counted(*SETTLED).totals)
    told["linked"]["total"] -= 1
    assert not reconciles(told)


def test_a_commit_turns_the_counts_since_the_last_into_facts() -> None:
    counts = Counts()
    counts.add(SETTLED[:4])
    first = counts.commit(1, at=5, recorded=9)
    counts.add(SETTLED[4:])
    second = counts.commit(2, at=6, recorded=12)
    assert {type(fact) for fact in first + second} == {OutcomesCounted}
    assert len({fact.fact_id for fact in first + second}) == len(first + second)
    readings = [(fact.records, fact.samples) for fact in first + second if fact.channel == "sensor"]
    assert readings == [(1, 60), (1, 4)]
    assert [fact.derived for fact in second if fact.channel == "alarm"] == [True]
    assert sum(fact.records for fact in first + second if not fact.derived) == 6


def test_counting_goes_on_from_the_totals_of_a_commit() -> None:
    whole, first = counted(*SETTLED), counted(*SETTLED[:3])
    second = Counts(first.totals)
    second.add(SETTLED[3:])
    assert second.pending()
    second.commit(2, 0, 0)
    assert second.totals == whole.totals
    assert not second.pending()


def test_totals_of_the_facts_of_a_commit_are_those_that_were_counted() -> None:
    counts = Counts()
    counts.add(SETTLED)
    facts, read = counts.commit(1, 0, 0), dict[str, int]()
    for fact in facts:
        way = (fact.channel, fact.fate, fact.outcome)
        add_outcome(read, way, records=fact.records, samples=fact.samples, derived=fact.derived)
    assert read == counts.totals
