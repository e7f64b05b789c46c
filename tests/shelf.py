"""Models in the gallery, as rows: what made them does not matter to those who look at them."""

from __future__ import annotations

from lumi_box.gallery import publish
from lumi_box.tables.account import User
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image

TABLES = (GenerationRequest, Image, GeneratedModel)


def finished_model(maker: User, name: str = "a crane", prompt: str | None = None, **columns: object) -> GeneratedModel:
    """A finished, private model of the maker."""
    request = GenerationRequest.create(
        user=maker, prompt=prompt or name, variants="as-is", status="COMPLETED", phase="COMPLETED"
    )
    image = Image.create(request=request, position=0, prompt=request.prompt, status="COMPLETED")
    return GeneratedModel.create(
        user=maker, request=request, image=image, name=name, status="COMPLETED", progress=100, **columns
    )


def published_model(maker: User, name: str = "a crane", prompt: str | None = None, **columns: object) -> GeneratedModel:
    model = finished_model(maker, name, prompt, **columns)
    publish.set_visibility(model, publish.PUBLIC)
    return GeneratedModel.get_by_id(model.id)
