"""Linear machines over texts: one space, an average that is one table, and answers where labels are few or missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.domain.textgrams import Array, grams
from pipeline.learning.matrices import Matrix, counts
from pipeline.learning.textmachines import MACHINES, averaged, fitted, scored, telling
from tests.learning.labels import messages

BITS = 10
ROWS = messages(90, seed=2)
NAMES = sorted({row["label"] for row in ROWS})
WANTED = np.array([NAMES.index(row["label"]) for row in ROWS])


def matrix_of(texts: list[str]) -> Matrix:
    return counts(grams(texts, (1, 2), BITS), BITS)


MATRIX = matrix_of([row["text"] for row in ROWS])
TABLES = fitted(MATRIX, WANTED, len(NAMES), seed=0)
UNSEEN = messages(60, seed=8)
LATER = matrix_of([row["text"] for row in UNSEEN])


def right(scores: Array) -> float:
    found = [NAMES[best] for best in scores.argmax(axis=1)]
    return float(np.mean([name == row["label"] for name, row in zip(found, UNSEEN, strict=True)]))


@pytest.mark.parametrize("machine", range(MACHINES))
def test_every_machine_learns_alone(machine: int) -> None:
    assert right(scored(LATER, TABLES)[:, machine]) > 0.9


def test_all_machines_share_the_values_of_places() -> None:
    assert len(TABLES) == MACHINES
    for table in TABLES:
        assert_array_equal(table.value, TABLES[0].value)
        assert not table.weights[table.value == 0].any()


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 30.0), min_size=MACHINES, max_size=MACHINES))
def test_the_average_is_one_table(factors: list[float]) -> None:
    one = scored(LATER, [averaged(TABLES, np.array(factors))])[:, 0]
    assert_allclose(one, np.einsum("nmk,m->nk", scored(LATER, TABLES), factors), atol=1e-6 * (1 + max(factors)))


def test_places_seen_once_tell_nothing() -> None:
    rows = np.bincount(MATRIX.indices, minlength=MATRIX.shape[1])
    assert not telling(MATRIX, WANTED, len(NAMES)).value[rows < 2].any()


def test_what_is_peculiar_to_a_label_is_trusted_more_for_it() -> None:
    texts = [text for _ in range(8) for text in ("灯坏了", "树倒了", "水漏了")]
    own = telling(matrix_of(texts), np.arange(24) % 3, 3).own
    for label, sign in enumerate("灯树水"):
        place = int(grams([sign], (1,), BITS).places[0])
        assert own[place].argmax() == label


def test_the_same_rows_give_the_same_tables() -> None:
    for one, other in zip(fitted(MATRIX, WANTED, len(NAMES), seed=0), TABLES, strict=True):
        assert_array_equal(one.weights, other.weights)
        assert_array_equal(one.bias, other.bias)


@pytest.mark.parametrize(
    ("kept", "labels"),
    [
        pytest.param((0, 1), 2, id="two labels"),
        pytest.param((0, 1), 3, id="a label that this fold does not have"),
        pytest.param((1,), 2, id="one label alone"),
    ],
)
def test_few_labels(kept: tuple[int, ...], labels: int) -> None:
    here = np.flatnonzero(np.isin(WANTED, kept))
    scores = scored(MATRIX[here], fitted(MATRIX[here], WANTED[here], labels, seed=0))
    assert scores.shape == (len(here), MACHINES, labels)
    assert np.isfinite(scores).all()
    for machine in range(MACHINES):
        assert (scores[:, machine].argmax(axis=1) == WANTED[here]).mean() > 0.9
