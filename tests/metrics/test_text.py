"""Translations, summaries and transcripts, on the worked examples of the papers."""

import math

import pytest

from llm_nb.metrics import bleu, character_error_rate, characters, chrf, rouge, word_error_rate

CAT = ["The cat is on the mat.", "There is a cat on the mat."]  # Papineni et al. 2002, example 2
# Their example 1: two candidates and three references.
GUIDE = [
    "It is a guide to action that ensures that the military will forever heed Party commands.",
    "It is the guiding principle which guarantees the military forces always being under the "
    "command of the Party.",
    "It is the practical guide for the army always to heed the directions of the party.",
]
CANDIDATE_1 = "It is a guide to action which ensures that the military always obeys the commands of the party."
CANDIDATE_2 = "It is to insure the troops forever hearing the activity guidebook that party direct."


def words(text):
    """As the paper counts: lower case, no full stop."""
    return text.lower().replace(".", "")


def test_papinenis_clipped_counts():
    score = bleu([[words(t) for t in CAT]], ["the the the the the the the"], tokenize="none")
    assert score.counts[0] == 2  # "the" stands twice in the first reference, so no more count
    assert score.totals[0] == 7
    assert score.precisions[0] == pytest.approx(100 * 2 / 7)
    references = [[words(t) for t in GUIDE]]
    for candidate, unigrams, bigrams in (
        (CANDIDATE_1, (17, 18), (10, 17)),
        (CANDIDATE_2, (8, 14), (1, 13)),
    ):
        score = bleu(references, [words(candidate)], tokenize="none")
        assert (score.counts[0], score.totals[0]) == unigrams
        assert (score.counts[1], score.totals[1]) == bigrams


def test_bleu_of_a_corpus_is_not_the_mean_of_sentences():
    references, hypotheses = [["a b c d e"], ["f g h i j k"]], ["a b c d e", "f g h x y z"]
    score = bleu(references, hypotheses, tokenize="none")
    assert score.counts == [8, 6, 4, 2]
    assert score.totals == [11, 9, 7, 5]
    expected = math.exp(sum(math.log(p) for p in (8 / 11, 6 / 9, 4 / 7, 2 / 5)) / 4)
    assert score.score == pytest.approx(100 * expected)


def test_brevity_penalty():
    score = bleu([["a b c d e f g h"]], ["a b c d e f"], tokenize="none")
    assert score.bp == pytest.approx(math.exp(1 - 8 / 6))
    assert score.score == pytest.approx(100 * math.exp(1 - 8 / 6))


def test_sentences_may_have_references_of_different_number():
    score = bleu([["a b c d", "x y z w"], ["e f g h"]], ["x y z w", "e f g h"], tokenize="none")
    assert score.score == pytest.approx(100)


def test_chinese_needs_its_tokeniser():
    references, hypotheses = [["我昨天在北京看了一本书。"]], ["我昨天在北京买了一本书。"]
    assert bleu(references, hypotheses).totals[0] == 1  # as English: one long word
    score = bleu(references, hypotheses, tokenize="zh")
    assert (score.counts[0], score.totals[0]) == (11, 12)
    assert 60 < score.score < 90


def test_chrf():
    assert chrf([["the cat"]], ["the cat"]).score == pytest.approx(100)
    assert chrf([["北京大学"]], ["天津"]).score == 0
    # By hand. ab against abc, spaces aside: 1-grams P 2/2 R 2/3, 2-grams P 1/1 R 1/2; longer ones
    # exist on one side at most and are left out. F with β = 2 of the means P 1, R 7/12.
    p, r = 1, 7 / 12
    assert chrf([["a b c"]], ["ab"]).score == pytest.approx(100 * 5 * p * r / (4 * p + r))
    assert chrf([["a b c"]], ["ab"], word_order=2).score < chrf([["a b c"]], ["ab"]).score


def test_lins_example():
    """Lin 2004, section 3.1: ROUGE-2 cannot tell S2 from S3, ROUGE-L can."""
    reference = "police killed the gunman"
    s2, s3, s4 = "police kill the gunman", "the gunman kill police", "the gunman police killed"
    assert rouge([reference], [s2])["rougeL"] == pytest.approx((3 / 4, 3 / 4, 3 / 4))
    assert rouge([reference], [s3])["rougeL"] == pytest.approx((2 / 4, 2 / 4, 2 / 4))
    assert rouge([reference], [s4])["rougeL"] == pytest.approx((2 / 4, 2 / 4, 2 / 4))
    for system in (s2, s3):
        assert rouge([reference], [system])["rouge2"] == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert rouge([reference], [s4])["rouge2"].recall == pytest.approx(2 / 3)
    assert rouge([reference], [s3])["rouge1"].f1 == pytest.approx(3 / 4)
    assert rouge([reference], [s3], stem=True)["rouge1"].f1 == 1  # killed and kill


def test_precision_and_recall_are_not_exchanged_and_the_mean_is_over_pairs():
    scores = rouge(["a b c d", "x y"], ["a b", "x y"])
    assert scores["rouge1"] == pytest.approx((1, 3 / 4, (2 / 3 + 1) / 2))


def test_lsum_takes_lines_as_sentences():
    """Lin 2004, section 3.2: the union of what each line has in common with the reference.

    Read through, w2 comes too late to be in a common subsequence with w3 and w5.
    """
    scores = rouge(["w1 w2 w3 w4 w5"], ["w1 w3 w8 w9 w5\nw1 w2 w6 w7 w8"])
    assert scores["rougeLsum"].recall == pytest.approx(4 / 5)
    assert scores["rougeL"].recall == pytest.approx(3 / 5)


def test_rouge_in_chinese():
    assert characters("北京 大学") == ["北", "京", "大", "学"]
    scores = rouge(["我爱北京"], ["我在北京"], tokens=characters)
    assert scores["rouge1"].f1 == pytest.approx(3 / 4)
    assert scores["rouge2"].f1 == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="pass tokens=characters"):
        rouge(["我爱北京"], ["我在北京"])


def test_word_and_character_errors_by_hand():
    # One word replaced, one left out, one put in: 3 of 6.
    reference, said = "the cat sat on the mat", "a cat sat the mat today"
    assert word_error_rate([reference], [said]) == pytest.approx(3 / 6)
    assert word_error_rate(["a b", "c d e f"], ["a b", "c x e"]) == pytest.approx(2 / 6)
    assert word_error_rate(["a"], ["b c d"]) == 3
    assert word_error_rate(["a b"], [""]) == 1
    assert character_error_rate(["kitten"], ["sitting"]) == pytest.approx(3 / 6)  # Levenshtein's


def test_chinese_errors_are_counted_by_characters():
    assert character_error_rate(["今天天气很好"], ["今天 天汽好"]) == pytest.approx(2 / 6)
    assert word_error_rate(["今天天气很好"], ["今天 天汽好"]) == 2  # as words it says nothing


PAIRED = [bleu, chrf, rouge, word_error_rate, character_error_rate]


@pytest.mark.parametrize("metric", PAIRED)
def test_lists_that_do_not_match(metric):
    one = [["a"]] if metric in (bleu, chrf) else ["a"]
    with pytest.raises(ValueError, match="1 gold values but 2 predicted"):
        metric(one, ["a", "b"])
    with pytest.raises(ValueError, match="both lists are empty"):
        metric([], [])
    with pytest.raises(ValueError, match="predicted is one string"):
        metric(one, "a")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bleu(["a"], ["a"]), "references of a sentence are 'a'"),
        (lambda: chrf([[]], ["a"]), r"references of a sentence are \[\]"),
        (lambda: bleu([["a"]], ["a"], tokenize="jieba"), "tokenize is 'jieba': use one of"),
        (lambda: word_error_rate(["a", " "], ["a", "b"]), "reference 1 is empty"),
        (lambda: character_error_rate([""], ["b"]), "reference 0 is empty"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
