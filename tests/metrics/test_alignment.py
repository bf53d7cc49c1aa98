"""The share of words whose strongest attention is at their source."""

import pytest
import torch

from llm_nb.metrics.alignment import share_aligned

# two rows, two heads, three target rows, three source places: where each looks most
LOOKS = torch.tensor([[[0, 1, 2], [0, 0, 0]], [[2, 2, 2], [1, 1, 0]]])
WEIGHTS = torch.nn.functional.one_hot(LOOKS, 3) * 0.6 + 0.1  # (B, H, T, S)


def test_by_hand():
    gold = [[0, None, 2], [1, 2]]  # four words with a source; the last row's third has no word
    assert share_aligned(WEIGHTS, gold).tolist() == [3 / 4, 2 / 4]
    assert share_aligned(WEIGHTS[:, 0], gold).item() == 3 / 4


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ([[0]], "2 rows and 1 alignments"),
        ([[0], [3]], "word 0 of row 1 is said to render source place 3"),
        ([[0], [0, 0, 0, 1]], "word 3 of row 1"),
        ([[None], []], "nothing to compare"),
    ],
)
def test_bad_input_is_one_clear_sentence(gold, message):
    with pytest.raises(ValueError, match=message):
        share_aligned(WEIGHTS, gold)
