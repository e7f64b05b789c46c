"""The gallery's lists: what is found, in which order, and how the database gets there."""

import pytest
from shelf import finished_model, published_model

from lumi_box.gallery import browse, interact, moderate, publish
from lumi_box.tables import base
from lumi_box.tables.gallery import SearchText
from lumi_box.tables.generation import GeneratedModel


def names(text=None, sort="latest", limit=20, offset=0):
    return [row.name for row in browse.public_models(sort, limit, offset, text)[0]]


@pytest.fixture
def models(alice):
    return [
        published_model(alice, "A red fox", "a sitting red fox", published_at=1),
        published_model(alice, "一只小猫", "一只戴帽子的小猫", published_at=2),
        published_model(alice, "50% off_sale", 'a "quoted" sign', published_at=3),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fox", ["A red fox"]),
        ("FOX", ["A red fox"]),
        ("ittin", ["A red fox"]),
        ("fox sitting", ["A red fox"]),
        ("fox cat", []),
        ("帽子的", ["一只小猫"]),
        ("小猫", ["一只小猫"]),
        ("猫", ["一只小猫"]),
        ("re fox", ["A red fox"]),
        ("50%", ["50% off_sale"]),
        ("%", ["50% off_sale"]),
        ("f_s", ["50% off_sale"]),
        ("x_x", []),
        ('"quoted"', ["50% off_sale"]),
        ("fox OR cat", []),
        ("name:fox", []),
        ("fo*", []),
        ("fox\0", ["A red fox"]),
        ("  ", ["50% off_sale", "一只小猫", "A red fox"]),
    ],
)
def test_every_word_is_found_wherever_it_stands(models, text, found):
    assert names(text) == found


def test_search_follows_every_change(models, alice, box, engine):
    fox = models[0]
    publish.describe(fox, name="A blue whale")
    assert (names("red fox"), names("whale")) == (["A blue whale"], ["A blue whale"])  # the prompt still says fox
    publish.set_visibility(fox, publish.PRIVATE)
    assert names("whale") == []
    publish.set_visibility(fox, publish.PUBLIC)
    moderate.decide(fox.id, hide=True)
    assert names("whale") == []
    publish.describe(fox, name="A green whale")
    assert names("whale") == []
    moderate.decide(fox.id, hide=False)
    assert names("whale") == ["A green whale"]
    publish.delete_request(box, GeneratedModel.get_by_id(fox.id).request)
    assert names("whale") == []
    assert SearchText.select().count() == 2
    if engine == "sqlite":
        base.database.execute_sql("INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 1)")


def test_private_models_are_never_found(alice):
    finished_model(alice, "secret plan")
    assert (names(), names("secret"), names("se")) == ([], [], [])


def test_orders_and_pages(models, bob):
    interact.toggle(models[0].id, bob.id, interact.LIKE)
    interact.count_download(models[1], bob.id)
    assert names() == ["50% off_sale", "一只小猫", "A red fox"]
    assert names(sort="liked")[0] == "A red fox"
    assert names(sort="popular")[0] == "一只小猫"
    assert names(limit=1, offset=1) == ["一只小猫"]
    assert names(offset=10**9) == []
    assert browse.public_models("latest", 1, 0)[1] == 3


@pytest.mark.parametrize("sort", sorted(browse.SORTS))
def test_a_page_comes_out_of_an_index_in_its_order(box, engine, sort):
    plan = plan_of(browse.page_ids(sort, 20, 0), engine)
    assert plan
    for line in plan:
        assert line.startswith("SEARCH") and "COVERING INDEX" in line, plan


def plan_of(query, engine):
    if engine != "sqlite":
        pytest.skip("tells its plans in other words")
    sql, parameters = query.sql()
    return [row[3] for row in base.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]


@pytest.mark.parametrize("sort", sorted(browse.OWN_SORTS))
def test_a_users_list_comes_out_of_an_index(box, alice, engine, sort):
    order = (browse.OWN_SORTS[sort], GeneratedModel.id.desc())
    plan = plan_of(GeneratedModel.select().where(GeneratedModel.user == alice.id).order_by(*order), engine)
    assert [line.split()[0] for line in plan] == ["SEARCH"], plan


def test_marked_models_are_those_that_may_still_be_seen(models, bob):
    for model in models:
        interact.toggle(model.id, bob.id, interact.LIKE)
    interact.toggle(models[0].id, bob.id, interact.FAVORITE)
    rows, total = browse.marked_by(bob.id, interact.LIKE, "latest", 2, 0)
    assert ([row.name for row in rows], total) == (["50% off_sale", "一只小猫"], 3)
    moderate.decide(models[2].id, hide=True)
    publish.set_visibility(models[1], publish.PRIVATE)
    assert [row.id for row in browse.marked_by(bob.id, interact.LIKE, "name", 9, 0)[0]] == [models[0].id]
    assert browse.marked_by(bob.id, interact.FAVORITE, "popular", 9, 0)[1] == 1


def test_figures_of_a_user(models, alice, bob):
    finished_model(alice)
    interact.toggle(models[0].id, bob.id, interact.LIKE)
    assert browse.figures_of(alice.id) == {
        "totalTasks": 4,
        "totalModels": 4,
        "publicModels": 3,
        "privateModels": 1,
        "totalViews": 0,
        "totalLikes": 1,
        "totalFavorites": 0,
        "totalDownloads": 0,
    }
    assert set(browse.figures_of(bob.id).values()) == {0}
