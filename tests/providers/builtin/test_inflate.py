"""The membrane over shapes whose answer is known."""

import numpy as np
import pytest
from providers.builtin.known_pictures import round_mask

from lumi_box.providers.builtin.inflate import poisson_inflation


def test_a_disc_inflates_to_the_known_paraboloid():
    mask = round_mask(101, 40.0)
    y, x = np.mgrid[:101, :101] - 50
    expected = np.where(mask, (40.0**2 - x**2 - y**2) / 4, 0.0)
    assert poisson_inflation(mask) == pytest.approx(expected, abs=0.03 * expected.max())


def test_it_solves_the_equation_it_states():
    mask = np.zeros((40, 50), dtype=bool)
    mask[5:35, 8:30] = True
    mask[20:30, 25:45] = True
    u = poisson_inflation(mask)
    around = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)
    assert (around - 4 * u)[mask] == pytest.approx(-1.0)
    assert not u[~mask].any()


def test_a_long_strip_inflates_to_a_parabola():
    mask = np.zeros((400, 61), dtype=bool)
    mask[:, 10:51] = True
    across = np.arange(61) - 30
    assert poisson_inflation(mask)[200] == pytest.approx(np.where(mask[0], (21**2 - across**2) / 2, 0.0), rel=0.01)


def test_without_vertical_stiffness_each_row_is_for_itself():
    mask = np.zeros((60, 60), dtype=bool)
    mask[10:30, 20:41] = True
    mask[30:50, 26:35] = True
    u = poisson_inflation(mask, 1e-9)
    assert u[11, 30] == pytest.approx(11**2 / 2)
    assert u[49, 30] == pytest.approx(5**2 / 2)


def test_a_bottom_that_is_not_held_stays_as_high_as_far_inside():
    mask = np.zeros((120, 60), dtype=bool)
    mask[5:100, 10:50] = True
    free, held = poisson_inflation(mask, bottom_hold=0.0), poisson_inflation(mask)
    assert free[99, 30] == pytest.approx(free[60, 30], rel=0.02)
    assert held[99, 30] < 0.2 * held[60, 30]


def test_nothing_inflates_to_nothing():
    assert not poisson_inflation(np.zeros((8, 8), dtype=bool)).any()
