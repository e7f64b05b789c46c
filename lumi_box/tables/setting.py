"""What the installation knows of itself."""

from peewee import CharField, TextField

from lumi_box.tables.base import Table


class Setting(Table):
    """One value by its name, such as the id of this installation."""

    name = CharField(64, primary_key=True)
    value = TextField()
