"""Byte-level BPE against tiktoken, Hugging Face's tokenizers, and itself."""

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_nb.text.bpe import END_OF_TEXT, GPT2_PATTERN, ByteLevelBPE
from llm_nb.text.bpe_training import learn_merges, merge_pair

TEXTS = [
    "low lower lowest\nThe cat's hat isn't here; we'll see 12345 cats.",
    "北京 is 首都。 naïve café — 🙂🙂   \t\n  trailing ",
    "for i in range(10):\n    print(i, end='')\n" * 3,
]


@pytest.fixture(scope="module")
def tokenizer():
    return ByteLevelBPE.train(TEXTS, 320, [END_OF_TEXT])


@settings(max_examples=300, deadline=None)
@given(st.text())
@example("\x00\u200b 'S's  \n\n")
def test_round_trip_of_any_text(text):
    tokenizer = ByteLevelBPE.train(TEXTS, 300)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_gpt2_ids_equal_tiktoken(real_data):
    tiktoken = pytest.importorskip("tiktoken")
    folder = real_data / "gpt2-vocab"
    ours = ByteLevelBPE.from_gpt2_files(folder / "encoder.json", folder / "vocab.bpe")
    assert ours.vocab_size == 50257
    ranks = {ours.token_bytes(i): i for i in range(50256)}
    reference = tiktoken.Encoding(
        "gpt2",
        pat_str=GPT2_PATTERN,
        mergeable_ranks=ranks,
        special_tokens={END_OF_TEXT: 50256},
    )
    lines = (real_data / "wikitext-2" / "valid.txt").read_text("utf-8").splitlines()
    lines += (real_data / "tatoeba-cmn-eng" / "cmn.txt").read_text("utf-8").splitlines()
    for line in lines:
        assert ours.encode(line) == reference.encode_ordinary(line)
    assert ours.encode("Hello world") == [15496, 995]  # as published


def test_saved_file_gives_hugging_face_the_same_ids(tokenizer, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer.save(tmp_path / "tokenizer.json")
    reference = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in TEXTS:
        assert reference.encode(text, add_special_tokens=False).ids == tokenizer.encode(text)
        assert reference.decode(tokenizer.encode(text)) == text
    assert reference.token_to_id(END_OF_TEXT) == tokenizer.special_tokens[END_OF_TEXT]


def test_training_learns_hugging_faces_merges():
    tokenizers = pytest.importorskip("tokenizers")
    pre = tokenizers.pre_tokenizers
    reference = tokenizers.Tokenizer(tokenizers.models.BPE())
    reference.pre_tokenizer = pre.Sequence(
        [
            pre.Split(tokenizers.Regex(GPT2_PATTERN), "isolated"),
            pre.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre.ByteLevel.alphabet(), show_progress=False
    )
    text = random.Random(0).choices("the cat sat on a mat and ate fat rats 12 once".split(), k=3000)
    reference.train_from_iterator([" ".join(text)], trainer)
    theirs = json.loads(reference.to_str())["model"]["merges"]
    ours = ByteLevelBPE.train([" ".join(text)], 400)
    # Their ids of single bytes are ordered otherwise, so only equal counts may differ in order.
    made = {ours.token_bytes(i) for i in range(256, ours.vocab_size)}
    assert made == {"".join(pair).replace("Ġ", " ").encode() for pair in theirs}


def test_training_equals_recounting_everything():
    """The incremental updates against the definition: count all pairs anew before each merge."""
    rng = random.Random(1)
    words = {
        tuple(rng.choices(range(4), k=rng.randint(1, 8))): rng.randint(1, 9) for _ in range(60)
    }
    current = {word: list(word) for word in words}
    expected = []
    for new in range(256, 286):
        counts = {}
        for word, ids in current.items():
            for pair in zip(ids, ids[1:], strict=False):
                counts[pair] = counts.get(pair, 0) + words[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        expected.append(best)
        current = {word: merge_pair(ids, best, new) for word, ids in current.items()}
    assert learn_merges(words, 30) == expected


def test_training_does_not_depend_on_the_order_of_texts():
    assert ByteLevelBPE.train(TEXTS, 330).merges == ByteLevelBPE.train(TEXTS[::-1], 330).merges


def test_training_stops_when_no_pair_is_left():
    assert ByteLevelBPE.train(["ab ab"], 1000).vocab_size == 256 + 2  # "ab", " ab"


def test_special_tokens_are_text_unless_allowed(tokenizer):
    end = tokenizer.special_tokens[END_OF_TEXT]
    text = f"a{END_OF_TEXT}b"
    assert end not in tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode(text, allowed_special=[END_OF_TEXT]).count(end) == 1
    with pytest.raises(ValueError, match="unknown special"):
        tokenizer.encode(text, allowed_special=["<|x|>"])


def test_save_and_load_keep_everything(tmp_path):
    pattern = r"[a-z]+|[^a-z]+"
    before = ByteLevelBPE.train(["some text here"], 262, ["<|a b|>", END_OF_TEXT], pattern)
    before.save(tmp_path / "t.json")
    after = ByteLevelBPE.load(tmp_path / "t.json")
    assert (after.merges, after.special_tokens, after.pattern) == (
        before.merges,
        before.special_tokens,
        pattern,
    )


def test_reads_the_released_tokenizer_json(real_data, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = real_data / "gpt2-vocab"
    ours = ByteLevelBPE.from_gpt2_files(folder / "encoder.json", folder / "vocab.bpe")
    hub = transformers.GPT2Tokenizer(
        vocab=str(folder / "encoder.json"), merges=str(folder / "vocab.bpe")
    )
    hub.save_pretrained(tmp_path)
    read = ByteLevelBPE.load(tmp_path / "tokenizer.json")
    assert (read.merges, read.special_tokens) == (ours.merges, ours.special_tokens)


def test_byte_lengths_add_up_to_the_text(tokenizer):
    text = TEXTS[1]
    assert sum(tokenizer.byte_lengths[i] for i in tokenizer.encode(text)) == len(text.encode())
    assert tokenizer.byte_lengths[tokenizer.special_tokens[END_OF_TEXT]] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: ByteLevelBPE.train([], 300), "empty text"),
        (lambda t: ByteLevelBPE.train([""], 300), "empty text"),
        (lambda t: ByteLevelBPE.train(["a"], 255), "vocab_size 255 is too small"),
        (lambda t: t.decode([t.vocab_size]), "outside the vocabulary"),
        (lambda t: t.decode([-1]), "outside the vocabulary"),
        (lambda t: t.encode("a\ud800b"), "lone surrogate"),
        (lambda t: ByteLevelBPE.train(["a\ud800b"], 300), "lone surrogate"),
        (lambda t: ByteLevelBPE([], pattern="[a-z]+").encode("a b"), "leaves out characters"),
        (lambda t: ByteLevelBPE([(0, 999)]), "only ids below 256"),
        (lambda t: ByteLevelBPE([(0, 1), (0, 1)]), "is a token already"),
        (lambda t: ByteLevelBPE([], ["<a>", "<a>"]), "distinct"),
    ],
)
def test_bad_input_is_one_clear_sentence(tokenizer, call, message):
    with pytest.raises(ValueError, match=message):
        call(tokenizer)


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_truncated_tokenizer_is_named(tokenizer, tmp_path, share):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    text = path.read_text("utf-8")
    path.write_text(text[: int(len(text) * share)], "utf-8")
    with pytest.raises(ValueError, match="not a whole byte-level BPE"):
        ByteLevelBPE.load(path)


def test_truncated_gpt2_files_are_named(real_data, tmp_path):
    folder = real_data / "gpt2-vocab"
    merges = (folder / "vocab.bpe").read_text("utf-8")
    (tmp_path / "vocab.bpe").write_text(merges[: len(merges) // 2], "utf-8")
    with pytest.raises(ValueError, match="cut short"):
        ByteLevelBPE.from_gpt2_files(folder / "encoder.json", tmp_path / "vocab.bpe")
    (tmp_path / "encoder.json").write_text('{"!": 0,', "utf-8")
    with pytest.raises(ValueError, match="not whole JSON"):
        ByteLevelBPE.from_gpt2_files(tmp_path / "encoder.json", folder / "vocab.bpe")
