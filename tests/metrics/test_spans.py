"""Spans as SQuAD's script, entities as seqeval, words as the bakeoff score them."""

import json
import os
import random
import subprocess
import sys

import pytest

from llm_nb.metrics import (
    Score,
    chinese_tokens,
    entities,
    entity_scores,
    segmentation_scores,
    span_scores,
    squad_tokens,
)


@pytest.mark.parametrize(
    ("gold", "said", "exact", "f1"),
    [
        (["Denver Broncos"], "the Denver  Broncos.", 100, 100),  # article, spaces, full stop
        (["Denver Broncos"], "Broncos", 0, 200 / 3),  # P 1, R 1/2
        (["Denver Broncos"], "Carolina Panthers", 0, 0),
        (["in 1992", "1992", "around 1992"], "1992!", 100, 100),  # the best of the right answers
        (["a cat and a dog"], "dog and cat", 0, 100),  # the order is free in F1
        (["the the cat"], "cat cat", 0, 200 / 3),  # counted as often as it stands
        (["theatre"], "atre", 0, 0),  # an article is a word, not the start of one
        (["U.S."], "US", 100, 100),  # punctuation goes, and joins
        (["the"], "an", 100, 0),  # nothing is left: equal, but no token in common
        (["x"], "", 0, 0),
        (["Zürich–Genève"], "zürich genève", 0, 0),  # only ASCII punctuation goes
    ],
)
def test_squads_cases(gold, said, exact, f1):
    assert span_scores([gold], [said]) == pytest.approx((exact, f1))


def test_the_mean_is_over_questions():
    golds = [["Denver Broncos"], ["1992"], ["x"]]
    scores = span_scores(golds, ["Broncos", "1992", "y"])
    assert scores == pytest.approx((100 / 3, (200 / 3 + 100) / 3))
    assert squad_tokens("  An apple,\nthe PEAR's a-b ") == ["apple", "pears", "ab"]


def test_chinese_answers():
    assert chinese_tokens("《北京》大学 NLP 2024年!") == [
        "北",
        "京",
        "大",
        "学",
        "nlp",
        "2024",
        "年",
    ]
    assert span_scores([["北京大学"]], ["北京，大学。"], chinese_tokens) == (100, 100)
    # 2 of 2 said, 2 of 4 true
    assert span_scores([["北京大学"]], ["北京"], chinese_tokens) == pytest.approx((0, 200 / 3))
    assert span_scores([["北京大学"]], ["北京"]) == (0, 0)  # as English, each is one word


@pytest.mark.parametrize(("language", "tokens"), [("en", squad_tokens), ("zh", chinese_tokens)])
def test_every_answer_of_xquad_equals_itself(real_data, language, tokens):
    path = real_data / "xquad" / f"xquad.{language}.json"
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    questions = [q for a in articles for p in a["paragraphs"] for q in p["qas"]]
    golds = [[answer["text"] for answer in q["answers"]] for q in questions]
    assert len(golds) == 1190
    assert span_scores(golds, [g[0] for g in golds], tokens) == (100, 100)
    longer = [[g[0]] for g in golds]
    scores = span_scores(longer, [f"{g[0]} 错 wrong" for g in golds], tokens)
    assert scores.exact_match == 0
    assert 50 < scores.f1 < 95


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("B-PER I-PER O B-LOC", [("PER", 0, 1), ("LOC", 3, 3)]),
        ("B-PER B-PER", [("PER", 0, 0), ("PER", 1, 1)]),
        ("I-PER I-PER O I-PER", [("PER", 0, 1), ("PER", 3, 3)]),  # IOB1, or a missing B
        ("B-PER I-LOC I-LOC", [("PER", 0, 0), ("LOC", 1, 2)]),  # the type changes
        ("B-PER I-PER E-PER S-LOC", [("PER", 0, 2), ("LOC", 3, 3)]),  # IOBES
        ("S-PER I-PER E-PER E-PER", [("PER", 0, 0), ("PER", 1, 2), ("PER", 3, 3)]),
        ("B-work-of-art I-work-of-art", [("work-of-art", 0, 1)]),
        ("O O", []),
        ("", []),
    ],
)
def test_entities(tags, found):
    assert entities(tags.split()) == found


def test_seqevals_own_example():
    gold = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    said = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    scores = entity_scores(gold, said)
    assert scores.micro == (0.5, 0.5, 0.5)
    assert scores.macro == (0.5, 0.5, 0.5)
    assert scores.by_type == {"MISC": Score(0, 0, 0), "PER": Score(1, 1, 1)}


def test_what_was_never_said_or_never_there():
    nothing = entity_scores([["O"]], [["O"]])
    assert nothing.micro == nothing.macro == Score(0, 0, 0)
    scores = entity_scores([["B-A", "B-B", "B-B"]], [["B-A", "O", "B-C"]])
    assert scores.micro == pytest.approx((1 / 2, 1 / 3, 2 / 5))
    assert scores.macro == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert set(scores.by_type) == {"A", "B", "C"}


def test_real_tags(real_data):
    text = (real_data / "wnut17" / "emerging.dev.conll").read_text(encoding="utf-8")
    blocks = [block.split("\n") for block in text.split("\n\n")]
    sentences = [
        [line.split("\t")[1].strip() for line in block if "\t" in line] for block in blocks
    ]
    sentences = [tags for tags in sentences if tags]
    assert entity_scores(sentences, sentences).micro == Score(1, 1, 1)
    n = sum(len(entities(tags)) for tags in sentences)
    assert n == sum(tag.startswith("B-") for tags in sentences for tag in tags)  # IOB2 is clean
    assert n > 500


@pytest.fixture(scope="session")
def seqeval(tmp_path_factory):
    """The reference; its build needs an older setuptools_scm, so only CI goes to that trouble."""
    if not os.environ.get("CI"):
        pytest.skip("seqeval is built from its sources in CI only (CI is not set)")
    folder = tmp_path_factory.mktemp("seqeval")
    constraint = folder / "constraint.txt"
    constraint.write_text("setuptools_scm<8\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
    done = subprocess.run(
        [*command, str(folder / "site"), "seqeval==1.2.2"],
        env={**os.environ, "PIP_CONSTRAINT": str(constraint)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr.strip()[-300:]
    sys.path.insert(0, str(folder / "site"))
    try:
        import seqeval.metrics as reference
    finally:
        sys.path.pop(0)
    return reference


@pytest.mark.parametrize("prefixes", ["BI", "BIES"])
def test_thousands_of_random_tags_against_seqeval(seqeval, prefixes):
    generator = random.Random(prefixes)
    kinds = ["PER", "LOC", "work-of-art"]
    tags = ["O", "O", *(f"{p}-{k}" for p in prefixes for k in kinds)]
    for _ in range(1500):
        gold = [generator.choices(tags, k=generator.randint(1, 9)) for _ in range(2)]
        said = [
            [tag if generator.random() < 0.7 else generator.choice(tags) for tag in sentence]
            for sentence in gold
        ]
        for sentence in gold:
            assert entities(sentence) == seqeval.sequence_labeling.get_entities(sentence)
        ours = entity_scores(gold, said)
        for name, scores in (("micro", ours.micro), ("macro", ours.macro)):
            if ours.by_type:
                expected = seqeval.sequence_labeling.precision_recall_fscore_support(
                    gold, said, average=name, zero_division=0
                )
                assert scores == pytest.approx(expected[:3])


def test_words_as_the_bakeoff_counts_them():
    gold = [["研究", "生命", "起源"], ["我", "爱", "北京"]]
    assert segmentation_scores(gold, gold) == (1, 1, 1)
    predicted = [["研究生", "命", "起源"], ["我", "爱", "北", "京"]]
    # Right are 起源, 我 and 爱: three of seven predicted, three of six in gold.
    assert segmentation_scores(gold, predicted) == pytest.approx((3 / 7, 3 / 6, 6 / 13))
    assert segmentation_scores([["a", " ", "b c"]], [["a", "bc "]]) == (1, 1, 1)
    assert segmentation_scores([["ab"]], [["a", "b"]]) == (0, 0, 0)
    assert segmentation_scores([[]], [[" "]]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: span_scores([["a"]], ["a", "b"]), "1 gold values but 2 predicted"),
        (lambda: span_scores([], []), "both lists are empty"),
        (lambda: span_scores(["a"], ["a"]), "gold answers to a question are 'a'"),
        (lambda: span_scores([[]], ["a"]), r"are \[\]: give a list of one or more"),
        (lambda: entity_scores([["O"]], []), "1 gold values but 0 predicted"),
        (lambda: entity_scores([], []), "both lists are empty"),
        (lambda: entity_scores([["O", "O"]], [["O"]]), "a sentence has 2 tags and 1 predictions"),
        (lambda: segmentation_scores([["a"]], []), "1 gold values but 0 predicted"),
        (lambda: segmentation_scores([["a"], ["b"]], [["a"], ["c"]]), "sentence 1 has other"),
        (lambda: entities(["X-PER"]), "'X-PER' is no tag"),
        (lambda: entities(["B"]), "'B' is no tag"),
        (lambda: entities(["PER"]), "'PER' is no tag"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
