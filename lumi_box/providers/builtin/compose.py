"""Put an accessory to the thing so that the two are one piece when printed: on its head, or beside it."""

from __future__ import annotations

import numpy as np

from lumi_box.providers.builtin.canvas import FILL, SIZE, Rgba, fit, over, solid

MAIN_FILL, ACCESSORY_FILL, HAT_FILL = 0.76, 0.36, 0.40  # of the canvas
OVERLAP = 0.22  # of the accessory's area that lies on the thing: a neck thick enough to print
HAT_DEPTH = 0.30  # of the hat's height that sits over the head
MARGIN = 60
_STEP = 12  # pixels


def beside(main: Rgba, accessory: Rgba) -> Rgba:
    """The accessory stands in front, at the lower right, on the same ground."""
    thing, extra = _moved_to_corner(fit(main, MAIN_FILL)), fit(accessory, ACCESSORY_FILL)
    body, small = solid(thing), solid(extra)
    rows, columns = np.nonzero(small)
    down = int(np.nonzero(body)[0].max() - rows.max())
    farthest, nearest = SIZE - MARGIN // 2 - int(columns.max()), -int(columns.min())
    for right in range(farthest, nearest, -_STEP):
        if (_moved(small, down, right) & body).sum() >= OVERLAP * small.sum():
            return fit(over(thing, _moved(extra, down, right)), FILL)
    return fit(over(thing, extra), FILL)  # a shape so open that nothing overlaps enough: in front of its middle


def on_head(main: Rgba, hat: Rgba) -> Rgba:
    """The hat sits in the middle of a face seen from the front, low enough that ears stand beside it."""
    face, worn = fit(main, 0.66), fit(hat, HAT_FILL)
    body, rows = solid(face), np.nonzero(solid(worn))[0]
    middle = body[:, SIZE // 2 - 40 : SIZE // 2 + 40].any(axis=1)
    crown = int(np.argmax(middle))  # where the head begins between the ears
    lowered = crown + HAT_DEPTH * np.ptp(rows) - rows.max()
    room = max(0, int(MARGIN - rows.min() - lowered))  # the hat may rise over the canvas: move both down
    room = min(room, SIZE - 1 - int(np.nonzero(body)[0].max()))
    return fit(over(_moved(face, room, 0), _moved(worn, int(lowered) + room, 0)), FILL)


def _moved_to_corner(picture: Rgba) -> Rgba:
    rows, columns = np.nonzero(solid(picture))
    return _moved(picture, MARGIN - int(rows.min()), MARGIN - int(columns.min()))


def _moved(array: np.ndarray, down: int, right: int) -> np.ndarray:
    """Shifted; what leaves the canvas is transparent margin and may come in on the other side."""
    return np.roll(array, (down, right), (0, 1))
