"""Kafka is there when something came from it lately, and away when it was asked and did not answer."""

from __future__ import annotations

from connectors.kafka.answering import SILENCE_S, Answering


class Seconds:
    """Seconds, moved by hand."""

    now = 50.0

    def __call__(self) -> float:
        return self.now


class Rig:
    """An outage by hand."""

    def __init__(self) -> None:
        self.clock, self.told, self.questions = Seconds(), list[bool](), 0
        self.kafka = Answering(self.told.append, self.clock)

    def ask(self, seconds: float, *, answers: bool) -> None:
        """So much later."""

        def asked() -> bool:
            self.questions += 1
            return answers

        self.clock.now += seconds
        self.kafka.asked(asked)


def test_each_change_is_told_once() -> None:
    rig = Rig()
    for step in (rig.kafka.heard, rig.kafka.heard, rig.kafka.missed, rig.kafka.missed, rig.kafka.heard):
        step()
    assert rig.told == [True, False, True]


def test_it_is_asked_only_after_a_silence_and_an_answer_ends_the_silence() -> None:
    rig = Rig()
    rig.ask(SILENCE_S - 0.5, answers=True)
    assert (rig.questions, rig.told) == (0, [])
    rig.ask(0.5, answers=True)
    rig.ask(SILENCE_S - 0.5, answers=False)
    assert (rig.questions, rig.told) == (1, [True])
    rig.ask(0.5, answers=False)
    assert (rig.questions, rig.told) == (2, [True, False])


def test_who_does_not_answer_is_asked_until_it_does() -> None:
    rig = Rig()
    for answers in (False, False, False, True):
        rig.ask(SILENCE_S, answers=answers)
    assert (rig.questions, rig.told) == (4, [False, True])


def test_an_answer_that_is_owed_is_late_only_after_a_silence() -> None:
    rig = Rig()
    rig.kafka.heard()
    rig.clock.now += SILENCE_S - 0.5
    rig.kafka.late()
    assert rig.told == [True]
    rig.clock.now += 0.5
    rig.kafka.late()
    assert rig.told == [True, False]
