"""Counts of n-grams as sparse matrices: TF-IDF, and pairs of rows that are nearly the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from pipeline.domain.textgrams import Array, Grams

Matrix = Any
"""A sparse matrix in rows (``scipy.sparse.csr_matrix``), float32."""
_ROWS = 256


def counts(found: Grams, bits: int) -> Matrix:
    """Counts, (n, 2**bits)."""
    shape = (len(found.starts) - 1, 1 << bits)
    return sparse.csr_matrix(
        (found.counts.astype(np.float32), found.places.astype(np.int32), found.starts), shape=shape
    )


def inverse_frequency(matrix: Matrix) -> Array:
    """``1 + ln((1 + n) / (1 + df))`` of every column, (m,); 0 for columns that fewer than two rows have."""
    rows = np.bincount(matrix.indices, minlength=matrix.shape[1])
    weight: Array = 1 + np.log((1 + matrix.shape[0]) / (1 + rows))
    weight[rows < 2] = 0
    return weight


def weighted(matrix: Matrix, weight: Array) -> Matrix:
    """``(1 + ln c) weight`` with every row scaled to length 1; a row of zeros stays."""
    found = matrix.copy()
    found.data = (1 + np.log(found.data)) * weight[found.indices].astype(np.float32)
    lengths = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return (sparse.diags((1 / np.maximum(lengths, 1e-9)).astype(np.float32)) @ found).tocsr()


def near_pairs(found: Grams, bits: int, alike: float) -> Iterator[tuple[int, int]]:
    """Pairs of rows (i > j) whose weighted counts have a cosine of ``alike`` or more."""
    matrix = counts(found, bits)
    unit = weighted(matrix, inverse_frequency(matrix))
    across = unit.T.tocsc()
    for start in range(0, unit.shape[0], _ROWS):
        likeness = (unit[start : start + _ROWS] @ across).tocoo()
        kept = likeness.data >= alike
        for one, other in zip(likeness.row[kept] + start, likeness.col[kept], strict=True):
            if one > other:
                yield int(one), int(other)
