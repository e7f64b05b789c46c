"""The box of the running application."""

from typing import cast

from flask import current_app

from lumi_box.box import Box
from lumi_box.events import Follower


def box() -> Box:
    return cast(Box, current_app.extensions["lumi_box"])


def follower() -> Follower:
    return cast(Follower, current_app.extensions["lumi_follower"])
