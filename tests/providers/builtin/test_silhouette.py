"""Outlines that cannot be printed become ones that can."""

import numpy as np
import pytest
import scipy.ndimage as ndi
from providers.builtin.known_pictures import round_mask

from lumi_box.providers.builtin.silhouette import clean_silhouette, drop_specks

MM = 0.2


def parts(mask):
    return ndi.label(mask, np.ones((3, 3)))[1]


def test_a_plain_disc_stays_as_it_is():
    mask = round_mask(200, 70)
    cleaned = clean_silhouette(mask, MM)
    assert (cleaned ^ mask).sum() < 0.005 * mask.sum()


def test_the_steps_of_an_outline_grow_no_bumps():
    mask = round_mask(320, 150)
    assert not (clean_silhouette(mask, MM) & ~round_mask(320, 151.5)).any()


def test_a_ring_keeps_its_hole():
    ring = round_mask(200, 70) & ~round_mask(200, 30)
    cleaned = clean_silhouette(ring, MM)
    assert not cleaned[100, 100]
    assert cleaned.sum() == pytest.approx(ring.sum(), rel=0.02)


def test_a_pinhole_is_closed():
    mask = round_mask(200, 70) & ~round_mask(200, 4)
    assert clean_silhouette(mask, MM)[100, 100]


def test_two_islands_are_joined():
    mask = np.zeros((120, 200), dtype=bool)
    mask[30:90, 20:80] = True
    mask[30:90, 100:160] = True
    cleaned = clean_silhouette(mask, MM)
    assert parts(cleaned) == 1
    assert cleaned[60, 30]
    assert cleaned[60, 150]
    assert cleaned[:, 90].sum() * MM >= 1.8


def test_a_speck_is_dropped_and_so_is_a_small_island_far_away():
    mask = np.zeros((300, 300), dtype=bool)
    mask[20:180, 20:180] = True
    mask[20:23, 290:293] = True
    mask[260:290, 260:290] = True
    cleaned = clean_silhouette(mask, MM)
    assert parts(cleaned) == 1
    assert not cleaned[200:].any()
    assert not drop_specks(mask)[20:23, 290:293].any()


def test_a_thin_stroke_becomes_a_printable_one():
    mask = round_mask(200, 40)
    mask[98:102, 130:195] = True  # 0.8 mm
    cleaned = clean_silhouette(mask, MM)
    assert cleaned[:, 160].sum() * MM >= 1.6
    assert cleaned[:, 100].sum() == pytest.approx(mask[:, 100].sum(), abs=2)
