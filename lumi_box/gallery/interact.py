"""What viewers do with a model, counted."""

from lumi_box.tables.generation import GeneratedModel


def count_download(model: GeneratedModel) -> int:
    """One more download; answers how many there are now."""
    GeneratedModel.update(download_count=GeneratedModel.download_count + 1).where(
        GeneratedModel.id == model.id
    ).execute()
    count: int = GeneratedModel.select(GeneratedModel.download_count).where(GeneratedModel.id == model.id).scalar()
    return count


def count_view(model: GeneratedModel) -> None:
    GeneratedModel.update(view_count=GeneratedModel.view_count + 1).where(GeneratedModel.id == model.id).execute()
