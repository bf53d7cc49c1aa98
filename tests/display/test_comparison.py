"""The comparison that chapters share: lines, points, ranges of seeds, one floor."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

from llm_nb.display.comparison import against_time
from llm_nb.shipped import MICROWORLD_MODELS, microworld_records


def record(curve, floor=1.0):
    _, seconds, bits = curve[-1]
    return {"curve": curve, "core_seconds": seconds, "bits_per_word": bits, "floor": floor}


def test_seeds_become_a_line_with_their_range():
    runs = {
        "counts": [{"core_seconds": 0.5, "bits_per_word": 2.5, "floor": 1.0}],
        "net": [record([(1, 10.0, 3.0), (2, 20.0, 2.0)]), record([(1, 12.0, 2.6), (2, 24.0, 1.8)])],
    }
    figure, alt = against_time(runs)
    [axes] = figure.axes
    point, line, floor = axes.lines
    np.testing.assert_allclose(point.get_xydata(), [[0.5, 2.5]])
    np.testing.assert_allclose(line.get_xydata(), [[11, 2.8], [22, 1.9]])
    assert list(floor.get_ydata()) == [1.0, 1.0]
    [band] = axes.collections
    assert band.get_paths()[0].get_extents().ymin == pytest.approx(1.8)
    assert alt.endswith("counts 2.50 after 0.5 s; net 1.90 after 22 s. The floor is 1.00.")


def test_the_shipped_records_fit():
    runs = {name: microworld_records(name) for name in ("ngram", *MICROWORLD_MODELS)}
    figure, alt = against_time(runs)
    assert len(figure.axes[0].lines) == len(runs) + 1
    assert "lstm 1.9" in alt


def test_other_floors_are_refused():
    point = {"core_seconds": 1.0, "bits_per_word": 2.0, "floor": 1.0}
    with pytest.raises(ValueError, match="2 different floors"):
        against_time({"a": [point], "b": [{**point, "floor": 1.1}]})
    with pytest.raises(ValueError, match="0 different floors"):
        against_time({})
