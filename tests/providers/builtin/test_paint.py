"""The pictures themselves: right size, each its own, the same again for the same order."""

from __future__ import annotations

import io
import json
import random
from functools import lru_cache

import numpy as np
import pytest
import scipy.ndimage as ndi
from PIL import Image

from lumi_box.providers.builtin import asset_pack
from lumi_box.providers.builtin.backdrop import on_backdrop, rim_contrast
from lumi_box.providers.builtin.canvas import SIZE, render, solid
from lumi_box.providers.builtin.colour import lab_to_srgb, srgb_to_lab
from lumi_box.providers.builtin.compose import beside, on_head
from lumi_box.providers.builtin.paint import Painting, paint
from lumi_box.providers.builtin.styles.low_poly import low_poly
from lumi_box.providers.builtin.styles.plaque import lettering
from lumi_box.providers.builtin.styles.tint import one_material, tint
from lumi_box.providers.builtin.typeface import drawable, face_of

RED_DISC = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="14" fill="#c33"/></svg>'
)
GRADIENT = (
    '<linearGradient id="g" x1="0" x2="1" y1="0" y2="1"><stop offset="0" stop-color="#f63"/>'
    '<stop offset="1" stop-color="#306"/></linearGradient>'
)


@lru_cache
def painted(prompt: str, position: int, seed: int = 1) -> Painting:
    return paint(prompt, position, seed)


def thumbnail(painting: Painting) -> np.ndarray:
    image = Image.open(io.BytesIO(painting.png))
    assert (image.size, image.mode, image.format) == ((SIZE, SIZE), "RGB", "PNG")
    return np.asarray(image.resize((64, 64), Image.Resampling.BOX), np.float64)


def difference(one: Painting, other: Painting) -> float:
    """Mean over the pixels, of 255."""
    return float(np.abs(thumbnail(one) - thumbnail(other)).mean())


@pytest.mark.parametrize("prompt", ["chess knight", "🇨🇳"])
def test_the_four_pictures_differ(prompt):
    four = [painted(prompt, position) for position in range(4)]
    assert min(difference(four[a], four[b]) for a in range(4) for b in range(a)) > 4


def test_the_same_order_paints_the_same_bytes():
    assert paint("asdfgh", 1, 1) == painted("asdfgh", 1)


@pytest.mark.parametrize(("prompt", "position"), [("chess knight", 0), ("asdfgh", 1)])
def test_a_new_seed_repaints(prompt, position):
    assert difference(painted(prompt, position, 1), painted(prompt, position, 2)) > 4


def test_hints_tell_the_shape_and_survive_json():
    knight = painted("chess knight", 0).hints
    assert knight == {"shape": "auto", "symbol": "chess-knight", "source": "own", "style": "toy", "faceted": False}
    assert painted("chess knight", 3).hints["shape"] == "slab"
    assert painted("🇨🇳", 0).hints["source"] == "plaque"
    assert painted("🇨🇳", 3).hints["shape"] == "lathe"
    assert json.loads(json.dumps(knight)) == knight


def test_facets_are_flat_triangles():
    disc = render(RED_DISC.replace('fill="#c33"', 'fill="url(#g)"').replace("<circle", f"{GRADIENT}<circle"))
    faceted = low_poly(disc, random.Random(1))
    shades = [len(np.unique(each[solid(each)][:, :3], axis=0)) for each in (faceted, disc)]
    assert shades[0] < shades[1] / 2
    assert (solid(faceted) ^ solid(disc)).mean() < 0.02


def test_low_poly_is_hinted():
    assert painted("low poly vase", 0).hints["faceted"] is True


def test_a_glow_and_crumbs_are_cut_away():
    body = '<rect x="4" y="4" width="24" height="24" fill="#888"/>'
    halo = (
        '<circle cx="16" cy="16" r="16" fill="#888" fill-opacity=".2"/><circle cx="1.5" cy="1.5" r=".8" fill="#888"/>'
    )
    clean = render(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{halo}{body}</svg>')
    rows, columns = np.nonzero(clean[..., 3] > 0)
    assert solid(clean)[rows.min() + 4 : rows.max() - 4, columns.min() + 4 : columns.max() - 4].all()


def test_a_backdrop_stands_out_from_the_rim():
    disc = render(RED_DISC)
    for seed in range(5):
        picture = np.asarray(on_backdrop(disc, random.Random(seed)))
        away = np.linalg.norm(srgb_to_lab(picture[0, 0]) - srgb_to_lab(disc[SIZE // 2, SIZE // 2, :3]))
        assert away > 20
    assert rim_contrast(disc).max() > 40


def test_a_tint_changes_the_hue_and_keeps_what_is_transparent():
    blue = tint(render(RED_DISC), (47, 111, 219))
    red_part, _, blue_part = (int(value) for value in blue[SIZE // 2, SIZE // 2, :3])
    assert blue_part > red_part + 60
    assert not blue[0, 0].any()


def test_one_material_leaves_one_hue():
    knight = render(asset_pack.read_drawing("own", asset_pack.symbols()["chess-knight"]))
    carved = one_material(knight, (96, 150, 122))
    lab = srgb_to_lab(carved[solid(carved)][:, :3])
    assert lab[:, 1:].std(axis=0).max() < 4 < lab[:, 0].std()


@pytest.mark.parametrize("put", [beside, on_head])
def test_an_accessory_is_one_piece_with_the_thing(put):
    both = put(render(RED_DISC), render(RED_DISC.replace("#c33", "#33c")))
    assert ndi.label(solid(both))[1] == 1
    assert (both[..., 2][solid(both)] > 180).mean() > 0.05  # the blue one is to be seen


def test_lab_and_back_is_the_same_colour():
    colours = np.random.default_rng(1).integers(0, 256, (50, 20, 3)).astype(np.uint8)
    assert np.abs(lab_to_srgb(srgb_to_lab(colours)).astype(int) - colours).max() <= 1
    white = srgb_to_lab(np.array([255, 255, 255], np.uint8))
    assert np.allclose(white, [100, 0, 0], atol=0.1)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("asdfgh", ["asdfgh"]),
        ("hello big world", ["hello big", "world"]),
        ("没有意义", ["没有意义"]),
        ("ααα مرحبا ok", ["ok"]),
        ("مرحبا", []),
        ("🇨🇳", []),
        ("x" * 500, ["x" * 8] * 3),
    ],
)
def test_a_plaque_shows_what_its_faces_can_draw(text, lines):
    assert lettering(text) == lines


def test_a_character_without_a_glyph_is_left_out():
    assert face_of("é") == "nunito-latin-800-normal.woff"
    assert face_of("猫") == "zcool-kuaile-chinese-simplified-400-normal.woff"
    assert face_of("Ж") == "nunito-cyrillic-800-normal.woff"
    assert face_of("ب") is None
    assert drawable("a ب b") == "a b"
