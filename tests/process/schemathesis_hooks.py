"""For schemathesis: every second path parameter is one that exists, so that calls reach what lies behind 404."""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis

KNOWN: dict[str, list[str]] = json.loads(os.environ["LUMI_BOX_KNOWN_IDS"])


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    if not isinstance(path_parameters, dict):
        return path_parameters
    for name, value in path_parameters.items():
        turn = sum(str(value).encode())
        if name in KNOWN and turn % 2:
            path_parameters[name] = KNOWN[name][turn % len(KNOWN[name])]
    return path_parameters
