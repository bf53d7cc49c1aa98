"""The two back ends are equal, the masks forbid what they say."""

import pytest
import torch
from torch.testing import assert_close

from llm_nb.models.attention import attention, attention_weights, causal_mask


def qkv(T, S, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(2, 3, T, 8, generator=generator)
    k, v = (torch.randn(2, 3, S, 8, generator=generator) for _ in range(2))
    return q, k, v


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("T", "S"), [(5, 5), (1, 7), (3, 7)])
def test_the_back_ends_are_equal(T, S, causal, masked):
    q, k, v = qkv(T, S)
    mask = None
    if masked:  # padding on the left of the first row of the batch
        mask = torch.ones(2, 1, 1, S, dtype=torch.bool)
        mask[0, ..., :2] = False
    reference = attention(q, k, v, mask, causal, backend="reference")
    assert_close(attention(q, k, v, mask, causal), reference)
    assert reference.isfinite().all()


def test_one_new_query_beside_a_cache_sees_every_key():
    assert causal_mask(1, 4).all()
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True] * 4]


def test_weights_sum_to_one_and_never_look_ahead():
    q, k, _ = qkv(6, 6)
    weights = attention_weights(q, k, causal=True)
    assert_close(weights.sum(-1), torch.ones(2, 3, 6))
    assert weights.triu(1).abs().max() == 0


def test_the_scale_is_one_over_the_root_of_the_head_width():
    q, k = torch.full((1, 1, 1, 16), 2.0), torch.zeros(1, 1, 2, 16)
    k[..., 0, 0] = 2.0
    assert_close(attention_weights(q, k)[0, 0, 0, 0], torch.tensor(1.0).sigmoid())  # 2·2 / √16


def test_an_unknown_back_end_is_named():
    with pytest.raises(ValueError, match="unknown attention backend 'flash'"):
        attention(*qkv(2, 2), backend="flash")
