"""Counters that outlive processes, and the rows that they counted."""

from peewee import BigIntegerField, CharField, CompositeKey

from lumi_box.tables.base import Table


class Tally(Table):
    """How often something of one kind happened, and how much it came to. Only metrics/tally.py writes it.

    The rows of a metric are few: one for each set of label values and each bucket of its histogram.
    """

    metric = CharField(16)
    labels = CharField(120)  # the values, as JSON, in the order that metrics/families.py names them
    bucket = CharField(8)  # the bound of the histogram's bucket as it is shown; empty for what was not measured
    count = BigIntegerField(default=0)
    amount = BigIntegerField(default=0)  # microseconds, or ten-thousandths of a currency

    class Meta:
        primary_key = CompositeKey("metric", "labels", "bucket")
