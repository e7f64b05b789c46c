"""Whether a printer will like a model: the facts that the worker found, judged at a height and for a bed. Pure."""

from __future__ import annotations

from typing import Any

from lumi_box.errors import marked

STORED_HEIGHT_MM = 60.0
WARNING, ERROR, INFO = "warning", "error", "info"
MANY_OPEN = 0.01  # of all edges: slicers close small holes by themselves, and guess at large ones
THINNEST_MM = 1.0
MANY_FACES = 1_000_000

JSON = dict[str, Any]
MESSAGES = {
    "MANY_OPEN_EDGES": marked("The surface has large holes. A slicer has to guess what is inside."),
    "OPEN_EDGES": marked("The surface has small holes. Slicers close these by themselves."),
    "NON_MANIFOLD_EDGES": marked("Some edges belong to three faces or more. Slicers usually cope; look at the layers."),
    "INSIDE_OUT": marked("The surface encloses no space: its faces look inwards."),
    "SEVERAL_PARTS": marked("The model consists of several parts, which need not touch each other."),
    "TOO_LARGE": marked("It does not fit on the printer's bed at this height."),
    "TOO_THIN": marked("It is thinner than 1 mm in one direction at this height."),
    "UNSTABLE": marked("It would tip over: print it with a brim, or lay it down."),
    "MANY_FACES": marked("It has very many faces: slicing will take a while."),
}


def report(facts: JSON, *, faces: int, vertices: int, size_mm: list[float], volume_cm3: float, **at: Any) -> JSON:
    """`size_mm` and `volume_cm3` are those of the stored print file; `at` gives `height_mm` and `bed_mm`."""
    scale = at["height_mm"] / STORED_HEIGHT_MM
    size = [round(side * scale, 3) for side in size_mm]
    fits = _fits(size, at["bed_mm"])
    findings = [_finding(code, severity) for code, severity in _judged(facts, faces, size, fits)]
    severities = {each["severity"] for each in findings}
    return {
        "verdict": ERROR if ERROR in severities else WARNING if WARNING in severities else "healthy",
        "watertight": facts["open_edges"] == facts["crowded_edges"] == 0,
        "manifold": facts["crowded_edges"] == 0,
        "openEdges": facts["open_edges"],
        "parts": facts["parts"],
        "faces": faces,
        "vertices": vertices,
        "sizeMm": size,
        "volumeCm3": round(volume_cm3 * scale**3, 3),
        "findings": findings,
        "repaired": facts["repaired"],
        "fitsBed": fits,
    }


def _judged(facts: JSON, faces: int, size: list[float], fits: bool) -> list[tuple[str, str]]:
    many_open = facts["open_edges"] > MANY_OPEN * 1.5 * faces  # a closed surface has three edges for two faces
    judged = (
        ("INSIDE_OUT", ERROR, facts["inside_out"]),
        ("MANY_OPEN_EDGES", ERROR, many_open),
        ("OPEN_EDGES", WARNING, facts["open_edges"] and not many_open),
        ("NON_MANIFOLD_EDGES", WARNING, facts["crowded_edges"]),
        ("TOO_LARGE", WARNING, not fits),
        ("TOO_THIN", WARNING, min(size) < THINNEST_MM),
        ("UNSTABLE", WARNING, facts["unstable"]),
        ("SEVERAL_PARTS", INFO, facts["parts"] > 1),
        ("MANY_FACES", INFO, faces > MANY_FACES),
    )
    return [(code, severity) for code, severity, found in judged if found]


def _finding(code: str, severity: str) -> JSON:
    return {"code": code, "severity": severity, "message": MESSAGES[code]}


def _fits(size: list[float], bed: tuple[float, float, float]) -> bool:
    """Turned by a quarter if need be; upright, as the file is."""
    return max(size[:2]) <= max(bed[:2]) and min(size[:2]) <= min(bed[:2]) and size[2] <= bed[2]
