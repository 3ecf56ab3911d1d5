"""The plain method that text models are measured beside: TF-IDF of characters with a linear support vector machine."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from pipeline.learning.labelled import Labelled, folds_of

FOLDS = 5


def tfidf_svm(rows: Sequence[Labelled], seed: int) -> tuple[list[str], float]:
    """Labels of every row, each by a machine trained on the other folds; and processor seconds of telling them all.

    Rows that are nearly the same text stay in one fold.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    texts = np.array([row.text for row in rows], dtype=object)
    labels = np.array([row.label for row in rows], dtype=object)
    fold = folds_of([row.text for row in rows], FOLDS, seed)
    found, seconds = np.full(len(rows), "", dtype=object), 0.0
    for number in range(FOLDS):
        here = fold == number
        if not here.any() or len(set(labels[~here])) < 2:
            continue
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
        machine = LinearSVC(random_state=seed).fit(vectorizer.fit_transform(texts[~here]), labels[~here])
        begun = time.process_time()
        found[here] = machine.predict(vectorizer.transform(texts[here]))
        seconds += time.process_time() - begun
    return list(found), seconds
