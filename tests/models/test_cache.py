"""What a cache of keys and values takes, by formula and in memory."""

import pytest
import torch

from llm_nb.generation import generate
from llm_nb.models.cache import KVCache, cache_bytes
from llm_nb.models.gpt2 import GPT2, SIZES, GPT2Config
from llm_nb.models.inference import FastGPT2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1), (3, 5, 2, 17, 8), (4, 2, 6, 256, 16)])
def test_the_formula_is_what_is_taken(sizes, dtype):
    cache = KVCache(*sizes, like=torch.zeros(1, dtype=dtype))
    assert cache.nbytes == cache_bytes(*sizes, dtype)
    by_hand = sum(t.numel() * t.element_size() for t in (*cache.k, *cache.v))
    assert cache.nbytes == by_hand


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("build", [lambda model: model, FastGPT2], ids=["plain", "fast"])
def test_a_models_cache_is_of_its_shape(build, dtype):
    config = GPT2Config(vocab_size=61, context=40, d_model=24, n_layers=3, n_heads=4)
    model = build(GPT2(config).to(dtype).eval())
    for batch, capacity in [(1, None), (5, 12)]:
        expected = cache_bytes(3, batch, 4, capacity or 40, 6, dtype)
        assert model.new_cache(batch, capacity).nbytes == expected


def test_generation_takes_prompt_and_new_tokens(monkeypatch):
    model = GPT2(GPT2Config(vocab_size=61, context=40, d_model=24, n_layers=3, n_heads=4))
    made, new_cache = [], GPT2.new_cache
    monkeypatch.setattr(
        GPT2, "new_cache", lambda self, *sizes: made.append(new_cache(self, *sizes)) or made[0]
    )
    generate(model, torch.zeros(2, 7, dtype=torch.long), 9)
    assert [cache.nbytes for cache in made] == [cache_bytes(3, 2, 4, 7 + 9, 6)]


def test_the_released_sizes():
    """72 MiB a text of 1,024 tokens for the smallest GPT-2, 600 MiB for the largest."""
    taken = {}
    for name, config in SIZES.items():
        with torch.device("meta"):
            taken[name] = GPT2(config).new_cache(1).nbytes
        L, H, C = config.n_layers, config.n_heads, config.d_model
        assert taken[name] == cache_bytes(L, 1, H, 1024, C // H) == 2 * L * 1024 * C * 4
    assert taken["gpt2"] == 72 * 2**20
    assert taken["gpt2-xl"] == 600 * 2**20


@pytest.mark.parametrize("place", range(5))
def test_sizes_begin_at_one(place):
    sizes = [2, 2, 2, 2, 2]
    sizes[place] = 0
    with pytest.raises(ValueError, match="is 0: it must be at least 1"):
        cache_bytes(*sizes)
