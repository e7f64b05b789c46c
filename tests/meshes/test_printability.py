"""What a slicer would stumble over."""

import numpy as np
import pytest
import trimesh
from doubles import cube

from lumi_box.meshes import read_parts
from lumi_box.meshes.placed import for_print
from lumi_box.meshes.printability import examine
from lumi_box.meshes.read_parts import Parts, checked


def printed(mesh):
    return for_print(np.asarray(mesh.vertices, float), 60.0), np.asarray(mesh.faces, np.int64)


def parts_of(vertices, faces):
    none = np.full_like(faces, -1)
    return Parts(vertices.copy(), faces.copy(), np.zeros((0, 2)), none, np.zeros(len(faces), np.int64), [], None)


def test_a_closed_solid_is_watertight_and_of_one_piece():
    facts = examine(*printed(cube()))
    assert facts.watertight
    assert (facts.open_edges, facts.crowded_edges, facts.parts) == (0, 0, 1)
    assert not facts.inside_out and not facts.unstable


def test_each_missing_face_opens_its_three_edges():
    vertices, faces = printed(cube())
    facts = examine(vertices, faces[1:])
    assert (facts.open_edges, facts.crowded_edges, facts.watertight) == (3, 0, False)


def test_a_face_too_many_crowds_its_edges():
    vertices, faces = printed(cube())
    fin = np.array([[faces[0][0], faces[0][1], len(vertices)]])
    facts = examine(np.vstack([vertices, [0, 0, 90.0]]), np.vstack([faces, fin]))
    assert (facts.open_edges, facts.crowded_edges) == (2, 1)


def test_a_face_turned_over_disagrees_with_its_neighbours():
    vertices, faces = printed(cube())
    faces[0] = faces[0][::-1]
    assert examine(vertices, faces).crowded_edges == 3


def test_faces_that_look_inwards_enclose_nothing():
    vertices, faces = printed(cube())
    assert examine(vertices, faces[:, ::-1]).inside_out


def test_parts_are_counted_by_their_faces():
    two = trimesh.util.concatenate([trimesh.creation.box(), trimesh.creation.icosphere().apply_translation([3, 0, 0])])
    facts = examine(*printed(two))
    assert (facts.parts, facts.open_edges) == (2, 0)


def test_what_leans_too_far_is_unstable():
    pillar = trimesh.creation.box(extents=[1, 6, 1])
    sheared = pillar.vertices.copy()
    sheared[:, 0] += sheared[:, 1]
    assert not examine(*printed(pillar)).unstable
    assert examine(for_print(sheared, 60.0), np.asarray(pillar.faces, np.int64)).unstable


@pytest.mark.parametrize("subdivisions", [1, 3])
def test_the_counts_agree_with_trimesh(subdivisions):
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions)
    holed = trimesh.Trimesh(mesh.vertices, np.delete(mesh.faces, [0, 5, 17], axis=0), process=False)
    facts = examine(*printed(holed))
    open_edges = trimesh.grouping.group_rows(holed.edges_sorted, require_count=1)
    assert facts.open_edges == len(open_edges)


def test_what_is_put_right_is_told():
    mesh = cube()
    soup = mesh.vertices[mesh.faces].reshape(-1, 3)
    faces = np.arange(len(soup)).reshape(-1, 3)
    faces = np.vstack([faces, faces[:1], [[0, 0, 1]]])
    fixed = checked(parts_of(soup, faces))
    assert len(fixed.faces) == 12 and len(fixed.vertices) == 8
    assert set(fixed.repaired) == {read_parts.WELDED, read_parts.DEGENERATE, read_parts.DOUBLED}


def test_the_same_face_from_another_corner_on_is_a_double_and_its_other_side_is_not():
    mesh = cube()
    first = mesh.faces[0]
    doubled = checked(parts_of(mesh.vertices, np.vstack([mesh.faces, [first[[1, 2, 0]]]])))
    assert len(doubled.faces) == 12
    both_sides = checked(parts_of(mesh.vertices, np.vstack([mesh.faces, [first[::-1]]])))
    assert len(both_sides.faces) == 13


def test_a_solid_that_came_inside_out_is_turned():
    mesh = cube()
    turned = checked(parts_of(mesh.vertices, mesh.faces[:, ::-1]))
    assert turned.repaired == [read_parts.TURNED]
    assert not examine(*printed(turned)).inside_out
