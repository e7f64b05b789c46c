"""The box of the running application."""

from typing import cast

from flask import current_app

from lumi_box.box import Box
from lumi_box.events import Follower
from lumi_box.web.stream_hub import StreamHub


def box() -> Box:
    return cast(Box, current_app.extensions["lumi_box"])


def stream_hub() -> StreamHub:
    return cast(StreamHub, current_app.extensions["lumi_stream_hub"])


def follower() -> Follower:
    return cast(Follower, current_app.extensions["lumi_follower"])
