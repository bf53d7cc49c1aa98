"""The byte-level BPE itself: encoding, decoding, special tokens, clear errors."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_nb.text import bpe
from llm_nb.text.bpe import END_OF_TEXT, GPT2_PATTERN, ByteLevelBPE

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
def test_round_trip_of_any_text(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(" \t\n'strvemld1!aé北")))
@example("I's't're've'm'll'd'S 'll 'x")
def test_the_factored_pattern_splits_as_the_released_one(text):
    assert bpe._splitter(GPT2_PATTERN)(text) == bpe.regex.findall(GPT2_PATTERN, text)


def test_a_long_word_is_encoded_like_a_short_one(tokenizer, monkeypatch):
    words = ["lowest" * 30, "a" * 500, "é北🙂" * 40]
    by_links = [tokenizer.encode(word) for word in words]
    monkeypatch.setattr(bpe, "_LONG", 10_000)
    assert [ByteLevelBPE(tokenizer.merges).encode(word) for word in words] == by_links


def test_memory_of_words_is_bounded(tokenizer, monkeypatch):
    monkeypatch.setattr(bpe, "_REMEMBERED", 3)
    fresh = ByteLevelBPE(tokenizer.merges)
    text = "one two three four five " + "long" * 100
    assert fresh.encode(text) == fresh.encode(text) == tokenizer.encode(text)
    assert list(fresh._ids_of) == ["one", " two", " three"]
    monkeypatch.undo()
    fresh.encode(text)
    assert max(map(len, fresh._ids_of)) < 64


def test_what_is_returned_can_be_changed_without_harm(tokenizer):
    ids = tokenizer.encode("low")
    tokenizer.encode("low").clear()
    assert tokenizer.encode("low") == ids


def test_special_tokens_are_text_unless_allowed(tokenizer):
    end = tokenizer.special_tokens[END_OF_TEXT]
    text = f"a{END_OF_TEXT}b"
    assert end not in tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode(text, allowed_special=[END_OF_TEXT]).count(end) == 1
    with pytest.raises(ValueError, match="unknown special"):
        tokenizer.encode(text, allowed_special=["<|x|>"])


def test_a_special_token_that_is_not_allowed_leaves_no_trace():
    tokenizer = ByteLevelBPE([(27, 91)], ["<|a|>", "<|a|><|b|>", "| |"])  # 27, 91: "<", "|"
    a, ab, _ = tokenizer.special_tokens.values()
    ordinary, text = tokenizer.encode("<|b|>"), "x<|a|><|b|>| |"
    assert tokenizer.encode(text, allowed_special=["<|a|>"])[1 : 2 + len(ordinary)] == [
        a,
        *ordinary,
    ]
    assert tokenizer.encode(text, allowed_special=["<|a|>", "<|a|><|b|>"])[1] == ab
    assert tokenizer.encode("<| |x", allowed_special=["<|a|>"]) == tokenizer.encode("<| |x")


def test_special_tokens_as_hugging_face_reads_them(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    specials = ["<|a|>", "<|a|><|b|>", "<| c d |>", "é|"]
    ours = ByteLevelBPE.train(TEXTS, 320, specials)
    ours.save(tmp_path / "tokenizer.json")
    reference = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ["<|a|><|b|>low<|a|> <| c d |>cat's é|é", "<|a|", "<|b|><|a|><|a|>", ""]:
        assert ours.encode(text, allowed_special=specials) == reference.encode(text).ids


def test_byte_lengths_add_up_to_the_text(tokenizer):
    text = TEXTS[1]
    assert sum(tokenizer.byte_lengths[i] for i in tokenizer.encode(text)) == len(text.encode())
    assert tokenizer.byte_lengths[tokenizer.special_tokens[END_OF_TEXT]] == 0


def test_half_a_character_decodes_to_a_replacement_or_its_byte(tokenizer):
    ids = ByteLevelBPE([]).encode("é")
    assert ByteLevelBPE([]).decode(ids[:1]) == "\ufffd"
    assert ByteLevelBPE([]).decode_bytes(ids[:1]) == b"\xc3"
    with pytest.raises(UnicodeDecodeError):
        ByteLevelBPE([]).decode(ids[:1], errors="strict")
    assert tokenizer.decode([]) == ""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.decode([t.vocab_size]), "id 320 is outside the vocabulary"),
        (lambda t: t.decode([5, -1]), "id -1 is outside the vocabulary"),
        (lambda t: t.token_bytes(999), "ids run from 0 to 319"),
        (lambda t: t.encode("a\ud800b"), "lone surrogate"),
        (lambda t: t.encode("a\ud800b", allowed_special=[END_OF_TEXT]), "lone surrogate"),
        (lambda t: t.encode("x", allowed_special=END_OF_TEXT), "unknown special"),
        (lambda t: ByteLevelBPE([], pattern="[a-z]+").encode("a b"), "leaves out characters"),
        (lambda t: ByteLevelBPE([], pattern="(a)|(b)"), "captures a group"),
        (lambda t: ByteLevelBPE([(0, 999)]), "only ids below 256"),
        (lambda t: ByteLevelBPE([(0, 1), (0, 1)]), "is a token already"),
        (
            lambda t: ByteLevelBPE([(0, 1), (1, 2), (256, 2), (0, 257)]),
            "merge 3.* is a token already",
        ),
        (lambda t: ByteLevelBPE([], ["<a>", "<a>"]), "distinct"),
        (lambda t: ByteLevelBPE([], [""]), "not empty"),
        (lambda t: ByteLevelBPE([], ["<\udfff>"]), "lone surrogate"),
        (lambda t: ByteLevelBPE([(64, 65)], ["ab"]), "ordinary tokens already"),
    ],
)
def test_bad_input_is_one_clear_sentence(tokenizer, call, message):
    with pytest.raises(ValueError, match=message):
        call(tokenizer)
