"""The application around a test's box, and clients of it."""

import pytest
from flask.testing import FlaskClient

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.tables import base
from lumi_box.tables.generation import GeneratedModel
from lumi_box.web.app import create_app


class Reading(FlaskClient):
    """Reads and closes every answer, as a server does, unless a test wants the stream of it."""

    def open(self, *arguments, buffered=True, **options):
        return super().open(*arguments, buffered=buffered, **options)


@pytest.fixture
def app(box):
    app = create_app(box)
    app.test_client_class = Reading
    app.testing = False  # errors become answers, as in production
    yield app
    app.extensions["lumi_follower"].close(wait=True)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def finished(box, alice, drain):
    """Alice's finished, private model."""
    request = accept_prompt(box, alice.id, "a paper crane")
    drain()
    pick_image(box, request, 1)
    drain()
    return GeneratedModel.get()


@pytest.fixture
def queries(monkeypatch):
    """The SQL that the database is given, as it comes."""
    seen = []
    execute = base.database.obj.execute_sql

    def noting(sql, *arguments, **options):
        seen.append(sql)
        return execute(sql, *arguments, **options)

    monkeypatch.setattr(base.database.obj, "execute_sql", noting)
    return seen
