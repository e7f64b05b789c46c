"""The object is found, and what cannot be found is admitted."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from providers.builtin import known_pictures as pictures

from lumi_box.providers.builtin.segmentation import segment


def overlap(found, truth):
    return (found & truth).sum() / (found | truth).sum()


def drawn_on(background, shape="rectangle"):
    """The picture and the true mask of what was drawn."""
    picture, mask = background.copy(), Image.new("L", background.size, 0)
    for image, fill in ((picture, "#b03060"), (mask, 255)):
        getattr(ImageDraw.Draw(image), shape)((150, 120, 350, 400), fill=fill)
    return picture.convert("RGBA"), np.asarray(mask) > 0


def test_alpha_is_taken_at_its_word():
    picture = pictures.disc()
    result = segment(picture)
    assert result.method == "alpha"
    assert result.confidence == 1.0
    assert (result.mask == (np.asarray(picture)[..., 3] >= 128)).all()


def test_a_halo_of_faint_alpha_is_not_the_object():
    picture, draw = pictures.cut_out()
    draw.ellipse((50, 50, 460, 460), fill=(255, 0, 0, 35))
    draw.ellipse((150, 150, 360, 360), fill=(255, 0, 0, 255))
    assert not segment(picture).mask[60:140].any()


@pytest.mark.parametrize(
    ("top", "bottom"),
    [((255, 255, 255), (255, 255, 255)), ((250, 250, 250), (170, 180, 200)), ((40, 44, 60), (90, 80, 70))],
)
def test_a_square_on_a_gradient_is_found_exactly(top, bottom):
    picture, truth = drawn_on(pictures.gradient(top, bottom))
    result = segment(picture)
    assert result.method == "background"
    assert overlap(result.mask, truth) > 0.97
    assert result.confidence > 0.8


def test_a_vignette_is_background():
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    light = 1 - 0.22 * (x**2 + y**2)
    background = Image.fromarray((np.array([240, 232, 220]) * light[..., None]).astype(np.uint8))
    picture, truth = drawn_on(background, "ellipse")
    assert overlap(segment(picture).mask, truth) > 0.97


def test_a_soft_shadow_is_not_part_of_the_object():
    background = pictures.with_soft_shadow(pictures.gradient((245, 240, 230), (215, 205, 195)), (120, 370, 400, 440))
    picture, truth = drawn_on(background, "ellipse")
    result = segment(picture)
    assert overlap(result.mask, truth) > 0.95
    assert result.confidence > 0.8


def test_a_hole_that_shows_the_background_is_a_hole():
    picture, _ = drawn_on(Image.new("RGB", (512, 512), "#f0f0f0"), "ellipse")
    ImageDraw.Draw(picture).ellipse((210, 210, 290, 310), fill="#f0f0f0")
    assert not segment(picture).mask[260, 250]


def test_noise_is_met_with_little_confidence():
    assert segment(pictures.noise().convert("RGBA")).confidence < 0.3


def test_an_object_cut_off_by_the_frame_on_all_sides_is_not_trusted():
    picture = Image.new("RGBA", (300, 300), "#d0c0a0")
    ImageDraw.Draw(picture).ellipse((-120, -120, 420, 420), fill="#503020")
    assert segment(picture).confidence < 0.45


def test_an_even_picture_holds_no_object():
    assert segment(Image.new("RGBA", (200, 200), "#808080")).confidence == 0.0
