"""BERT against Hugging Face's, against itself, and against bad input."""

import pytest
import torch
from torch.testing import assert_close

from llm_nb.models.bert import SIZES, Bert, BertConfig, BertEncoder
from llm_nb.models.packing import Packing
from llm_nb.models.pretrained import from_pretrained

transformers = pytest.importorskip("transformers")

SMALL = BertConfig(
    vocab_size=97, context=24, d_model=24, n_layers=3, n_heads=3, d_ff=40, attention_dropout=0.0
)


def hugging_face(config: BertConfig, seed: int, name: str = "BertModel", **more):
    torch.manual_seed(seed)
    model = getattr(transformers, name)(
        transformers.BertConfig(
            vocab_size=config.vocab_size,
            max_position_embeddings=config.context,
            type_vocab_size=config.n_segments,
            hidden_size=config.d_model,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            intermediate_size=config.d_ff,
            layer_norm_eps=config.eps,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.attention_dropout,
            num_labels=len(config.labels),
            **more,
        )
    )
    for weight in model.parameters():  # biases and gains too, which start at 0 and 1
        torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def random_config(seed: int) -> BertConfig:
    """Sizes drawn at random, with one to five labels."""
    draw = torch.Generator().manual_seed(seed)

    def one_of(*choices):
        return choices[int(torch.randint(len(choices), (), generator=draw))]

    heads = one_of(1, 2, 3, 4, 6)
    return BertConfig(
        vocab_size=one_of(31, 64, 203),
        context=one_of(16, 33, 40),
        n_segments=one_of(1, 2, 3),
        d_model=heads * one_of(2, 5, 8),
        n_layers=one_of(1, 2, 5),
        n_heads=heads,
        d_ff=one_of(7, 32, 96),
        eps=one_of(1e-12, 1e-5),
        labels=tuple(f"LABEL_{i}" for i in range(one_of(1, 2, 3, 5))),
    )


def random_batch(config: BertConfig, seed: int, rows: int = 5):
    """ids, attention_mask and segments (B, T); rows of random length, padded on the right."""
    draw = torch.Generator().manual_seed(seed)
    T = config.context - seed % 2
    ids = torch.randint(config.vocab_size, (rows, T), generator=draw)
    segments = torch.randint(config.n_segments, (rows, T), generator=draw)
    lengths = torch.randint(2, T + 1, (rows, 1), generator=draw)
    return ids, (torch.arange(T) < lengths).long(), segments


@pytest.mark.parametrize("backend", ["sdpa", "reference"])
@pytest.mark.parametrize("seed", range(12))
def test_every_hidden_state_equals_hugging_face(seed, backend, tmp_path):
    config = random_config(seed)
    theirs = hugging_face(config, seed)
    theirs.set_attn_implementation("eager" if seed % 2 else "sdpa")
    theirs.save_pretrained(tmp_path)
    ours = from_pretrained(Bert, tmp_path)
    ids, mask, segments = random_batch(config, seed)
    real = mask.bool()
    with torch.no_grad():
        for given, places in ((mask, real), (None, torch.ones_like(real))):
            expected = theirs(ids, given, segments, output_hidden_states=True)
            out = ours(ids, given, segments, backend=backend)
            assert_close(
                out.hidden[places], expected.last_hidden_state[places], atol=1e-5, rtol=1e-5
            )
            assert_close(out.pooled, expected.pooler_output, atol=1e-5, rtol=1e-5)
            assert not out.hidden[~places].any()
            states = ours.encoder.hidden_states(ids, given, segments, backend)
            assert len(states) == len(expected.hidden_states) == config.n_layers + 1
            for state, reference in zip(states, expected.hidden_states, strict=True):
                assert_close(state[places], reference[places], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_attention_maps_equal_hugging_face(seed, tmp_path):
    config = random_config(seed)
    theirs = hugging_face(config, seed)
    theirs.set_attn_implementation("eager")
    theirs.save_pretrained(tmp_path)
    ids, mask, segments = random_batch(config, seed)
    maps = from_pretrained(Bert, tmp_path).encoder.attention_maps(ids, mask, segments)
    with torch.no_grad():
        expected = torch.stack(theirs(ids, mask, segments, output_attentions=True).attentions)
    both = (mask[:, :, None] * mask[:, None, :])[:, None].float()  # (B, 1, T, T)
    assert_close(maps, expected * both, atol=1e-5, rtol=1e-5)


def test_without_segments_all_are_the_first():
    model = Bert(SMALL).eval()
    ids = torch.randint(97, (2, 9))
    assert_close(model(ids).hidden, model(ids, segments=torch.zeros_like(ids)).hidden)
    assert not torch.allclose(model(ids).hidden, model(ids, segments=torch.ones_like(ids)).hidden)


def test_padding_anywhere_in_a_row_equals_hugging_face(tmp_path):
    theirs = hugging_face(SMALL, 0)
    theirs.save_pretrained(tmp_path)
    ours = from_pretrained(BertEncoder, tmp_path)
    ids = torch.randint(97, (4, 12))
    mask = (torch.rand(4, 12) < 0.6).long()
    mask[0] = torch.tensor([0] * 5 + [1] * 7)  # on the left
    mask[:, 6] = 1
    with torch.no_grad():
        expected = theirs(ids, mask).last_hidden_state
        assert_close(ours(ids, mask)[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-5)


def test_a_padded_batch_equals_one_by_one():
    model = Bert(SMALL).eval()
    ids, mask, segments = random_batch(SMALL, 4, rows=9)
    with torch.no_grad():
        hidden, pooled = model(ids, mask, segments)
        for row, length in enumerate(mask.sum(1).tolist()):
            alone = model(ids[row : row + 1, :length], None, segments[row : row + 1, :length])
            assert_close(hidden[row, :length], alone.hidden[0], atol=1e-5, rtol=1e-5)
            assert_close(pooled[row], alone.pooled[0], atol=1e-5, rtol=1e-5)


def test_gradients_equal_hugging_face(tmp_path):
    theirs = hugging_face(SMALL, 2)
    theirs.save_pretrained(tmp_path)
    ours = from_pretrained(Bert, tmp_path)
    ids, mask, segments = random_batch(SMALL, 2)
    weights = torch.randn(5, 24, 24)[:, : ids.size(1)] * mask[:, :, None]
    (ours(ids, mask, segments).hidden * weights).sum().backward()
    (theirs(ids, mask, segments).last_hidden_state * weights).sum().backward()
    qkv = ours.encoder.blocks[0].attn.qkv.weight.grad
    layer = theirs.encoder.layer[0]
    attn = layer.attention.self
    expected = torch.cat([part.weight.grad for part in (attn.query, attn.key, attn.value)])
    scale = expected.abs().max()
    assert_close(qkv / scale, expected / scale, atol=1e-5, rtol=1e-4)
    ours_word = ours.encoder.word.weight.grad
    theirs_word = theirs.embeddings.word_embeddings.weight.grad
    scale = theirs_word.abs().max()
    # Theirs keeps the row of the padding id, 0, out of training wherever it stands.
    assert_close(ours_word[1:] / scale, theirs_word[1:] / scale, atol=1e-5, rtol=1e-4)


def test_packing_there_and_back():
    mask = torch.tensor([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1]])
    packing = Packing(mask)
    assert packing.blocks == [(1, 1), (2, 3), (1, 4)]
    x = torch.arange(16.0).view(4, 4)
    assert packing.pack(x).tolist() == [4, 0, 1, 3, 13, 14, 15, 8, 9, 10, 11]
    assert torch.equal(packing.unpack(packing.pack(x)), x * mask)
    assert packing.pack(x)[packing.first].tolist() == [0, 4, 8, 13]
    assert Packing(torch.ones(3, 5)).blocks == [(3, 5)]


@pytest.mark.parametrize(
    ("name", "count"),
    [("bert-base-uncased", 109_482_240), ("bert-large-uncased", 335_141_888)],
)
def test_parameter_counts_of_the_released_sizes(name, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in Bert(SIZES[name]).parameters()) == count
        theirs = transformers.BertModel(
            transformers.BertConfig(
                hidden_size=SIZES[name].d_model,
                num_hidden_layers=SIZES[name].n_layers,
                num_attention_heads=SIZES[name].n_heads,
                intermediate_size=SIZES[name].d_ff,
            )
        )
    assert sum(p.numel() for p in theirs.parameters()) == count


def test_dropout_is_there_in_training_alone():
    config = BertConfig(vocab_size=97, context=24, d_model=24, n_layers=1, n_heads=3, d_ff=40)
    model = Bert(config)
    ids, mask, _ = random_batch(config, 1)
    assert not torch.equal(model(ids, mask).hidden, model(ids, mask).hidden)
    model.eval()
    assert torch.equal(model(ids, mask).hidden, model(ids, mask).hidden)


IDS = torch.ones(2, 3, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(torch.tensor([[0, 97]])), "id 97 is outside 0 … 96"),
        (lambda m: m(torch.tensor([[-1]])), "id -1 is outside"),
        (lambda m: m(IDS, segments=IDS + 1), "segment 2 is outside 0 … 1"),
        (lambda m: m(torch.ones(1, 25, dtype=torch.long)), "25 tokens are over the context of 24"),
        (lambda m: m(IDS[:0]), r"ids have shape \(0, 3\)"),
        (lambda m: m(IDS[:, :0]), r"ids have shape \(2, 0\)"),
        (lambda m: m(IDS[0]), r"ids have shape \(3,\)"),
        (lambda m: m(IDS, torch.ones(2, 4)), r"attention_mask has shape \(2, 4\), needed \(2, 3\)"),
        (lambda m: m(IDS, segments=IDS[:1]), r"segments has shape \(1, 3\), needed \(2, 3\)"),
        (lambda m: m(IDS, torch.tensor([[1, 1, 1], [0, 0, 0]])), "row 1 .* no real token"),
        (lambda m: m(IDS, backend="flash"), "unknown attention backend 'flash'"),
        (lambda m: BertConfig(d_model=10, n_heads=3), "10 does not divide into 3 heads"),
        (lambda m: BertConfig(n_layers=0), "n_layers is 0"),
        (lambda m: BertConfig(attention_dropout=1.0), "attention_dropout is 1.0"),
        (lambda m: BertConfig(labels=()), r"labels is \(\)"),
        (lambda m: BertConfig(labels="yes"), "labels is 'yes'"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(Bert(SMALL).eval())
