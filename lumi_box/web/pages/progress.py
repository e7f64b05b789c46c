"""Where a creation stands, and what its maker may do next: read off a task, for the templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext, ngettext

RUNNING = ("PENDING", "GENERATING")
PROMPT, PICTURES, PICK, MODEL, DONE = range(5)


@dataclass(frozen=True)
class Progress:
    status: str
    images: tuple[str, ...]  # the state of each picture
    model: str | None  # the state of the model, if one was ever begun

    @property
    def cancelled(self) -> bool:
        return self.status == "CANCELLED"

    @property
    def painting(self) -> bool:
        return not self.cancelled and any(state in RUNNING for state in self.images)

    @property
    def modelling(self) -> bool:
        return not self.cancelled and self.model in RUNNING

    @property
    def running(self) -> bool:
        """Work is under way: the page keeps itself up to date."""
        return self.painting or self.modelling

    @property
    def ready(self) -> int:
        return self.images.count("COMPLETED")

    @property
    def can_pick(self) -> bool:
        return self.model in (None, "FAILED")

    @property
    def can_redo(self) -> bool:
        return self.model is None

    @property
    def can_retry(self) -> bool:
        return self.model == "FAILED" or (self.model is None and "FAILED" in self.images)

    @property
    def step(self) -> int:
        """The step that the maker looks at now."""
        if self.model == "COMPLETED":
            return DONE
        if self.model is not None:
            return MODEL
        return PICK if self.ready else PICTURES

    @property
    def headline(self) -> str:
        if self.cancelled:
            return gettext("Cancelled")
        if self.model is not None:
            return self._model_headline()
        if self.ready:
            return gettext("Pick the one to make")
        if not self.painting:
            return gettext("None of the pictures worked out")
        return gettext("Painting four pictures") if "GENERATING" in self.images else gettext("Waiting for a free brush")

    def _model_headline(self) -> str:
        texts = {
            "PENDING": gettext("Waiting for the 3D workshop"),
            "GENERATING": gettext("Making your model"),
            "COMPLETED": gettext("Your model is ready"),
            "FAILED": gettext("The model did not work out"),
        }
        return texts.get(self.model or "", "")

    @property
    def detail(self) -> str:
        """One sentence under the headline: what happens next, or what to do."""
        if self.cancelled:
            return self._cancelled_detail()
        if self.model is not None:
            return self._model_detail()
        if self.painting:
            return self._painting_detail()
        if self.ready:
            return gettext("Pictures with one clear object on a plain background print best.")
        return gettext("Try again, or change the prompt.")

    def _cancelled_detail(self) -> str:
        if self.ready:
            return gettext("What was finished is kept: you can still pick it, or go on with the rest.")
        return gettext("Nothing was finished. You can go on, or change the prompt.")

    def _model_detail(self) -> str:
        if self.modelling:
            return gettext("This can take a few minutes. You may close the page: the work goes on.")
        if self.model == "COMPLETED":
            return gettext("Turn it round, choose a height, and send the file to your slicer.")
        return gettext("Try again, or pick another picture.")

    def _painting_detail(self) -> str:
        if not self.ready:
            return gettext("Each picture appears here as soon as it is done.")
        return ngettext(
            "%(num)d of 4 pictures is ready. You need not wait for the others.",
            "%(num)d of 4 pictures are ready. You need not wait for the others.",
            self.ready,
        )


def progress_of(task: dict[str, Any]) -> Progress:
    model = task.get("model")
    return Progress(
        status=task["status"],
        images=tuple(image["imageStatus"] for image in task["images"]),
        model=model["generationStatus"] if model else None,
    )
