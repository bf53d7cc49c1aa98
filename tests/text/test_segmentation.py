"""Chinese words: the textbook's ambiguities, jieba left alone, both scored."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.text.segmentation import (
    Jieba,
    backward_maximum_matching,
    characters,
    forward_maximum_matching,
)

WORDS = {"研究", "研究生", "生命", "起源", "北京", "大学", "北京大学"}


def test_characters():
    assert characters("我用 Python3 写 BERT-base，共1.1亿！") == [
        *("我", "用", "Python3", "写", "BERT-base", "，", "共", "1.1", "亿", "！")
    ]
    assert characters("") == []


def test_maximum_matching():
    assert forward_maximum_matching("研究生命起源", WORDS) == ["研究生", "命", "起源"]
    assert backward_maximum_matching("研究生命起源", WORDS) == ["研究", "生命", "起源"]
    assert forward_maximum_matching("在北京大学", WORDS) == ["在", "北京大学"]
    assert forward_maximum_matching("北京", []) == ["北", "京"]
    assert forward_maximum_matching("", WORDS) == []


@given(st.text("研究生命起"), st.sets(st.text("研究生命起", min_size=1, max_size=4)))
def test_matching_takes_the_longest_word_that_fits(text, words):
    for found in (forward_maximum_matching(text, words), backward_maximum_matching(text, words)):
        assert "".join(found) == text
        assert all(len(word) == 1 or word in words for word in found)
    at = 0
    for word in forward_maximum_matching(text, words):
        longer = [w for w in words if text.startswith(w, at) and len(w) > len(word)]
        assert longer == []
        at += len(word)


@pytest.fixture(scope="module")
def jieba():
    return Jieba()


def test_the_examples_of_jieba(jieba):
    """From jieba's own README."""
    assert jieba.cut("我来到北京清华大学") == ["我", "来到", "北京", "清华大学"]
    assert jieba.cut("他来到了网易杭研大厦") == ["他", "来到", "了", "网易", "杭研", "大厦"]
    assert jieba.cut_all("我来到北京清华大学") == [
        *("我", "来到", "北京", "清华", "清华大学", "华大", "大学")
    ]
    assert jieba.cut_for_search("小明硕士毕业于中国科学院计算所")[:7] == [
        *("小明", "硕士", "毕业", "于", "中国", "科学", "学院")
    ]
    assert jieba.tag("我爱北京天安门") == [
        ("我", "r"),
        ("爱", "v"),
        ("北京", "ns"),
        ("天安门", "ns"),
    ]
    assert "杭研" not in jieba.cut("他来到了网易杭研大厦", new_words=False)


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.one_of(st.sampled_from("我来到北京清华大学 aB1.\n"), st.characters(codec="utf-8")))
)
def test_cut_loses_nothing(jieba, text):
    assert "".join(jieba.cut(text)) == text


def test_words_of_ones_own_stay_ones_own(jieba):
    text = "李小福是创新办主任也是云计算方面的专家"
    own = Jieba(["创新办", "云计算"])
    assert {"创新办", "云计算"} <= set(own.cut(text))
    assert {"创新办", "云计算"} <= {word for word, _ in own.tag(text)}
    assert "创新办" not in jieba.cut(text)
    assert "创新办" not in Jieba().cut(text)
    import jieba as library

    assert not library.dt.initialized
    assert library.dt.FREQ == {}


def test_processes_at_once_leave_nothing_behind(tmp_path):
    """No log lines, no cache in the temporary folder to trip over."""
    code = "from llm_nb.text.segmentation import Jieba; print(Jieba().tag('中国')[0][0])"
    env = dict(os.environ, TMPDIR=str(tmp_path), TEMP=str(tmp_path), PYTHONIOENCODING="utf-8")
    command = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out.decode().strip(), err.decode()) == (0, "中国", "")
    assert list(tmp_path.iterdir()) == []


def test_matching_and_jieba_compared(jieba):
    """The chapter's comparison: the dictionary alone, both ways, and a probable path."""
    pytest.importorskip("torch")  # which the text floor needs not, but metrics do
    from llm_nb.metrics import segmentation_scores

    sentence, gold = "研究生命起源", [["研究", "生命", "起源"]]
    forward = segmentation_scores(gold, [forward_maximum_matching(sentence, WORDS)])
    backward = segmentation_scores(gold, [backward_maximum_matching(sentence, WORDS)])
    probable = segmentation_scores(gold, [jieba.cut(sentence)])
    assert forward.f1 < backward.f1 == probable.f1 == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Jieba("创新办"), "one string"),
        (lambda: Jieba([""]), "is empty or has white space"),
        (lambda: Jieba(["云 计算"]), "'云 计算' is empty or has white space"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
