"""The words of the microworld: each a symbol with an English and a Chinese form.

A story is a sequence of symbols, and both languages say them in the same order, so that a story
and its translation come from one derivation. A symbol may be silent in one of them: English has
no 了, Chinese no "the". A symbol that can be *chosen* is heard in both, and no form of a choice
begins another form of it; then Chinese, written without spaces, is read in one way only.

Twelve names of people are names of towns too, in both languages: what such a name stands for
has to be read from its place in the sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

Symbol = int  # an index into SYMBOLS
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Entry:
    """A symbol's forms, an empty one silent, with their tags in Universal Dependencies (de
    Marneffe et al. 2021); ``entity`` is PER, LOC or nothing."""

    en: str
    zh: str
    en_pos: str
    zh_pos: str
    entity: str = ""


SYMBOLS: list[Entry] = []


def _words(pos: str, pairs: str, entity: str = "") -> tuple[Symbol, ...]:
    """New symbols, from ``english/chinese`` pairs and one tag, or two as ``AUX/VERB``."""
    en_pos, _, zh_pos = pos.partition("/")
    first = len(SYMBOLS)
    for pair in pairs.split():
        en, zh = pair.split("/")
        SYMBOLS.append(Entry(en, zh, en_pos, zh_pos or en_pos, entity))
    return tuple(range(first, len(SYMBOLS)))


_WOMEN_OR_TOWNS = (
    "Charlotte/夏洛特 Victoria/维多利亚 Sydney/悉尼 Madison/麦迪逊 Chelsea/切尔西 Adelaide/阿德莱德"
)
_MEN_OR_TOWNS = "Austin/奥斯汀 Dallas/达拉斯 Lincoln/林肯 Houston/休斯顿 Orlando/奥兰多 Denver/丹佛"

WOMEN = _words(
    "PROPN",
    "Mia/米娅 Anna/安娜 Lucy/露西 Emma/艾玛 Nora/诺拉 Lily/莉莉 Alice/爱丽丝 Clara/克拉拉 Diana/黛安娜 "
    "Ella/埃拉 Grace/格蕾丝 Helen/海伦 Irene/艾琳 Julia/朱莉娅 Kate/凯特 Laura/劳拉 Molly/莫莉 Ruth/露丝 "
    + _WOMEN_OR_TOWNS,
    "PER",
)
MEN = _words(
    "PROPN",
    "Tom/汤姆 Paul/保罗 Peter/彼得 Sam/萨姆 Max/马克斯 Leo/利奥 Adam/亚当 Bruno/布鲁诺 Carl/卡尔 David/大卫 "
    "Eric/埃里克 Felix/菲利克斯 Hugo/雨果 Ivan/伊万 Jacob/雅各布 Kevin/凯文 Martin/马丁 Simon/西蒙 "
    + _MEN_OR_TOWNS,
    "PER",
)
PLACES = _words(
    "PROPN",
    "Paris/巴黎 Rome/罗马 London/伦敦 Madrid/马德里 Vienna/维也纳 Oslo/奥斯陆 Athens/雅典 Cairo/开罗 "
    "Lima/利马 Tokyo/东京 Boston/波士顿 Chicago/芝加哥 Berlin/柏林 Prague/布拉格 Lisbon/里斯本 "
    "Dublin/都柏林 Moscow/莫斯科 Delhi/德里 Seoul/首尔 Hanoi/河内 Geneva/日内瓦 Milan/米兰 "
    "Naples/那不勒斯 Venice/威尼斯 Warsaw/华沙 Istanbul/伊斯坦布尔 Manila/马尼拉 Quito/基多 "
    f"{_WOMEN_OR_TOWNS} {_MEN_OR_TOWNS}",
    "LOC",
)
TOYS = _words(
    "NOUN",
    "ball/球 box/盒子 cup/杯子 bell/铃铛 kite/风筝 doll/娃娃 basket/篮子 drum/鼓 bottle/瓶子 bowl/碗 "
    "mask/面具 clock/钟 toy/玩具 pot/罐子 purse/钱包 vase/花瓶 pillow/枕头 helmet/头盔 whistle/哨子 "
    "bucket/水桶 ring/戒指 mirror/镜子 puppet/木偶 bag/袋子",
)
FOOD = _words(
    "NOUN",
    "apple/苹果 pear/梨 plum/李子 bun/面包 egg/鸡蛋 cake/蛋糕 pie/馅饼 date/枣 peach/桃子 lemon/柠檬 "
    "melon/甜瓜 mango/芒果 onion/洋葱 potato/土豆 tomato/番茄 fig/无花果 nut/坚果 pumpkin/南瓜 "
    "cherry/樱桃 coconut/椰子 dumpling/饺子 sandwich/三明治 burger/汉堡 pizza/披萨",
)
COLOURS = _words(
    "ADJ",
    "red/红色 green/绿色 blue/蓝色 white/白色 black/黑色 yellow/黄色 brown/棕色 pink/粉色 "
    "grey/灰色 purple/紫色 golden/金色 silver/银色",
)
NAMES = tuple(name for pair in zip(WOMEN, MEN, strict=True) for name in pair)
THINGS = tuple(thing for pair in zip(TOYS, FOOD, strict=True) for thing in pair)
FEMALE, EDIBLE = frozenset(WOMEN), frozenset(FOOD)

# What somebody can be said to do; one of them is chosen at every event.
(CAME, HAD, LIKED, WENT, STAYED, TOOK, DROPPED, KEPT, GAVE, LOST) = _words(
    "VERB",
    "came/来自 had/有 liked/喜欢 went/去 stayed/待在 took/拿起 dropped/放下 kept/留着 gave/给 lost/丢",
)
FOUND, LOOKED, ATE, GRABBED, THANKED, DREAMED = _words(
    "VERB", "found/找到 looked/寻找 ate/吃 grabbed/抢 thanked/感谢 dreamed/梦见"
)
[FELT] = _words("AUX/ADV", "was/很")
HAPPY, SAD, PROUD, ANGRY, FULL, HOMESICK = _words(
    "ADJ", "happy/高兴 sad/难过 proud/自豪 angry/生气 full/饱 homesick/想家"
)
SHE, HE, HER, HIM, HERS, HIS = _words("PRON", "she/她 he/他 her/她 him/他 her/她 his/他")

# What follows of itself.
WAS, GONE = _words("AUX/VERB", "was/在 was/")
IN, WITH, TO, OF, FOR, FROM = _words("ADP", "in/ with/ to/ of/ for/ from/")
[THE] = _words("DET", "the/")
A, THAT = _words("DET/NUM", "a/一 the/那")
[GE] = _words("NOUN", "/个")
LE, DE = _words("PART", "/了 /的")
[POSSESSIVE] = _words("PART", "'s/的")
[THEIRS] = _words("PRON", "/那里")
[BECAUSE] = _words("SCONJ/ADP", "because/因为")
STOP, PAUSE = _words("PUNCT", "./。 /，")
[HAD_ONCE] = _words("AUX", "had/")
GIVEN, EATEN, HELPED, MISSED, LOST_ONCE, FOUND_ONCE, GRABBED_ONCE = _words(
    "VERB", "given/给 eaten/吃 helped/帮 missed/想念 lost/丢 found/找到 grabbed/抢"
)
[MISSING] = _words("ADJ/VERB", "lost/丢")
[FINALLY] = _words("ADP/NOUN", "in/最后")
[END] = _words("NOUN", "end/")
[AND] = _words("CCONJ/PUNCT", "and/，")
[ALSO] = _words("CCONJ", "and/和")
[HAVE] = _words("VERB", "had/有")
WHAT, NOTHING = _words("PRON", "/什么 nothing/")
EVEN, NOT = _words("ADV", "/也 /没")

ENGLISH = tuple(entry.en for entry in SYMBOLS)
CHINESE = tuple(entry.zh for entry in SYMBOLS)
FORMS = {"en": ENGLISH, "zh": CHINESE}
