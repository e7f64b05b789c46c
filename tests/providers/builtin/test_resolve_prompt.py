"""What a prompt is taken to ask for."""

from __future__ import annotations

import pytest

from lumi_box.providers.builtin.resolve_prompt import resolve_prompt
from lumi_box.providers.builtin.words import singular


@pytest.mark.parametrize(
    ("prompt", "symbol"),
    [
        ("a cute cat sitting", "🐈"),
        ("一只可爱的小猫", "🐱"),
        ("low-poly fox", "🦊"),
        ("coffee mug", "mug"),
        ("red sports car", "🚘"),
        ("dragon", "🐉"),
        ("chess knight", "chess-knight"),
        ("国际象棋骑士", "chess-knight"),
        ("rocket ship", "🚀"),
        ("生日蛋糕", "🎂"),
        ("花瓶", "vase"),
        ("hot dog", "🌭"),
        ("two hedgehogs", "🦔"),
        ("otter", "🦦"),
        ("a cathedral", "⛪"),  # only WordNet knows it
        ("une pomme rouge", "🍎"),
        ("Ein roter Drache", "🐉"),
        ("고양이가", "🐈"),
        ("かわいい犬", "🐕"),
        ("قطة", "🐈"),
        ("กระต่าย", "🐇"),
        ("👍🏽", "👍"),
        ("Cute cat, big eyes, sitting on a chair, 3D render", "🐈"),
        ("穿红色毛衣的兔子", "🐰"),
        ("站在树枝上的猫头鹰", "🦉"),
        ("圣诞节的帽子", "🎩"),
        ("an orange", "🍊"),
        ("on the moon", "🌙"),
    ],
)
def test_the_head_noun_names_the_symbol(prompt, symbol):
    assert resolve_prompt(prompt).matches[0].symbol == symbol


@pytest.mark.parametrize(
    ("prompt", "accessory"),
    [
        ("robot with a flower", "🌼"),
        ("拿着花的机器人", "🌼"),
        ("一只戴帽子的猫", "🎩"),
        ("猫戴帽子", "🎩"),
        ("an astronaut riding a horse", "🐎"),
        ("🐶🎩", "🎩"),
        ("a cat with a cat", None),
        ("birthday cake", None),
        ("圣诞节的帽子", None),
    ],
)
def test_what_is_carried_becomes_the_accessory(prompt, accessory):
    assert resolve_prompt(prompt).accessory == accessory


def test_a_colour_belongs_to_the_part_it_stands_in():
    of_the_thing = resolve_prompt("一辆蓝色的卡车")
    assert of_the_thing.colour == (47, 111, 219)
    of_the_sweater = resolve_prompt("穿红色毛衣的兔子")
    assert (of_the_sweater.colour, of_the_sweater.accessory_colour) == (None, (217, 43, 43))
    of_both = resolve_prompt("a black cat with a red hat")
    assert (of_both.colour, of_both.accessory_colour) == (None, (217, 43, 43))  # the black cat is a symbol of its own


def test_a_colour_with_a_noun_is_not_the_fruit():
    resolved = resolve_prompt("orange cat")
    assert (resolved.matches[0].symbol, resolved.colour) == ("🐈", (242, 140, 40))


@pytest.mark.parametrize("prompt", ["low-poly fox", "LOW POLY fox", "fox, lowpoly style", "低多边形狐狸"])
def test_low_poly_asks_for_facets_and_names_nothing(prompt):
    resolved = resolve_prompt(prompt)
    assert resolved.faceted
    assert resolved.matches[0].symbol == "🦊"


@pytest.mark.parametrize("prompt", ["", " ", "asdfgh", "12345", "!!!", "🇨🇳", "的", "的了着", "手办"])
def test_a_prompt_that_names_nothing_has_no_match(prompt):
    resolved = resolve_prompt(prompt)
    assert (resolved.confidence, resolved.matches) == ("none", ())


@pytest.mark.parametrize("prompt", ["猫" * 500, "a cat with " * 45, "😀" * 250, "的和与跟" * 125, "x" * 500])
def test_the_longest_prompts_are_read(prompt):
    assert resolve_prompt(prompt).confidence in {"match", "weak", "none"}


@pytest.mark.parametrize(
    ("plural", "word"),
    [
        ("cats", "cat"),
        ("berries", "berry"),
        ("foxes", "fox"),
        ("glass", "glass"),
        ("cactus", "cactus"),
        ("iris", "iris"),
    ],
)
def test_plurals_are_read_as_their_singular(plural, word):
    assert singular(plural) == word
