"""Words of a prompt that say how rather than what: fillers, colours, materials, style, and who carries what."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FILLERS = """
a an the of and or to for from by is are be it its my your his her this that these those very some please make create
draw me i want would like model figurine figure statue statuette sculpture toy print printable miniature mini cartoon
style poly lowpoly low cute small tiny little big large giant sitting standing sleeping lying running flying happy
smiling laughing angry realistic detailed beautiful simple adorable funny cool nice lovely pretty one two three image
picture photo render rendering chibi kawaii anime abstract modern old wise young fat fluffy desk 3d piece object thing
shape design art collectible ornament decoration decorative
un une le la les des el los las der die das ein eine einen il lo uno una petit petite kleiner kleine pequeño con
"""
FILLERS = frozenset(_FILLERS.split())

_HAN_FILLERS = """
一只 一个 一辆 一条 一座 一朵 一艘 一架 一头 一匹 一把 一位 一名 一棵 一件 可爱的 可爱 小小的 小小 卡通 手办 模型 摆件
玩具 坐着的 坐着 站着的 站着 正在 生成 制作 帮我 请 做 画 我想要 我要 想要 风格 低多边形 漂亮的 漂亮 美丽的 美丽
大大的 胖胖的 毛茸茸的 毛茸茸 迷你 写实 超级 非常 微笑的 开心的 快乐的 颜色 色的 雕刻 3d打印 打印
かわいい 可愛い 小さな 귀여운 작은
"""
# Longest first. A reader that takes the longest word would else find a symbol in half of them.
HAN_FILLERS = tuple(sorted(_HAN_FILLERS.split(), key=lambda word: -len(word)))
# Each is a keyword of some symbol in some language (的 is an arrow, 红 a card).
HAN_PARTICLES = frozenset("的了着在和与及跟只个一是有我你他她它这那大小色毛上下里中の는은이가을를")

ENGLISH_CARRIES = re.compile(
    r"\b(?:with|holding|wearing|carrying|in|on|riding|under|near|and|beside|inside|at|mit|avec|con)\b"
)
HAN_CARRIES = re.compile("戴着?|穿着?|拿着?|抱着?|骑着?|举着?|捧着?|背着?|带着?|系着?|坐在|站在|躺在|趴在|和|与|跟")
CLAUSE_END = re.compile(r"[.,;:!?。，；：！？、\n]+(?:\s|$|(?<=[。，；：！？、\n]))")
LOW_POLY = re.compile(r"\b(?:low[\s-]?poly|polygonal|faceted|origami)\b|低多边形|低面|多边形|折纸")


@dataclass(frozen=True, slots=True)
class ColourWord:
    """A colour that the prompt names, and where."""

    start: int
    end: int
    rgb: tuple[int, int, int]


_COLOURS = {
    "d92b2b": "red scarlet 红 红色 赤色 rouge rojo roja rot rote rosso vermelho красный 赤い 빨간",
    "b3122b": "crimson ruby maroon 深红 绯红 酒红",
    "f28c28": "orange 橙 橙色 橘色 橘黄",
    "f2c928": "yellow 黄 黄色 jaune amarillo gelb gelbe giallo amarelo жёлтый 黄色い 노란",
    "d9a520": "gold golden 金 金色 黄金 doré dorado golden goldene золотой 金色の",
    "35a84a": "green 绿 绿色 vert verde grün grüne зелёный 緑 초록",
    "1f9d78": "emerald jade 翠绿 翡翠 玉石",
    "2aa198": "teal turquoise 青绿 蓝绿",
    "2ec4d6": "cyan 青 青色 天蓝",
    "2f6fdb": "blue 蓝 蓝色 bleu bleue azul blau blaue blu синий 青い 파란",
    "1f2f6b": "navy indigo 深蓝 藏青",
    "8a4fd1": "purple violet 紫 紫色 pourpre morado lila viola roxo фиолетовый 紫の 보라",
    "f27eb2": "pink 粉 粉色 粉红 粉红色 rosa ピンク 분홍",
    "8a5a33": "brown wooden wood 棕 棕色 褐色 咖啡色 木头 木制 木质 marron marrón braun braune коричневый 茶色",
    "9c5a2b": "bronze copper 青铜 铜 黄铜 铜色",
    "2a2a2e": "black 黑 黑色 noir noire negro negra schwarz schwarze nero preto чёрный 黒い 검은",
    "f4f4f4": "white ivory marble 白 白色 雪白 大理石 blanc blanche blanco blanca weiß weiße bianco branco белый 하얀",
    "8d9299": "gray grey stone 灰 灰色 石头 gris grau graue grigio cinza серый 회색",
    "b9bec6": "silver chrome metallic 银 银色 金属 argent plateado silbern серебряный 銀色",
}
_BY_WORD = {
    word: (int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16))
    for code, words in _COLOURS.items()
    for word in words.split()
}


def colour_of(word: str) -> tuple[int, int, int] | None:
    """The colour that a word names."""
    return _BY_WORD.get(word)


LONGEST_COLOUR = max(map(len, _BY_WORD))
