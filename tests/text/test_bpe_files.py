"""Files of a byte-level BPE: tokenizer.json to and from Hugging Face, GPT-2's two, damage."""

import json

import pytest

from llm_nb.text.bpe import END_OF_TEXT, GPT2_PATTERN, ByteLevelBPE

TEXTS = [
    "low lower lowest\nThe cat's hat isn't here; we'll see 12345 cats.",
    "北京 is 首都。 naïve café — 🙂🙂   \t\n  trailing ",
    "for i in range(10):\n    print(i, end='')\n" * 3,
]
# GPT-4's splitting: cl100k_base's pattern, written without its possessive marks.
OTHER_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.fixture(scope="module")
def tokenizer():
    return ByteLevelBPE.train(TEXTS, 320, [END_OF_TEXT])


@pytest.fixture(scope="module")
def gpt2(real_data):
    folder = real_data / "gpt2-vocab"
    return ByteLevelBPE.from_gpt2_files(folder / "encoder.json", folder / "vocab.bpe")


@pytest.fixture
def saved(tokenizer, tmp_path):
    """A file that can be spoilt, and its content."""
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    return path, json.loads(path.read_text("utf-8"))


def state(tokenizer):
    return tokenizer.merges, tokenizer.special_tokens, tokenizer.pattern, tokenizer.vocab_size


# -- tokenizer.json ---------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, OTHER_PATTERN, r"[a-z]+|[^a-z]+"])
@pytest.mark.parametrize("specials", [[], ["<|a b|>", END_OF_TEXT, "\n<é🙂>\t"]])
def test_save_and_load_keep_everything(pattern, specials, tmp_path):
    before = ByteLevelBPE.train(TEXTS, 300, specials, pattern)
    before.save(tmp_path / "t.json")
    after = ByteLevelBPE.load(tmp_path / "t.json")
    assert state(after) == state(before)
    text = "".join([*TEXTS, *specials])
    for allowed in ((), specials):
        ids = before.encode(text, allowed_special=allowed)
        assert after.encode(text, allowed_special=allowed) == ids


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, OTHER_PATTERN])
def test_hugging_face_reads_ours_and_ours_reads_hugging_faces(pattern, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    ours = ByteLevelBPE.train(TEXTS, 320, [END_OF_TEXT, "<| x y |>"], pattern)
    ours.save(tmp_path / "tokenizer.json")
    reference = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in [*TEXTS, "IT'S 1234567\r\n\r\n x", "", " "]:
        assert reference.encode(text, add_special_tokens=False).ids == ours.encode(text)
        assert reference.decode(ours.encode(text)) == text
    assert reference.get_vocab_size() == ours.vocab_size
    assert reference.token_to_id(END_OF_TEXT) == ours.special_tokens[END_OF_TEXT]
    reference.save(str(tmp_path / "again.json"))
    assert state(ByteLevelBPE.load(tmp_path / "again.json")) == state(ours)


def test_hugging_face_reads_gpt2_as_ours_saves_it(gpt2, real_data, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    gpt2.save(tmp_path / "tokenizer.json")
    reference = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    lines = (real_data / "wikitext-2" / "valid.txt").read_text("utf-8").split("\n")[:500]
    assert [e.ids for e in reference.encode_batch(lines)] == [gpt2.encode(line) for line in lines]


def test_reads_what_hugging_face_has_trained(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    pre = tokenizers.pre_tokenizers
    reference = tokenizers.Tokenizer(tokenizers.models.BPE())
    reference.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=pre.ByteLevel.alphabet(), show_progress=False
    )
    reference.train_from_iterator(TEXTS, trainer)
    reference.add_special_tokens([END_OF_TEXT, "<|x y|>"])
    reference.save(str(tmp_path / "tokenizer.json"))
    ours = ByteLevelBPE.load(tmp_path / "tokenizer.json")
    for text in [*TEXTS, f"{END_OF_TEXT}low<|x y|>"]:
        ids = ours.encode(text, allowed_special=[END_OF_TEXT, "<|x y|>"])
        assert ids == reference.encode(text).ids


def test_reads_what_transformers_saves(gpt2, real_data, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = real_data / "gpt2-vocab"
    hub = transformers.GPT2Tokenizer(
        vocab=str(folder / "encoder.json"), merges=str(folder / "vocab.bpe")
    )
    hub.save_pretrained(tmp_path)
    assert state(ByteLevelBPE.load(tmp_path / "tokenizer.json")) == state(gpt2)


@pytest.mark.parametrize("as_pairs", [True, False])
def test_reads_the_released_style(gpt2, real_data, tmp_path, as_pairs):
    """As on the hub: ByteLevel alone, the special token in the vocabulary too, "Ġ t" or a pair."""
    vocab = json.loads((real_data / "gpt2-vocab" / "encoder.json").read_text("utf-8"))
    merges = (real_data / "gpt2-vocab" / "vocab.bpe").read_text("utf-8").split("\n")[1:-1]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    data = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": 50256, "special": True, "content": END_OF_TEXT, **flags}],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": byte_level | {"trim_offsets": False},
        "decoder": byte_level,
        "model": {
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "vocab": vocab,
            "merges": [line.split(" ") for line in merges] if as_pairs else merges,
        },
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(data), "utf-8")
    assert state(ByteLevelBPE.load(tmp_path / "tokenizer.json")) == state(gpt2)


# -- OpenAI's two files -----------------------------------------------------------------------


def test_gpt2_files_are_written_as_released(gpt2, real_data, tmp_path):
    gpt2.save_gpt2_files(tmp_path / "encoder.json", tmp_path / "vocab.bpe")
    folder = real_data / "gpt2-vocab"
    for name in ("encoder.json", "vocab.bpe"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_own_gpt2_files_are_read_back_here_and_by_hugging_face(tokenizer, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    files = [tmp_path / "encoder.json", tmp_path / "vocab.bpe"]
    tokenizer.save_gpt2_files(*files)
    assert state(ByteLevelBPE.from_gpt2_files(*files)) == state(tokenizer)
    reference = tokenizers.Tokenizer(tokenizers.models.BPE.from_file(*map(str, files)))
    reference.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    for text in TEXTS:
        assert reference.encode(text).ids == tokenizer.encode(text)


@pytest.mark.parametrize(
    "unfit",
    [
        ByteLevelBPE([]),
        ByteLevelBPE([], ["<a>", "<b>"]),
        ByteLevelBPE([], [END_OF_TEXT], OTHER_PATTERN),
    ],
)
def test_what_gpt2_files_cannot_hold_is_refused(unfit, tmp_path):
    with pytest.raises(ValueError, match="use save"):
        unfit.save_gpt2_files(tmp_path / "encoder.json", tmp_path / "vocab.bpe")
    assert list(tmp_path.iterdir()) == []


# -- damage -----------------------------------------------------------------------------------


def truncated(text):
    return text[: len(text) // 2]


def repeated(text):
    lines = text.split("\n")
    return "\n".join([*lines[:9], lines[3], *lines[9:]])


def swapped(text):
    lines = text.split("\n")
    return "\n".join([*lines[:5], lines[6], lines[5], *lines[7:]])


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("vocab.bpe", truncated, "cut short"),
        ("vocab.bpe", repeated, "repeats 1 merge.* the first is"),
        ("vocab.bpe", swapped, "merge 4.* the file is damaged"),
        ("vocab.bpe", lambda text: text.replace("\nl o\n", "\nl o w\n"), "the file is damaged"),
        ("encoder.json", truncated, "not whole JSON"),
        ("encoder.json", lambda text: "[1, 2]", "not whole JSON"),
        ("encoder.json", lambda text: text.replace('"!": 0', '"!!": 0'), "byte 33 has id None"),
    ],
)
def test_damaged_gpt2_files_are_named(tokenizer, tmp_path, name, spoil, message):
    files = [tmp_path / "encoder.json", tmp_path / "vocab.bpe"]
    tokenizer.save_gpt2_files(*files)
    path = tmp_path / name
    before = path.read_text("utf-8")
    path.write_text(spoil(before), "utf-8")
    assert path.read_text("utf-8") != before
    with pytest.raises(ValueError, match=message) as raised:
        ByteLevelBPE.from_gpt2_files(*files)
    assert str(path) in str(raised.value) or name == "encoder.json"


def test_files_that_are_no_text_are_named(tokenizer, saved, tmp_path):
    files = [tmp_path / "encoder.json", tmp_path / "vocab.bpe"]
    tokenizer.save_gpt2_files(*files)
    saved[0].write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a whole byte-level BPE"):
        ByteLevelBPE.load(saved[0])
    files[1].write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not whole UTF-8"):
        ByteLevelBPE.from_gpt2_files(*files)


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_tokenizer_is_named(saved, share):
    path, _ = saved
    text = path.read_text("utf-8")
    path.write_text(text[: int(len(text) * share)], "utf-8")
    with pytest.raises(ValueError, match="not a whole byte-level BPE"):
        ByteLevelBPE.load(path)


def change(*keys, to):
    """A function that puts ``to`` at a place in a JSON value."""

    def spoil(data):
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = to

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change("model", to={"type": "WordPiece", "vocab": {}}), "of type WordPiece, not BPE"),
        (change("model", to={"type": "Unigram", "vocab": []}), "of type Unigram, not BPE"),
        (change("model", to=[]), "not a whole byte-level BPE"),
        (lambda data: data.pop("added_tokens"), "not a whole byte-level BPE"),
        (lambda data: data["model"].pop("merges"), "not a whole byte-level BPE"),
        (change("model", "merges", 3, to=7), "not a whole byte-level BPE"),
        (change("model", "vocab", "!", to=7), "not GPT-2's byte order"),
        (lambda data: data["model"]["merges"].append(data["model"]["merges"][0]), "have the ids"),
        (lambda d: d["model"]["merges"].__setitem__(5, d["model"]["merges"][0]), "repeats 1 merge"),
        (lambda data: data["model"]["merges"].reverse(), "merge 0.* damaged"),
        (change("model", "vocab", "zzz", to=999), "merges are missing"),
        (change("added_tokens", 0, "id", to=0), "follow the merges"),
        (change("pre_tokenizer", to=None), "not a whole byte-level BPE"),
        (change("pre_tokenizer", to={"type": "Whitespace"}), "pre-tokenizers other"),
        (change("pre_tokenizer", "pretokenizers", 0, "behavior", to="Removed"), "not Isolated"),
        (change("pre_tokenizer", "pretokenizers", 0, "invert", to=True), "inverted"),
        (change("pre_tokenizer", "pretokenizers", 0, "pattern", to={"String": " "}), "'Regex'"),
        (change("pre_tokenizer", "pretokenizers", 1, "use_regex", to=True), "use_regex"),
        (change("pre_tokenizer", "pretokenizers", 1, "add_prefix_space", to=True), "prefix_space"),
        (change("normalizer", to={"type": "NFC"}), "a normalizer"),
        (change("model", "dropout", to=0.1), "dropout"),
        (change("model", "end_of_word_suffix", to="</w>"), "end_of_word_suffix"),
        (change("added_tokens", 0, "lstrip", to=True), "lstrip"),
    ],
)
def test_a_tokenizer_that_is_damaged_or_another_is_refused(saved, spoil, message):
    path, data = saved
    spoil(data)
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(ValueError, match=message) as raised:
        ByteLevelBPE.load(path)
    assert str(path) in str(raised.value)
