"""What makes the gallery quick: a number that tells when it changed, and the words that are searched."""

from peewee import AutoField, BigIntegerField, CharField, ForeignKeyField, IntegerField

from lumi_box.tables.base import Table
from lumi_box.tables.generation import GeneratedModel


class GalleryState(Table):
    """One row. `generation` grows with every change of what the gallery lists, so that no cache outlives one."""

    id = IntegerField(primary_key=True)
    generation = BigIntegerField(default=0)


class SearchText(Table):
    """The words of a model that the gallery shows. On SQLite, triggers keep an FTS5 index of them (`search_index`)."""

    id = AutoField()
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", unique=True)
    model_id: str
    name = CharField(120)
    prompt = CharField(500)
