"""How near akin are the categories of a report and a case, also where nobody could name one of them?

A classifier that abstains still says which categories came nearest. Those stand for the category: a report without one
is compared with the cases of the families of its first candidates, and a case without one is found under its own.
What is praise, a mere question or a matter for others is compared with nothing; an emergency that nobody could name
only with cases (emergencies too, as always) whose likeliest category is its own likeliest.
"""

from __future__ import annotations

from pipeline.events.intake import Classification, LocatedReport
from pipeline.stages.duplicate_policy import DuplicatePolicy, Known
from pipeline.stages.entries import CaseEntry

SEPARATOR = "|"
KEEP_LIKELY = 2
"""Candidates that stand for a category: in nearly all abstentions the true one is among the first two."""
NO_HANDLING = ("consult", "suggestion")
"""Kinds of appeal that ask for an answer and not for a handling."""


def likely_of(about: Classification, policy: DuplicatePolicy) -> tuple[str, ...]:
    """``family|standard|kind|code`` of the candidates that stand for a category nobody could name, the best first."""
    if about.code:
        return ()
    families = policy.families
    known = [one.key for one in about.candidates[:KEEP_LIKELY] if one.key in families]
    return tuple([f"{families[key]}{SEPARATOR}{key}" for key in known])


def families_for(located: LocatedReport, policy: DuplicatePolicy) -> tuple[str, ...]:
    """Families of the cases that may be the same problem."""
    about = located.classification
    if policy.model is not None:  # it has learned nothing of cases without a category
        return tuple(dict.fromkeys((about.family, *policy.model.families))) if about.family else ()
    if not _may_join(located):
        return ()
    if about.family:
        return (about.family,)
    # Words that speak of other people's matters outweigh a category that nobody could name, not one that is clear.
    return () if about.referral else tuple(dict.fromkeys([_family(one) for one in likely_of(about, policy)]))


def named_by(case: CaseEntry, located: LocatedReport) -> tuple[str, ...]:
    """The likeliest categories of a case without one, once a report with one has joined it: that comes first.

    Nothing is taken away, so the case is found wherever it was found before.
    """
    about = located.classification
    if case.code or not about.code:
        return case.likely
    said = SEPARATOR.join((about.family, about.standard, about.kind, about.code))
    if said in case.likely:
        return tuple(dict.fromkeys((said, *case.likely)))
    return (said, *case.likely) if len(case.likely) <= KEEP_LIKELY else case.likely


def _may_join(located: LocatedReport) -> bool:
    """Whether it tells of something to be handled: thanks, questions and suggestions never do."""
    return located.classification.nature != "praise" and located.report.appeal_type not in NO_HANDLING


def kinship(located: LocatedReport, known: Known, policy: DuplicatePolicy) -> float | None:
    """Log-odds for what the categories say; ``None`` when they have nothing to do with each other."""
    about, weights = located.classification, policy.weights
    if about.code and known.code:
        if about.code == known.code and about.standard == known.standard and about.kind == known.kind:
            return weights.code
        same = policy.one_kind((about.standard, about.kind, about.code), (known.standard, known.kind, known.code))
        return weights.code if same else 0.0
    mine, theirs = _named(about, policy), _named_of(known, policy)
    if not mine or not theirs:
        return None
    if mine[0] == theirs[0]:
        return weights.likely
    if about.case_class == "emergency" or not any([one in theirs for one in mine]):
        return None
    return weights.thinkable


def _named(about: Classification, policy: DuplicatePolicy) -> list[str]:
    """``standard|kind|code`` of what a report is or may be, under the newest list."""
    if about.code:
        return [policy.newest(f"{about.standard}|{about.kind}|{about.code}")]
    return [policy.newest(one.key) for one in about.candidates[:KEEP_LIKELY]]


def _named_of(known: Known, policy: DuplicatePolicy) -> list[str]:
    if known.code:
        return [policy.newest(f"{known.standard}|{known.kind}|{known.code}")]
    return [policy.newest(text.partition(SEPARATOR)[2]) for text in known.likely[:KEEP_LIKELY]]


def _family(text: str) -> str:
    return text.partition(SEPARATOR)[0]
