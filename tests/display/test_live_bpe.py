"""The tokenizer in JavaScript cuts as the package's does, and puts together again."""

from __future__ import annotations

import random
import unicodedata

import regex

from llm_nb.data.corpora import language_reference, standard_library
from llm_nb.display.live.frame import visible
from llm_nb.shipped import SHIPPED
from llm_nb.text.bpe import ByteLevelBPE
from tests.display.node import in_node

TOKENIZER = ByteLevelBPE.load(SHIPPED / "tokenizer.json")
MERGES = [i for pair in TOKENIZER.merges for i in pair]
SPECIALS = list(TOKENIZER.special_tokens)
MADE = "((t) => %s)(m.tokenizer(x.merges, x.specials))"
ODD = [
    *"'’ \t\n\r\v\f\x1c\x85\xa0\u2028\u3000\ufeff\u200bé\u0301ß中文🙂👩‍👩‍👧0١²ⅷ_-",
    "'s",
    "'LL",
    "  ",
]


def known(c: str) -> bool:
    """Assigned in this Python's Unicode: what came later, each side may know or not."""
    return unicodedata.category(c) not in ("Cn", "Cs")


def run(expression: str, **values: object) -> list:
    [found] = in_node("bpe", MADE % expression, {"merges": MERGES, "specials": SPECIALS} | values)
    return found


def test_texts_made_up() -> None:
    """Of any characters, and of odd ones with words: the tokens, and the text again."""
    rng = random.Random(0)
    characters = list(filter(known, map(chr, range(0x30000))))
    pieces = [*ODD, "def", "self", "don't", "<|endoftext|>"]
    texts = [
        "".join(rng.choices(kind, k=rng.randint(0, 40)))
        for kind in (characters, characters[:300], pieces)
        for _ in range(150)
    ]
    assert sum(map(len, texts)) > 2000
    found = run(
        "x.texts.map((text) => [t.encode(text), t.decode(t.encode(text)), t.split(text)])",
        texts=texts,
    )
    for text, (ids, back, words) in zip(texts, found, strict=True):
        assert ids == TOKENIZER.encode(text)
        assert back == text
        assert "".join(words) == text


def test_real_text() -> None:
    texts = [*standard_library().validation[:8], *language_reference().validation[:8]]
    texts += ["语言模型预测下一个词元。" * 3, "=" * 300 + "\n" * 70, ""]
    for text, ids in zip(texts, run("x.texts.map(t.encode)", texts=texts), strict=True):
        assert ids == TOKENIZER.encode(text)


def test_every_character_of_old_unicode_is_split_alike() -> None:
    """Letters, digits and blanks: between two letters and two marks, each can join or cut."""
    characters = filter(known, map(chr, range(0x30000)))
    text = "".join(f"a{c}b{c}{c}!{c}1 " for c in characters)
    pattern = regex.compile(TOKENIZER.pattern)
    assert run("t.split(x.text)", text=text) == pattern.findall(text)


def test_decoding_any_ids() -> None:
    """Bytes that are no UTF-8 become U+FFFD as in Python, a byte order mark stays."""
    texts = [[i] for i in range(0, 4096, 7)] + [
        TOKENIZER.encode("\ufeff中🙂é")[n:] for n in range(6)
    ]
    texts += [[(17 * i * i + 3 * n) % 4096 for i in range(30)] for n in range(200)]
    texts += [[(31 * i * n) % 256 for i in range(20)] for n in range(200)]
    for ids, text in zip(
        texts, run("x.texts.map((ids) => t.decode(ids))", texts=texts), strict=True
    ):
        assert text == TOKENIZER.decode(ids)


def test_a_character_that_has_only_begun_is_kept_back() -> None:
    ids = TOKENIZER.encode("a🙂")
    found = run(
        "x.ids.map((_, n) => [t.decode(x.ids.slice(0, n + 1), true), t.show(x.ids[n])])", ids=ids
    )
    assert found[0] == ["a", "a"]
    assert [text for text, _ in found[1:-1]] == ["a"] * (len(ids) - 2)
    assert found[-1][0] == "a🙂"
    assert all(regex.fullmatch(r"⟨[0-9A-F ]+⟩", shown) for _, shown in found[1:])


def test_what_a_token_looks_like() -> None:
    ids = [TOKENIZER.encode(" the")[0], TOKENIZER.encode("\n")[0], *TOKENIZER.encode("\x00"), 4095]
    assert run("x.ids.map(t.show)", ids=ids) == ["·the", "↵", "⟨U+0000⟩", "<|endoftext|>"]
    assert run("[t.special('<|endoftext|>')]") == [4095]


def test_signs_for_blanks_are_the_same_in_python() -> None:
    token = " a\tb\n"
    assert in_node("bpe", "m.visible(x)", token) == [visible(token)] == ["·a→b↵"]
