"""Colour regions and the relief they give."""

import numpy as np
import pytest
from providers.builtin.known_pictures import round_mask

from lumi_box.providers.builtin.regions import colour_regions, region_relief, region_tree

MM = 0.2


def face():
    """A yellow disc with two dark eyes."""
    mask = round_mask(200, 90)
    rgb = np.full((200, 200, 3), (240, 200, 60), dtype=np.uint8)
    rgb[70:100, 55:80] = rgb[70:100, 120:145] = (30, 20, 20)
    return rgb, mask


def test_eyes_are_regions_of_their_own_that_lie_on_the_face():
    labels = colour_regions(*face(), MM)
    ground, left, right = labels[150, 100], labels[85, 67], labels[85, 132]
    assert len({ground, left, right, 0}) == 4
    assert not labels[0].any()
    tree = region_tree(labels)
    assert tree.parent == {left: ground, right: ground}


def test_what_lies_on_a_region_is_raised():
    rgb, mask = face()
    relief = region_relief(colour_regions(rgb, mask, MM), mask, MM, raise_mm=0.9)
    assert relief[85, 67] == pytest.approx(0.9, abs=0.1)
    assert relief[150, 100] == pytest.approx(0.0, abs=0.05)
    assert not relief[~mask].any()


def test_a_gradient_is_one_region():
    mask = round_mask(160, 70)
    share = np.linspace(0, 1, 160)[:, None, None]
    rgb = (np.array([250, 220, 120]) * (1 - share) + np.array([200, 120, 60]) * share).astype(np.uint8)
    assert colour_regions(np.broadcast_to(rgb, (160, 160, 3)).copy(), mask, MM).max() == 1


def test_halves_side_by_side_part_in_a_groove():
    mask = round_mask(160, 70)
    rgb = np.full((160, 160, 3), (220, 40, 40), dtype=np.uint8)
    rgb[:, 80:] = (40, 40, 220)
    relief = region_relief(colour_regions(rgb, mask, MM), mask, MM, groove_mm=0.55)
    assert relief[80, 78:83].min() == pytest.approx(-0.55, abs=0.05)
    assert relief[80, 40] == pytest.approx(0.0, abs=0.05)


def test_an_eye_with_a_drawn_outline_is_raised_with_it():
    mask = round_mask(200, 90)
    rgb = np.full((200, 200, 3), (90, 160, 220), dtype=np.uint8)
    rgb[round_mask(200, 40)] = (20, 20, 20)
    rgb[round_mask(200, 34)] = (250, 250, 250)
    relief = region_relief(colour_regions(rgb, mask, MM), mask, MM, raise_mm=0.9)
    assert relief[100, 100] == pytest.approx(0.9, abs=0.1)
    assert relief[100, 100 - 70] == pytest.approx(0.0, abs=0.05)


def test_an_empty_mask_has_no_regions():
    assert not colour_regions(np.zeros((9, 9, 3), dtype=np.uint8), np.zeros((9, 9), dtype=bool), MM).any()
