"""What a slicer makes of a model: one row for each time that somebody asked."""

from peewee import BigIntegerField, CharField, FloatField, ForeignKeyField, IntegerField, JSONField, TextField

from lumi_box.clock import now_ms
from lumi_box.tables.base import ID_LENGTH, Table, new_id
from lumi_box.tables.generation import GeneratedModel


class Slicing(Table):
    """Its id sorts by time: the highest of a model is the latest. The model's row repeats that one's id and status."""

    id = CharField(ID_LENGTH, primary_key=True, default=new_id)
    model = ForeignKeyField(GeneratedModel, on_delete="CASCADE", index=False)
    model_id: str
    request_id = CharField(ID_LENGTH)
    user_id = CharField(ID_LENGTH)
    height_mm = FloatField()
    status = CharField(16)  # SLICING, SLICE_COMPLETE or FAILED
    progress = IntegerField(null=True)  # percent, where the slicer tells
    remote_id = CharField(100, null=True)  # what the slicer service calls it
    lease = CharField(ID_LENGTH, null=True)  # which step runs now
    due_at = BigIntegerField(null=True, default=now_ms)  # of the next step; while one runs, when it counts as lost
    tries = IntegerField(default=0)  # steps begun since one last went well
    steps = IntegerField(default=0)  # that were followed by a wait
    resultless = IntegerField(default=0)  # times that the service said it was done, and had no file to show for it
    deadline_at = BigIntegerField(null=True)  # counts from the first step: waiting in line is not the slicer's fault
    stl_key = CharField(200, null=True)  # a print file of another height, made for the service
    gcode_key = CharField(200, null=True)
    gcode_facts = JSONField(null=True)  # layer_height, print_time_seconds, filament_grams
    error_message = TextField(null=True)  # for the owner
    error_code = CharField(100, null=True)  # this and the next for the operator
    error_text = TextField(null=True)
    created_at = BigIntegerField(default=now_ms)
    updated_at = BigIntegerField(default=now_ms)
    ended_at = BigIntegerField(null=True)

    class Meta:
        indexes = ((("model", "id"), False), (("status", "due_at"), False))
