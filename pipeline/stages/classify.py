"""What is the problem? Category by code, by the source's own wording, by the text; or honestly none.

A code that the reference set knows decides. Otherwise the source's own word for its category, then the lexicon with
abstention, then the hotline's subject; without any of them a person decides. Where a city has promoted a text model,
the model takes the place of lexicon and subject, with a threshold for every label below which a person decides.

The case class (一般, 疑难, 应急) comes from explicit rules, the smallest priority first, and is kept with rule id and
reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from pipeline.domain.lexicon import Choice, Lexicon, Sighting, WordScan
from pipeline.domain.privacy import without_placeholders
from pipeline.domain.reference.model import CaseClass, Category, CategoryKey, ClassRule, Reference, ReferralRule
from pipeline.domain.text import fold
from pipeline.domain.textmodel import Guess, TextModel
from pipeline.events.intake import Candidate, Classification, ScreenedReport

SEPARATOR = "|"
SEVERE = {"": 0, "warning": 1, "minor": 2, "major": 3, "critical": 4}
"""Order of the severities of sensor limits."""
KIN_SHARE = 0.65
"""Share of the evidence that one family must have when its codes cannot be told apart."""
UNKNOWN_KIND = "不明"
"""How names of categories begin that stand for things nobody could tell apart."""
BY_MODEL = "model "
"""How the method of a category that a model gave begins; the version of the model follows."""
_BROKEN = re.compile("(?<=[\u4e00-\u9fff]) +(?=[\u4e00-\u9fff])")
CITIZENS = frozenset({"hotline", "citizen-app", "chat-group", "open311", "web"})
"""Channels on which citizens speak themselves: what they ask for may belong elsewhere."""
_CALM: frozenset[str] = frozenset()


class Named:
    """A category that was found, how, and how sure."""

    def __init__(
        self, category: Category | None, confidence: float, method: str, candidates: tuple[Candidate, ...] = ()
    ) -> None:
        self.category, self.confidence, self.method, self.candidates = category, confidence, method, candidates


class Classifier:
    """The rules and words of a reference set, compiled once. Pure: the same report, the same answer."""

    def __init__(self, reference: Reference, model: TextModel | None = None) -> None:
        tables = reference.tables
        self.reference, self.model = reference, model
        self._stands_for = model.category_of if model is not None else {}
        entries = [(row.phrase, SEPARATOR.join(row.category_key), row.weight) for row in tables.lexicon]
        self._lexicon = Lexicon.compile(entries)
        self._word_class = {fold(row.word): row.word_class for row in tables.emergency_words}
        self._urgent = WordScan.compile([(row.word, row.rule_id) for row in tables.emergency_words])
        self._referrals = tables.hotline_referrals
        self._referral_words = _referral_scan(tables.hotline_referrals)
        rules = sorted(tables.class_rules, key=lambda rule: (rule.priority, rule.id))
        self._rules = tuple(rule for rule in rules if not _needs_history(rule))
        self._first_rule = lru_cache(maxsize=65_536)(self._rule_of)

    def classify(self, report: ScreenedReport) -> Classification:
        """The classification of one report."""
        return self.classify_many([report])[0]

    def classify_many(self, reports: Sequence[ScreenedReport]) -> list[Classification]:
        """The same for many; equal to one by one."""
        texts = [fold(f"{report.title} {unbroken(report.text)}") for report in reports]
        if self.model is None:
            named = [self._named(report, text) for report, text in zip(reports, texts, strict=True)]
        else:
            named = self._named_by_model(reports, texts)
        urgent, referred = self._urgent.found_many(texts), self._referrals_of(reports, texts)
        return [self._one(*row) for row in zip(reports, named, urgent, referred, strict=True)]

    def _one(
        self, report: ScreenedReport, named: Named, sighted: tuple[Sighting, ...], referral: ReferralRule | None
    ) -> Classification:
        rule = self._class_rule(report, named.category, sighted)
        category = named.category
        return Classification(
            standard=category.standard if category else "",
            kind=category.kind._value_ if category else "",
            code=category.code if category else "",
            family=category.family if category else "",
            nature=self._nature(report, category),
            confidence=round(named.confidence, 4),
            method=named.method,
            candidates=named.candidates,
            case_class=rule.case_class._value_ if rule else CaseClass.GENERAL._value_,
            class_rule=rule.id if rule else "",
            class_reason=rule.reason if rule else "",
            urgent_words=tuple([sighting.word for sighting in sighted]),
            referral=referral.target if referral else "",
            referral_rule=referral.id if referral else "",
            flags=self._unknown(report),
        )

    # --- category -------------------------------------------------------------------------------------------------

    def _named(self, report: ScreenedReport, text: str) -> Named:
        return self._by_code(report) or self._by_source(report) or self._by_text(report, text)

    def _by_code(self, report: ScreenedReport) -> Named | None:
        if report.category_code:
            category = self.reference.category(report.category_standard, report.category_kind, report.category_code)
            if category is not None:
                return Named(category, 1.0, "code")
        if report.component_code:
            component = self.reference.component(report.component_code)
            category = self.reference.category(*component.category_key) if component else None
            if category is not None:
                return Named(category, 1.0, "component")
        return None

    def _by_source(self, report: ScreenedReport) -> Named | None:
        if not report.category_text:
            return None
        category = self.reference.source_category(report.source_system, report.category_text)
        return Named(category, 0.95, "source_category") if category is not None else None

    def _named_by_model(self, reports: Sequence[ScreenedReport], texts: Sequence[str]) -> list[Named]:
        """Codes and the source's own wording first; the model judges all other texts at once."""
        assert self.model is not None
        coded = [self._by_code(report) or self._by_source(report) for report in reports]
        asked = [number for number, named in enumerate(coded) if named is None]
        guesses = self.model.guess_many([texts[number] for number in asked])
        judged = {number: self._by_guess(texts[number], guess) for number, guess in zip(asked, guesses, strict=True)}
        return [named if named is not None else judged[number] for number, named in enumerate(coded)]

    def _by_guess(self, text: str, guess: Guess) -> Named:
        """The category of a label that is sure enough; of one that is a family, the category that the words choose.

        A label that is not sure enough still counts where the words alone say the same. Else a person decides, and is
        given the candidates.
        """
        assert self.model is not None
        candidates = tuple([Candidate(key=label, share=round(share, 4)) for label, share in guess.candidates])
        label = guess.candidates[0][0]
        choice = self.by_words(text)
        category = self._minor(self._stands_for[label], choice)
        if guess.label is not None and category is not None:
            return Named(category, guess.confidence, f"{BY_MODEL}{self.model.version}", candidates)
        if category is not None and choice.key == SEPARATOR.join(category.key):
            return Named(category, guess.confidence, f"{BY_MODEL}{self.model.version}+lexicon", candidates)
        return Named(None, guess.confidence, f"{BY_MODEL}{self.model.version}", candidates)

    def _minor(self, key: str, choice: Choice) -> Category | None:
        """``standard|kind|code`` names its category; a family is narrowed to the best of its own among the words'."""
        if SEPARATOR in key:
            return self.category(key)
        named = [category for other, _ in choice.shares if (category := self.category(other)) is not None]
        return next((category for category in named if category.family == key), None)

    def by_words(self, text: str) -> Choice:
        """What the lexicon alone says of a folded text. What stands for personal data is no word of it."""
        return self._lexicon.best(without_placeholders(text)) if text else Choice(None, 0.0, ())

    def _by_text(self, report: ScreenedReport, text: str) -> Named:
        choice = self.by_words(text)
        candidates = tuple([Candidate(key=key, share=round(share, 4)) for key, share in choice.shares])
        if choice.key is not None:
            return Named(self.category(choice.key), choice.confidence, "lexicon", candidates)
        kin = self._among_kin(choice)
        if kin is not None:
            return Named(kin, sum(share for _, share in choice.shares) / 2, "lexicon_kin", candidates)
        subject = self.reference.subject(report.subject_code) if report.subject_code else None
        if subject is not None and subject.category and subject.kind is not None:
            category = self.reference.category(subject.standard, subject.kind._value_, subject.category)
            return Named(category, 0.6, "subject", candidates)
        return Named(None, choice.confidence, "none", candidates)

    def category(self, key: str) -> Category | None:
        """The category of ``standard|kind|code``."""
        return self.reference.category(*key.split(SEPARATOR))

    def _among_kin(self, choice: Choice) -> Category | None:
        """No code is clear, but most evidence is for one family that one unit leads: the code is no reason to wait.

        A category that stands for "of unknown kind" (不明…) yields to one that the text names.
        """
        known = [(category, share) for key, share in choice.shares if (category := self.category(key)) is not None]
        if not known:
            return None
        family = known[0][0].family
        kin = [category for category, _ in known if category.family == family]
        if sum(share for category, share in known if category.family == family) < KIN_SHARE:
            return None
        named = [category for category in kin if not category.name_zh.startswith(UNKNOWN_KIND)] or kin
        return named[0] if len({self._lead(category) for category in named}) == 1 else None

    def _lead(self, category: Category) -> str:
        lines = self.reference.duty_lines(category)
        return next((line.lead for line in lines if not line.conditional), "")

    def _nature(self, report: ScreenedReport, category: Category | None) -> str:
        if report.appeal_type == "praise":
            return "praise"
        if category is not None:
            return category.nature._value_
        subject = self.reference.subject(report.subject_code) if report.subject_code else None
        return subject.nature._value_ if subject is not None else "fault"

    def _unknown(self, report: ScreenedReport) -> tuple[str, ...]:
        """Codes that the reference set does not know: a mapping has gone stale, or a register has a gap."""
        if not (report.category_code or report.component_code):
            return ()
        key = (report.category_standard, report.category_kind, report.category_code)
        flags = ["unknown_category"] if report.category_code and self.reference.category(*key) is None else []
        if report.component_code and self.reference.component(report.component_code) is None:
            flags.append("unknown_component")
        return tuple(flags)

    # --- scope ----------------------------------------------------------------------------------------------------

    def _referrals_of(self, reports: Sequence[ScreenedReport], texts: Sequence[str]) -> list[ReferralRule | None]:
        """What the hotline may not take. Only citizens' words are judged: the police, say, speak of calls to 110."""
        said = [text if report.channel in CITIZENS else "" for report, text in zip(reports, texts, strict=True)]
        return [self._referral(sighted) if sighted else None for sighted in self._referral_words.found_many(said)]

    def _referral(self, sighted: tuple[Sighting, ...]) -> ReferralRule | None:
        named = {sighting.rule_id for sighting in sighted}
        return next((rule for rule in self._referrals if rule.id in named), None)

    # --- case class -----------------------------------------------------------------------------------------------

    def _class_rule(
        self, report: ScreenedReport, category: Category | None, sighted: tuple[Sighting, ...]
    ) -> ClassRule | None:
        words = _CALM
        if sighted:
            words = frozenset([self._word_class.get(fold(sighting.word), "") for sighting in sighted])
        key = category.key if category is not None else None
        return self._first_rule(key, words, _severity(report), report.channel)

    def _rule_of(self, key: CategoryKey | None, words: frozenset[str], severity: str, channel: str) -> ClassRule | None:
        """The first rule whose conditions all hold; there are few different questions, so answers are remembered."""
        category = self.reference.category(*key) if key is not None else None
        return next((rule for rule in self._rules if _holds(rule, channel, category, words, severity)), None)


def unbroken(text: str) -> str:
    """A text without blanks between ideographs: people and devices put them inside words (起 火), where none belong."""
    return _BROKEN.sub("", text) if " " in text else text


def _needs_history(rule: ClassRule) -> bool:
    """Conditions on the course of a case cannot hold at intake: such rules reclassify later."""
    counted = (rule.min_reports, rule.min_dispatches, rule.min_departments, rule.min_refusals, rule.min_recurrences)
    harm = (rule.min_casualties, rule.min_affected)
    return any(counted) or any(harm) or bool(rule.ownership) or rule.unfunded is not None


def _holds(rule: ClassRule, channel: str, category: Category | None, words: frozenset[str], severity: str) -> bool:
    """Whether every filled condition of a rule holds for what is known at intake."""
    conditions = (
        not rule.family or (category is not None and category.family == rule.family),
        not rule.code or (category is not None and category.code == rule.code),
        rule.nature is None or (category is not None and category.nature == rule.nature),
        not rule.word_class or rule.word_class in words,
        not rule.min_severity or SEVERE.get(severity, 0) >= SEVERE.get(rule.min_severity, len(SEVERE)),
        rule.category_default is None
        or (category is not None and category.case_class_default == rule.category_default),
        not rule.channel or channel == rule.channel,
    )
    return all(conditions)


def _severity(report: ScreenedReport) -> str:
    """The severity of a sensor's alarm travels as a flag ``severity:...``."""
    return next((flag[9:] for flag in report.flags if flag.startswith("severity:")), "")


def _referral_scan(rules: Sequence[ReferralRule]) -> WordScan:
    """Each word speaks for the first rule that has it; phrases that only contain a word are harmless."""
    words: dict[str, str] = {}
    for rule in rules:
        for word in rule.words:
            words.setdefault(fold(word), rule.id)
    harmless = {fold(strip) for rule in rules for strip in rule.strips} - set(words)
    return WordScan.compile(list(words.items()), harmless=sorted(harmless))
