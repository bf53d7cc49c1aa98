"""Seconds of training translate short passages better than a dictionary, and look where they should."""

import torch

from llm_nb.data import bilingual
from llm_nb.data.feeds import Feed
from llm_nb.data.microworld.translating import encoded, passages, vocabularies, written
from llm_nb.data.padding import SequencePairs, pad
from llm_nb.data.tasks import load_task
from llm_nb.generation.translating import translate
from llm_nb.metrics.alignment import share_aligned
from llm_nb.metrics.text import bleu
from llm_nb.models.transformer import Transformer, TransformerConfig
from llm_nb.models.word_by_word import WordByWord
from llm_nb.text.vocabulary import BEGIN, END, PAD
from llm_nb.training import TrainConfig, Trainer


def test_a_small_transformer_beats_the_dictionary(monkeypatch):
    monkeypatch.setenv("CI", "1")
    en, zh = vocabularies()
    told, unseen = passages(4000, sentences=(1, 1)), passages(100, "unseen", (1, 1))
    english, chinese = ([v.encode(p.words(k)) for p in told] for k, v in (("en", en), ("zh", zh)))
    words = WordByWord(len(en), len(zh)).fit(english, chinese)
    torch.manual_seed(0)
    sizes = {"d_model": 64, "d_ff": 128, "n_heads": 4, "n_encoder_layers": 1, "n_decoder_layers": 1}
    model = Transformer(
        TransformerConfig(len(en), len(zh), 32, **sizes, dropout=0.0, norm="pre", tied="target")
    )
    feed = Feed(SequencePairs(*encoded(told, en, zh), 0, 32, pool=4))
    Trainer(model, feed, TrainConfig(350, lr=5e-3, warmup=30, weight_decay=0.01)).fit()

    sources, targets = encoded(unseen, en, zh)
    begin, end = (zh.special_tokens[mark] for mark in (BEGIN, END))
    ours = [written(ids, zh) for ids in translate(model, sources, begin, end)]
    theirs = [written(words.translate(source), zh) for source in sources]
    right = [[p.text("zh")] for p in unseen]
    score, baseline = (bleu(right, texts, "zh").score for texts in (ours, theirs))
    assert score > baseline + 5
    assert baseline > 50  # and the dictionary is no straw man
    maps = model.attention_maps(pad(sources, 0), pad(targets, 0)[:, :-1])
    looks = share_aligned(maps.cross[-1], [p.alignment for p in unseen])
    assert looks.max() > 0.6


def test_real_pairs_or_what_stands_in_for_them(monkeypatch, capsys):
    monkeypatch.setenv("CI", "1")
    monkeypatch.delenv("LLM_NB_DATA", raising=False)
    data = load_task("tatoeba", limit=150)  # the gpu profile's cells, with sizes cut
    [line] = capsys.readouterr().out.splitlines()
    assert "LLM_NB_DATA" in line
    assert "The microworld stands in" in line
    bpe = bilingual.shared_tokenizer(data.train, 700)
    pad_id, begin, end = (bpe.special_tokens[m] for m in (PAD, BEGIN, END))
    pairs = bilingual.encoded_pairs(data.train, bpe, longest=256)
    torch.manual_seed(0)
    sizes = {"d_model": 32, "d_ff": 64, "n_heads": 2, "n_encoder_layers": 1, "n_decoder_layers": 1}
    model = Transformer(TransformerConfig(700, 700, 256, **sizes, norm="pre", pad=pad_id))
    feed = Feed(SequencePairs(*pairs, pad_id, 16, pool=4))
    history = Trainer(model, feed, TrainConfig(30, lr=5e-3, warmup=10)).fit()
    assert history.loss[-1] < history.loss[0] - 0.5
    sources, _ = bilingual.encoded_pairs(data.test[:3], bpe, longest=256)
    written = translate(model, sources, begin, end, pad=pad_id, n_beams=2, longest=8)
    assert all(isinstance(bpe.decode(ids), str) for ids in written)
