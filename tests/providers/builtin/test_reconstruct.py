"""Every picture becomes one closed solid that stands, 60 mm tall."""

import io
import math

import numpy as np
import pytest
from PIL import Image, ImageDraw
from providers.builtin import known_pictures as pictures

from lumi_box.errors import Refused
from lumi_box.meshes.measure import is_watertight, support_margin, volume
from lumi_box.providers.builtin.reconstruct import reconstruct
from lumi_box.providers.builtin.shape import Shape


def parts(mesh):
    """Number of connected parts, by union of the faces' corners."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    pairs = np.concatenate([mesh.faces[:, :2], mesh.faces[:, 1:]])
    graph = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(mesh.vertices),) * 2)
    return connected_components(graph, directed=False)[0]


def assert_printable(result):
    mesh = result.mesh
    assert is_watertight(mesh.faces)
    assert parts(mesh) == 1
    assert volume(mesh.vertices, mesh.faces) > 0
    assert mesh.vertices[:, 1].min() == 0.0
    assert np.ptp(mesh.vertices[:, 1]) == pytest.approx(60.0, abs=1e-9)
    assert support_margin(mesh.vertices, mesh.faces) >= 3.0
    assert mesh.uv.min() >= 0.0
    assert mesh.uv.max() <= 1.0
    assert mesh.uv_faces.max() < len(mesh.uv)


@pytest.mark.parametrize(
    ("draw", "hints", "shape"),
    [
        (pictures.disc, {}, Shape.FIGURE),
        (pictures.disc, {"shape": "ball"}, Shape.BALL),
        (pictures.disc, {"shape": "slab"}, Shape.SLAB),
        (pictures.block, {}, Shape.FIGURE),
        (pictures.block, {"shape": "slab", "back": "plain"}, Shape.SLAB),
        (pictures.block, {"shape": "lathe"}, Shape.LATHE),
        (pictures.block, {"faceted": True}, Shape.FIGURE),
        (pictures.tilted, {}, Shape.FIGURE),
        (pictures.tilted, {"shape": "slab"}, Shape.SLAB),
        (pictures.noise, {}, Shape.RELIEF),
    ],
)
def test_every_shape_is_one_solid_that_stands(draw, hints, shape):
    result = reconstruct(pictures.png(draw()), hints)
    assert result.shape is shape
    assert result.mesh.faceted == hints.get("faceted", False)
    assert_printable(result)


def test_a_plate_keeps_its_relief_though_facets_were_asked_for():
    assert not reconstruct(pictures.png(pictures.disc()), {"shape": "slab", "faceted": True}).mesh.faceted


def test_a_ball_is_a_sphere_of_the_right_volume():
    mesh = reconstruct(pictures.png(pictures.disc()), {"shape": "ball"}).mesh
    above = mesh.vertices[mesh.vertices[:, 1] > 12.0]
    radius = np.ptp(above[:, 0]) / 2
    centre = np.array([0.0, 60.0 - radius, (above[:, 2].max() + above[:, 2].min()) / 2])
    distance = np.linalg.norm(above - centre, axis=1)
    assert distance == pytest.approx(radius, abs=0.25)
    plate_and_ball = volume(mesh.vertices, mesh.faces)
    assert 4 / 3 * math.pi * radius**3 < plate_and_ball < 1.12 * 4 / 3 * math.pi * radius**3


def test_a_ring_keeps_its_hole():
    picture = pictures.disc(210)
    ImageDraw.Draw(picture).ellipse((186, 186, 326, 326), fill=(0, 0, 0, 0))
    result = reconstruct(pictures.png(picture), {})
    assert_printable(result)
    middle = result.mesh.vertices.max(axis=0)[1] - 30.0 * 60.0 / 62.6
    inner = np.hypot(result.mesh.vertices[:, 0], result.mesh.vertices[:, 1] - middle)
    assert inner.min() > 7.0


def test_two_islands_become_one_part():
    picture, draw = pictures.cut_out()
    draw.rectangle((100, 60, 400, 230), fill="#c0a030")
    draw.rectangle((100, 260, 400, 450), fill="#30a0c0")
    assert_printable(reconstruct(pictures.png(picture), {}))


def test_a_compact_figure_is_about_half_as_deep_as_wide():
    width, _, depth = np.ptp(reconstruct(pictures.png(pictures.block()), {}).mesh.vertices, axis=0)
    assert 0.42 < depth / width < 0.62


def test_a_tall_mirror_symmetric_shape_is_turned():
    picture, draw = pictures.cut_out()
    draw.polygon(
        [(206, 50), (306, 50), (280, 160), (340, 300), (300, 460), (212, 460), (172, 300), (232, 160)], "#a06030"
    )
    result = reconstruct(pictures.png(picture), {})
    assert result.shape is Shape.LATHE
    belly = np.abs(result.mesh.vertices[:, 1] - 60 * 160 / 410) < 2.0
    width, depth = (np.ptp(result.mesh.vertices[belly, axis]) for axis in (0, 2))
    assert depth == pytest.approx(width, rel=0.12)


def test_a_wide_flat_bottom_needs_no_plate_and_a_lean_needs_one():
    assert not reconstruct(pictures.png(pictures.block()), {}).on_plate
    assert reconstruct(pictures.png(pictures.tilted()), {}).on_plate


def test_a_very_wide_object_is_lifted_so_that_it_fits_a_bed():
    picture, draw = pictures.cut_out()
    draw.rounded_rectangle((20, 240, 490, 275), radius=12, fill="#806040")
    result = reconstruct(pictures.png(picture), {})
    assert_printable(result)
    assert np.ptp(result.mesh.vertices[:, 0]) <= 215.0


@pytest.mark.parametrize("size", [(64, 64), (64, 400), (900, 70), (4096, 2048)])
def test_any_allowed_size_and_proportion_works(size):
    picture = Image.new("RGB", size, "white")
    width, height = size
    ImageDraw.Draw(picture).ellipse((width * 0.2, height * 0.2, width * 0.8, height * 0.8), fill="#2050a0")
    assert_printable(reconstruct(pictures.png(picture), {}))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGB", "JPEG"),
        ("L", "PNG"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("RGBA", "WEBP"),
        ("CMYK", "JPEG"),
        ("I;16", "PNG"),
        ("1", "PNG"),
    ],
)
def test_any_pixel_format_works(mode, kind):
    grey = Image.new("L", (128, 128), 240)
    ImageDraw.Draw(grey).rectangle((30, 24, 96, 100), fill=60)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        picture = grey.convert("RGB").convert(mode) if mode != "LA" else grey.convert("LA")
    assert_printable(reconstruct(pictures.png(picture, kind), {}))


def test_the_texture_shows_the_picture_on_the_front():
    picture, draw = pictures.cut_out()
    draw.rectangle((100, 60, 256, 450), fill="#ff0000")
    draw.rectangle((256, 60, 410, 450), fill="#0000ff")
    mesh = reconstruct(pictures.png(picture), {}).mesh
    texture = np.asarray(mesh.texture)
    middle, uv = mesh.vertices[mesh.faces].mean(axis=1), mesh.uv[mesh.uv_faces].mean(axis=1)
    front = (middle[:, 2] > 5) & (np.abs(middle[:, 0]) > 6)
    x = (uv[front, 0] * texture.shape[1]).astype(int)
    y = ((1 - uv[front, 1]) * texture.shape[0]).astype(int)
    redder = texture[y, x, 0] > texture[y, x, 2]
    assert (redder == (middle[front, 0] < 0)).all()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not a picture", "cannot be read"),
        (pictures.png(Image.new("RGB", (63, 200))), "too small"),
        (pictures.png(Image.new("L", (4097, 64))), "too large"),
        (pictures.png(pictures.disc())[:900], "cannot be read"),
        (pictures.png(Image.new("RGBA", (128, 128), (0, 0, 0, 0))), "transparent"),
    ],
)
def test_what_cannot_be_built_is_refused_in_plain_words(data, words):
    with pytest.raises(Refused, match=words):
        reconstruct(data, {})


def test_a_gif_is_refused():
    file = io.BytesIO()
    Image.new("P", (100, 100)).save(file, "GIF")
    with pytest.raises(Refused, match="PNG, JPEG or WebP"):
        reconstruct(file.getvalue(), {})
