"""Paint one of the four pictures of a prompt. Everything is decided by prompt, position and seed alone.

Each of the four may be painted in another process, so none knows what the others show; they differ because each
position has its own drawing style. A new seed gives another outline, tint, side, backdrop or symbol.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lumi_box.providers.builtin import asset_pack
from lumi_box.providers.builtin.asset_pack import Symbol
from lumi_box.providers.builtin.backdrop import on_backdrop
from lumi_box.providers.builtin.canvas import Rgba, mirrored, render
from lumi_box.providers.builtin.compose import beside, on_head
from lumi_box.providers.builtin.resolve_prompt import Match, Resolved, resolve_prompt
from lumi_box.providers.builtin.shape_hints import is_face, shape_hints
from lumi_box.providers.builtin.styles.clay import clay
from lumi_box.providers.builtin.styles.low_poly import low_poly
from lumi_box.providers.builtin.styles.medal import medal
from lumi_box.providers.builtin.styles.plaque import roundel, sign
from lumi_box.providers.builtin.styles.tint import one_material, tint, turn_hue
from lumi_box.providers.builtin.styles.vase import FAMILIES, vase

POSITIONS = 4
AS_GOOD = 0.8  # of the best score: this symbol may stand in for the best
RELATED = {"animals-nature": 0.6}  # score of a second match of the same group: of animals a keyword is enough
RELATED_THING, RELATED_ANYTHING = 1.0, 2.2  # of the same group of things, of another group
SECOND_MATCH_SHARE = 0.7  # of the third pictures; the others show the best match in another material
MATERIALS = {
    "ivory": (236, 224, 200),
    "jade": (96, 150, 122),
    "slate": (112, 124, 142),
    "terracotta": (196, 112, 76),
    "walnut": (140, 94, 60),
}
TRUE_COLOURS = {"🐈‍⬛": (52, 50, 54), "🐦‍⬛": (52, 50, 54)}  # one set paints black animals violet
ACCESSORY_PIXELS = 512
HEADWEAR = frozenset("🎩🧢👒👑🪖🎓⛑")
NOT_MIRRORED = frozenset("📅📆🗓🎱💯🏧🔟🆒🆓🆕🆗🔠🔡🔢🔤🕐🕑🕒🕓🕔🕕🕖🕗🕘🕙🕚🕛🃏🎼🎵🎶📰🗞")


@dataclass(frozen=True, slots=True)
class Painting:
    """A PNG and what the builder of the model should know of it."""

    png: bytes
    hints: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """One painted cut-out, before its backdrop, with its hints."""

    picture: Rgba
    hints: dict[str, Any]


def paint(prompt: str, position: int, seed: int) -> Painting:
    """The picture at `position` (0 to 3), 1024 pixels square, opaque."""
    dice = random.Random(hashlib.sha256(f"{seed}/{position}/{prompt}".encode()).digest())  # noqa: S311  not a secret
    resolved = _heads_for_hats(resolve_prompt(prompt))
    look = _LOOKS[position](resolved, dice) if resolved.matches else _unknown(prompt, position, dice)
    faceted = look.hints.get("faceted", False)
    if resolved.faceted and not faceted and look.hints["shape"] != "slab":
        look = Look(low_poly(look.picture, dice), look.hints)
    file = io.BytesIO()
    on_backdrop(look.picture, dice).save(file, "PNG", compress_level=3)
    return Painting(file.getvalue(), {**look.hints, "faceted": faceted or resolved.faceted})


def _toy(resolved: Resolved, dice: random.Random) -> Look:
    """As the set draws it, in smooth colour gradients."""
    symbol, sets = _one_of_the_best(resolved.matches, dice), ("fluent", "noto")
    return _look(_drawn(resolved, symbol, sets, dice), resolved, symbol, sets, "toy")


def _clay(resolved: Resolved, dice: random.Random) -> Look:
    """As a body of clay, from the other set's drawing."""
    symbol, sets = _one_of_the_best(resolved.matches, dice), ("noto", "fluent")
    return _look(clay(_drawn(resolved, symbol, sets, dice)), resolved, symbol, sets, "clay")


def _second(resolved: Resolved, dice: random.Random) -> Look:
    """The next best match as a flat-coloured figurine; without one, the best again, carved from one material."""
    others = _related(resolved.matches)
    if others and dice.random() < SECOND_MATCH_SHARE:
        symbol = dice.choices(others, [other.score**2 for other in others])[0].symbol
        return _figurine(resolved, asset_pack.symbols()[symbol], dice)
    symbol_of_best = asset_pack.symbols()[resolved.matches[0].symbol]
    if "flat" in symbol_of_best.styles and (_named_colour(resolved, symbol_of_best) or dice.random() < 0.6):
        return _figurine(resolved, symbol_of_best, dice)
    return _carved(resolved, symbol_of_best, dice)


def _figurine(resolved: Resolved, symbol: Symbol, dice: random.Random) -> Look:
    sets = ("flat", "fluent", "noto")
    return _look(clay(_drawn(resolved, symbol, sets, dice)), resolved, symbol, sets, "figurine")


def _carved(resolved: Resolved, symbol: Symbol, dice: random.Random) -> Look:
    """From one block of a material drawn by lot; in a colour that was asked for, cut in facets instead."""
    sets = ("flat", "noto", "fluent")
    drawn = _drawn(resolved, symbol, sets, dice)
    if _named_colour(resolved, symbol):
        look = _look(low_poly(clay(drawn), dice), resolved, symbol, sets, "facets")
        return Look(look.picture, {**look.hints, "faceted": True})
    material = dice.choice(sorted(MATERIALS))
    return _look(clay(one_material(drawn, MATERIALS[material])), resolved, symbol, sets, material)


def _medal(resolved: Resolved, dice: random.Random) -> Look:
    """Embossed on a disc."""
    symbol, sets = _one_of_the_best(resolved.matches, dice), ("flat", "fluent", "noto")
    struck = clay(medal(_drawn(resolved, symbol, sets, dice), dice), flat=True, strength=0.9)
    look = _look(struck, resolved, symbol, sets, "medal")
    return Look(look.picture, {**look.hints, "shape": "slab"})


_LOOKS: tuple[Callable[[Resolved, random.Random], Look], ...] = (_toy, _clay, _second, _medal)


def _unknown(prompt: str, position: int, dice: random.Random) -> Look:
    """Two plaques that say the prompt, then two vases of different families."""
    if position < 2:
        plate = clay((sign, roundel)[position](prompt, dice), flat=True)
        return Look(plate, {"shape": "slab", "symbol": "", "source": "plaque", "style": ("sign", "roundel")[position]})
    families = tuple(FAMILIES)[position % 2 :: 2]
    return Look(clay(vase(dice, families)), {"shape": "lathe", "symbol": "", "source": "vase", "style": "clay"})


def _heads_for_hats(resolved: Resolved) -> Resolved:
    """Who wears a hat is shown as a face if there is one: we know where its head is."""
    if resolved.accessory not in HEADWEAR:
        return resolved
    known = asset_pack.symbols()
    faces = [match for match in resolved.matches if is_face(known[match.symbol])]
    if not faces:
        return resolved
    best = Match(faces[0].symbol, 2 * resolved.matches[0].score)
    return replace(resolved, matches=(best, *(match for match in resolved.matches if match != faces[0])))


def _one_of_the_best(matches: Sequence[Match], dice: random.Random) -> Symbol:
    best = [match.symbol for match in matches if match.score >= AS_GOOD * matches[0].score]
    return asset_pack.symbols()[dice.choice(best)]


def _related(matches: Sequence[Match]) -> list[Match]:
    """The matches after the first that show much the same thing."""
    known = asset_pack.symbols()
    group = known[matches[0].symbol].group
    near = RELATED.get(group, RELATED_THING)
    return [
        match
        for match in matches[1:]
        if match.score >= (near if known[match.symbol].group == group else RELATED_ANYTHING)
    ]


def _source(symbol: Symbol, sets: Sequence[str]) -> str:
    """The first of the sets that draws the symbol."""
    return next((style for style in sets if style in symbol.styles), min(symbol.styles))


def _named_colour(resolved: Resolved, symbol: Symbol) -> tuple[int, int, int] | None:
    """What the prompt says, or what the symbol's name does."""
    return resolved.colour or TRUE_COLOURS.get(symbol.id)


def _drawn(resolved: Resolved, symbol: Symbol, sets: Sequence[str], dice: random.Random) -> Rgba:
    """The symbol in the colour asked for, or turned a little round the colour wheel, with what it carries."""
    picture = render(asset_pack.read_drawing(_source(symbol, sets), symbol))
    turned = dice.uniform(-16, 4), dice.uniform(0.88, 1.12), dice.uniform(-4, 4)  # further up, yellow goes sickly
    colour = _named_colour(resolved, symbol)
    picture = tint(picture, colour) if colour else turn_hue(picture, *turned)
    if dice.random() < 0.5 and symbol.id not in NOT_MIRRORED:
        picture = mirrored(picture)
    return picture if resolved.accessory is None else _accompanied(picture, symbol, resolved, sets)


def _accompanied(picture: Rgba, symbol: Symbol, resolved: Resolved, sets: Sequence[str]) -> Rgba:
    """With what it carries beside it, or wears on its head."""
    carried = asset_pack.symbols()[resolved.accessory or ""]
    accessory = render(asset_pack.read_drawing(_source(carried, sets), carried), ACCESSORY_PIXELS)
    if resolved.accessory_colour:
        accessory = tint(accessory, resolved.accessory_colour)
    return on_head(picture, accessory) if carried.id in HEADWEAR and is_face(symbol) else beside(picture, accessory)


def _look(picture: Rgba, resolved: Resolved, symbol: Symbol, sets: Sequence[str], style: str) -> Look:
    hints = shape_hints(symbol, accompanied=resolved.accessory is not None)
    return Look(picture, {**hints, "symbol": symbol.id, "source": _source(symbol, sets), "style": style})
