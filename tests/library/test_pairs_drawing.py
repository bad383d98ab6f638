"""The drawing of page 06 counts pairs as scikit-learn does."""

import pytest
from sklearn.metrics import roc_auc_score

from course_utils.diagrams.pairs import pairs


@pytest.mark.parametrize(
    ("normal", "anomaly"), [([20, 24, 31, 40], [28, 40, 46]), ([3, 3], [1, 3]), ([1, 2], [5, 6, 7]), ([5], [1])]
)
def test_the_share_of_pairs_is_the_auroc(shown, normal, anomaly):
    pairs(normal, anomaly)
    (bundle,) = shown
    auroc = roc_auc_score([0] * len(normal) + [1] * len(anomaly), normal + anomaly)
    count = len(normal) * len(anomaly)
    assert f"all {count} pairs: the anomaly scores higher in {auroc * count:g} of them" in bundle["text/plain"]
    assert f">{auroc * count:g} of {count}: {100 * auroc:.0f} %<" in bundle["image/svg+xml"]
    assert bundle["image/svg+xml"].count(">½<") == sum(n == a for n in normal for a in anomaly)
