"""From one picture to a textured solid that stands upright: the flow, top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from lumi_box.errors import Refused
from lumi_box.meshes.measure import support_margin
from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.providers.builtin import morphology
from lumi_box.providers.builtin.atlas import Atlas, paint_texture, plate_colour, unwrap
from lumi_box.providers.builtin.back_side import even_back, plain_back
from lumi_box.providers.builtin.base_plate import BasePlate, fitting_plate, plan_base
from lumi_box.providers.builtin.body import Body, raise_body
from lumi_box.providers.builtin.colour import srgb_to_lab
from lumi_box.providers.builtin.decode import decode_picture
from lumi_box.providers.builtin.framing import PIXEL_MM, FramedObject, frame_object
from lumi_box.providers.builtin.regions import Labels, colour_regions, region_relief
from lumi_box.providers.builtin.segmentation import segment
from lumi_box.providers.builtin.shape import Shape, choose_shape, mirror_symmetry
from lumi_box.providers.builtin.silhouette import clean_silhouette, drop_specks
from lumi_box.providers.builtin.surface import Surface, extract_surface
from lumi_box.providers.builtin.volume import signed_field

Pixels = NDArray[np.uint8]

TRUSTED = 0.45  # confidence from which on the segmentation is believed
HEIGHT_MM = 60.0
STABLE_MM = 3.0  # margin of the centre of mass inside the support, at that height
STABLE_ALONE_MM = 5.0  # without a plate, on feet that may be small
LONGEST_RELIEF = 2.0  # sides of a plate; a longer picture is cut to it
RELIEF_DEPTH_MM = 2.0
RELIEF_FRAME_MM = 2.0


@dataclass(frozen=True, slots=True)
class Reconstruction:
    mesh: TexturedMesh  # 60 mm tall, standing on y = 0
    shape: Shape
    segmentation: str
    confidence: float
    regions: int
    on_plate: bool
    support_margin_mm: float


def reconstruct(data: bytes, hints: Mapping[str, Any]) -> Reconstruction:
    """Raises `Refused` with a sentence for the user where no solid can come of the picture."""
    cut_out = segment(decode_picture(data))
    if cut_out.confidence >= TRUSTED:
        framed = frame_object(cut_out.rgb, drop_specks(cut_out.mask))
        silhouette = clean_silhouette(framed.mask, PIXEL_MM)
        shape = choose_shape(hints, framed, silhouette)
    else:
        framed = _whole_picture(cut_out.rgb)
        silhouette, shape = framed.mask, Shape.RELIEF
    faceted = bool(hints.get("faceted", False)) and shape not in (Shape.SLAB, Shape.RELIEF)  # plates live by relief
    labels = _regions(shape, framed, silhouette, faceted=faceted)
    mirrored = _back_is_mirrored(hints, shape, silhouette)
    body = _carve(raise_body(shape, silhouette), framed, labels, mirrored=mirrored)
    surface, plate, margin = _standing(body, faceted=faceted)
    atlas = _dress(surface, plate, body, framed, _back(shape, framed, labels, silhouette, mirrored=mirrored))
    return Reconstruction(
        mesh=_at_height(surface, atlas, faceted=faceted),
        shape=shape,
        segmentation=cut_out.method,
        confidence=cut_out.confidence,
        regions=int(labels.max()),
        on_plate=plate is not None,
        support_margin_mm=margin,
    )


def _whole_picture(rgb: Pixels) -> FramedObject:
    """The middle of the picture, at most twice as long as wide, with an even frame painted around."""
    height, width = rgb.shape[:2]
    wide, tall = min(width, round(height * LONGEST_RELIEF)), min(height, round(width * LONGEST_RELIEF))
    left, top = (width - wide) // 2, (height - tall) // 2
    part = rgb[top : top + tall, left : left + wide]
    framed = frame_object(part, np.ones(part.shape[:2], dtype=bool))
    colour = even_back(framed.rgb, framed.mask)[0, 0]
    detail = framed.texture.shape[0] // framed.rgb.shape[0]
    edge = morphology.depth_inside(framed.mask) * PIXEL_MM < RELIEF_FRAME_MM
    fine_edge = edge.repeat(detail, axis=0).repeat(detail, axis=1)
    texture = np.where(fine_edge[..., None], colour, framed.texture)
    return replace(framed, texture=texture, rgb=np.where(edge[..., None], colour, framed.rgb))


def _regions(shape: Shape, framed: FramedObject, silhouette: NDArray[np.bool_], *, faceted: bool) -> Labels:
    """Facets would break up any relief, and a plate of the whole picture has one of its own: no regions then."""
    if faceted or shape is Shape.RELIEF:
        return silhouette.astype(np.int64)
    return colour_regions(framed.rgb, silhouette, PIXEL_MM)


def _back_is_mirrored(hints: Mapping[str, Any], shape: Shape, silhouette: NDArray[np.bool_]) -> bool:
    """A figure seen from the side looks alike from behind; a face looking at us does not."""
    if shape in (Shape.SLAB, Shape.RELIEF):
        return False
    if hints.get("back") in ("mirror", "plain"):
        return bool(hints["back"] == "mirror")
    return shape in (Shape.LATHE, Shape.BALL) or mirror_symmetry(silhouette) < 0.86


def _carve(body: Body, framed: FramedObject, labels: Labels, *, mirrored: bool) -> Body:
    """Lay the relief on the front, and on the back where that shows the same."""
    if body.shape is Shape.RELIEF:
        return replace(body, front=_light_relief(framed))
    relief = region_relief(labels, body.mask, PIXEL_MM)
    relief = ndi.gaussian_filter(relief, 0.25 / PIXEL_MM)
    return replace(body, front=relief, back=relief if mirrored else body.back)


def _light_relief(framed: FramedObject) -> NDArray[np.float64]:
    """Light parts stand out, within a plain frame at full height."""
    lightness = ndi.gaussian_filter(srgb_to_lab(framed.rgb)[..., 0].astype(np.float64), 0.35 / PIXEL_MM)
    low, high = np.percentile(lightness[framed.mask], [2, 98])
    relief = np.clip((lightness - low) / max(high - low, 8.0), 0.0, 1.0) * RELIEF_DEPTH_MM
    frame = morphology.depth_inside(framed.mask) * PIXEL_MM < RELIEF_FRAME_MM
    return np.where(frame, RELIEF_DEPTH_MM, relief)


def _standing(body: Body, *, faceted: bool) -> tuple[Surface, BasePlate | None, float]:
    """The surface, on a plate as large as it takes to stand safely."""
    plate = plan_base(body)
    for _ in range(4):
        surface = extract_surface(signed_field(body, plate), faceted=faceted)
        scale = HEIGHT_MM / float(np.ptp(surface.vertices[:, 1]))
        margin = support_margin(surface.vertices, surface.faces) * scale
        if margin >= (STABLE_MM if plate else STABLE_ALONE_MM):
            return surface, plate, margin
        plate = plate.enlarged() if plate else fitting_plate(body)
    raise Refused("No model that stands can be made from this picture. Please pick another one.", code="unstable")


def _back(
    shape: Shape, framed: FramedObject, labels: Labels, silhouette: NDArray[np.bool_], *, mirrored: bool
) -> Pixels:
    if shape in (Shape.SLAB, Shape.RELIEF):
        return even_back(framed.rgb, silhouette)
    return framed.texture if mirrored else plain_back(framed.rgb, labels, silhouette)


def _dress(surface: Surface, plate: BasePlate | None, body: Body, framed: FramedObject, back: Pixels) -> Atlas:
    thickness = plate.thickness if plate else 0.0
    texture = paint_texture(framed.texture, back, plate_colour(framed.rgb, body.mask))
    seam = -1.5 if body.flat_back else 0.0
    drop = body.ground * PIXEL_MM + thickness
    top = thickness + 0.05 if plate else -1.0
    return unwrap(surface, texture, size_mm=framed.size_mm, drop=drop, plate_height=top, seam=seam)


def _at_height(surface: Surface, atlas: Atlas, *, faceted: bool) -> TexturedMesh:
    """Centred over the origin and exactly 60 mm tall."""
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    origin = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    vertices = (surface.vertices - origin) * (HEIGHT_MM / (high[1] - low[1]))
    return TexturedMesh(vertices, surface.faces, atlas.uv, atlas.uv_faces, atlas.texture, faceted)
