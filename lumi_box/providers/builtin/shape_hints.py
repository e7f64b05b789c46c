"""What we know of a symbol's shape that its picture does not tell: the builder of the model asks."""

from __future__ import annotations

from typing import Any

from lumi_box.providers.builtin.asset_pack import Symbol

# Round about an upright axis, seen from the front.
TURNED = frozenset("♟🏺🍷🍸🍹🍺🍼🍾🥛🧴🫙🎄🌲💡🕯🍦🧁🔔🪔🗼🍄🌷🍍🍐⛄☃🎳🪆🏆⚱🧂🥚🌶🥕🍆🎃🛎🥤🧋🪴🎤🧯🔋🧪🍶🏮🪀🎂") | {
    *("chess-king", "chess-queen", "chess-rook", "chess-bishop", "vase", "lighthouse"),
}
BALLS = frozenset("⚽🏀⚾🎾🏐🎱🌕🌝🌍🌎🌏🌐🔮🍊🪩🎈🥎🌑🍅🍎🍏🍑🧶")
SIDE_VIEWS = {"transport-ground", "transport-air", "transport-water"}
FACES = {"cat-face", "monkey-face"}
HEADS = frozenset("🐶🐱🐭🐹🐰🦊🐻🐼🐻‍❄🐨🐯🦁🐮🐷🐸🐵🐔🐲🐺🐗🐴🦄🦝🤖👽💀👹👺👾🤡👻")


def shape_hints(symbol: Symbol, *, accompanied: bool) -> dict[str, Any]:
    """`shape` always; `back` where the back view follows from the front one, or must not show it again."""
    if accompanied:
        return {"shape": "auto", "back": "plain"}
    shape = "lathe" if symbol.id in TURNED else "ball" if symbol.id in BALLS else "auto"
    if symbol.subgroup in SIDE_VIEWS:
        return {"shape": shape, "back": "mirror"}
    if is_face(symbol):
        return {"shape": shape, "back": "plain"}
    return {"shape": shape}


def is_face(symbol: Symbol) -> bool:
    """A head seen from the front, and nothing else."""
    return (
        symbol.id in HEADS
        or symbol.subgroup in FACES
        or symbol.subgroup.startswith("face-")
        or "face" in symbol.label.split()
    )
