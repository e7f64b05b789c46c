"""The box of the running application, and what its requests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:  # they ask for the box themselves
    from lumi_box.box import Box
    from lumi_box.events import Follower
    from lumi_box.health.kept import KeptFindings
    from lumi_box.web.stream_hub import StreamHub


def box() -> Box:
    return cast("Box", current_app.extensions["lumi_box"])


def stream_hub() -> StreamHub:
    return cast("StreamHub", current_app.extensions["lumi_stream_hub"])


def follower() -> Follower:
    return cast("Follower", current_app.extensions["lumi_follower"])


def kept_findings() -> KeptFindings:
    return cast("KeptFindings", current_app.extensions["lumi_findings"])
