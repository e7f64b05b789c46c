"""Measures of shapes that one can work out by hand."""

import numpy as np
import pytest
from meshes.known_meshes import box

from lumi_box.meshes.measure import centre_of_mass, convex_hull, is_watertight, support_margin, volume


def test_a_box_is_closed_and_has_its_volume():
    mesh = box(2, 4, 1)
    assert is_watertight(mesh.faces)
    assert volume(mesh.vertices, mesh.faces) == pytest.approx(8.0)


def test_an_open_box_is_not_watertight():
    assert not is_watertight(box().faces[1:])


def test_a_face_turned_round_is_not_watertight():
    faces = box().faces.copy()
    faces[0] = faces[0, ::-1]
    assert not is_watertight(faces)


def test_no_faces_are_not_watertight():
    assert not is_watertight(np.empty((0, 3), dtype=np.int64))


def test_the_centre_of_mass_of_a_box_is_its_middle():
    mesh = box(2, 4, 1)
    assert centre_of_mass(mesh.vertices, mesh.faces) == pytest.approx([6.0, 9.0, -2.5])


def test_the_support_margin_of_a_box_is_half_its_depth():
    mesh = box(2, 4, 1)
    assert support_margin(mesh.vertices, mesh.faces) == pytest.approx(0.5)


def test_a_sheared_box_tips_over():
    mesh = box(2, 4, 1)
    mesh.vertices[:, 0] += mesh.vertices[:, 1] * 1.5
    assert support_margin(mesh.vertices, mesh.faces) < 0


def test_the_hull_leaves_out_what_lies_inside():
    points = np.array([(0, 0), (4, 0), (4, 3), (0, 3), (2, 1), (2, 0)], dtype=float)
    assert sorted(map(tuple, convex_hull(points))) == [(0, 0), (0, 3), (4, 0), (4, 3)]
