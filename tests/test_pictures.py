import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from lumi_box.errors import Refused
from lumi_box.pictures import reencode, thumbnail

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def noise(width=96, height=64, mode="RGB"):
    values = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def slope(width=96, height=64):
    """Smooth, so that JPEG hardly changes it, and different in every corner."""
    return Image.merge(
        "RGB", [Image.linear_gradient("L").rotate(turn).resize((width, height)) for turn in (0, 90, 180)]
    )


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def empty_png(width, height, *extra):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return SIGNATURE + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")


@pytest.fixture
def clean(tmp_path):
    def read(data):
        (tmp_path / "picture").write_bytes(data)
        return Image.open(io.BytesIO(reencode(tmp_path / "picture")))

    return read


def refused(clean, data):
    with pytest.raises(Refused) as caught:
        clean(data)
    assert caught.value.code == "bad_picture"
    return caught.value.vendor_text


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})])
def test_the_three_formats_become_png(kind, options, clean):
    original = slope(192, 128)
    picture = clean(encoded(original, kind, **options))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (192, 128))
    difference = np.abs(np.array(picture, int) - np.array(original, int)).mean()
    assert difference == 0 if kind != "JPEG" else difference < 2


@pytest.mark.parametrize(
    ("mode", "expected"), [("RGBA", "RGBA"), ("LA", "RGBA"), ("L", "RGB"), ("P", "RGB"), ("1", "RGB"), ("CMYK", "RGB")]
)
def test_every_mode_becomes_plain_colours_with_alpha_kept(mode, expected, clean):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert clean(encoded(noise(mode=mode), kind)).mode == expected


def test_alpha_is_kept_value_by_value(clean):
    original = noise(mode="RGBA")
    original.putalpha(Image.linear_gradient("L").resize(original.size))
    assert np.array_equal(np.array(clean(encoded(original, "PNG"))), np.array(original))
    assert clean(encoded(noise(mode="P"), "PNG", transparency=3)).mode == "RGBA"


def test_sixteen_bits_are_scaled_and_not_clipped(clean):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    values = np.array(clean(encoded(Image.fromarray(ramp), "PNG")))[..., 0]
    assert np.abs(values - ramp / 256).max() <= 1


def test_it_is_turned_upright_and_nothing_but_pixels_is_kept(clean):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where the maker lives"
    original = slope()
    picture = clean(encoded(original, "JPEG", quality=95, exif=exif, comment=b"a secret", icc_profile=b"profile"))
    assert picture.size == (64, 96) and picture.info == {} and not picture.getexif()
    upright = np.array(original.rotate(-90, expand=True), int)
    assert np.abs(np.array(picture, int) - upright).mean() < 2
    notes = PngImagePlugin.PngInfo()
    notes.add_text("prompt", "a private wish")
    assert clean(encoded(original, "PNG", pnginfo=notes, dpi=(72, 72))).info == {}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<Error>AccessDenied</Error>",
        encoded(noise(), "GIF"),
        encoded(noise(), "BMP"),
        encoded(noise(), "TIFF"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
        encoded(noise(), "PNG")[:-2000],
        encoded(noise(), "JPEG")[:-500],
        encoded(noise(), "WEBP")[:-500],
        encoded(noise(), "PNG")[:33],
        empty_png(100, 100),
        encoded(noise(63, 64), "PNG"),
        encoded(noise(64, 63), "PNG"),
        encoded(noise(8193, 64), "PNG"),
        empty_png(100, 100, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000)))),
        empty_png(100, 100, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000)))),
    ],
)
def test_what_is_no_whole_picture_of_a_sane_size_is_refused(data, clean):
    refused(clean, data)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (9_500, 9_500), (8_000, 8_000), (1 << 30, 1 << 30)])
def test_a_pixel_bomb_is_refused_by_its_header(width, height, clean, monkeypatch):
    def fail(*given):
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", fail)
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    refused(clean, empty_png(width, height))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on broken EXIF
def test_random_damage_ends_as_a_picture_or_refused(clean):
    random = np.random.default_rng(3)
    originals = [encoded(noise(mode="RGBA"), "PNG"), encoded(noise(), "JPEG"), encoded(noise(), "WEBP")]
    for turn in range(150):
        data = bytearray(originals[turn % 3])
        for _ in range(4):
            data[int(random.integers(0, min(len(data), 300)))] = int(random.integers(0, 256))
        try:
            clean(bytes(data))
        except Refused as error:
            assert error.code == "bad_picture"


def test_a_thumbnail_is_a_small_webp():
    picture = Image.open(io.BytesIO(thumbnail(encoded(noise(1024, 256), "PNG"))))
    assert (picture.format, picture.size) == ("WEBP", (512, 128))
