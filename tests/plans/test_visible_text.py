"""What people type is text that can be seen; Unicode says what that is."""

import unicodedata

import pytest
import regex

from plans.unicode_tables import (
    DEFAULT_IGNORABLE,
    EXTENDED_PICTOGRAPHIC,
    PREPENDED_CONCATENATION_MARK,
    ranges_of,
)
from plans.visible_text import clean_reference, clean_text, replace_hidden

HIDDEN = {
    "the Hangul fillers": "\u3164\uffa0\u115f\u1160",
    "a blank of Braille": "\u2800",
    "controls": "\x00\x07\x1b\x7f\x85",
    "what turns the direction": "\u202a\u202e\u2066\u2069\u200e\u061c",
    "what is as wide as nothing": "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f",
    "selectors": "\ufe00\ufe0e\ufe0f\u180b\u180e\U000e0100",
    "tags": "\U000e0001\U000e0061",
    "private characters": "\ue000\U000f0000",
    "unassigned ones": "\u0378\u0e5c",
    "half of a pair": "\ud800\udfff",
    "separators of lines": "\u2028\u2029",
    "what an object would stand for": "\ufffc\ufff9",
}
VISIBLE = [
    "김민준",
    unicodedata.normalize("NFD", "김민준"),
    "O'Brien-Łukasz",
    "山田 太郎",
    "👩‍👩‍👧",
    "👨🏻‍❤️‍💋‍👨🏽",
    "👩🏽‍💻 dev",
    "🏳️‍🌈",
    "❤️ and ☀︎",
    "1️⃣",
    "🇰🇷",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "\U0001fae9",
    "\u0600\N{ARABIC-INDIC DIGIT ONE}",
    "₩9,900",
]


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (DEFAULT_IGNORABLE, "Default_Ignorable_Code_Point"),
        (EXTENDED_PICTOGRAPHIC, "Extended_Pictographic"),
        (PREPENDED_CONCATENATION_MARK, "Prepended_Concatenation_Mark"),
    ],
    ids=lambda value: value if len(value) < 40 else "",
)
def test_a_table_holds_the_code_points_that_another_implementation_of_unicode_has(table, name):
    pattern = regex.compile(rf"\p{{{name}}}")
    theirs = {number for number in range(0x110000) if pattern.match(chr(number))}
    assert {number for first, last in ranges_of(table) for number in range(first, last + 1)} == theirs


@pytest.mark.parametrize("text", VISIBLE)
def test_what_can_be_seen_is_taken(text):
    assert clean_text(text, 100) == unicodedata.normalize("NFC", text)
    assert replace_hidden(text) == text


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_shows_nothing_is_refused_alone_and_within_text(kind):
    for character in HIDDEN[kind]:
        for text in (f"x{character}x", f"kim{character}jun", f"1{character}1", f"👩{character}{character}x"):
            with pytest.raises(ValueError, match=rf"U\+{ord(character):04X}, which cannot be seen"):
                clean_text(text, 100)
        assert replace_hidden(f"a{character}b") == "a�b"


def test_text_of_spaces_alone_is_none():
    for text in ("", "   ", "\u3000\u00a0"):
        with pytest.raises(ValueError, match="must have 1 to 100 characters"):
            clean_text(text, 100)


def test_hangul_of_any_machine_is_one_text():
    assert clean_text(unicodedata.normalize("NFD", "김민준"), 100) == clean_text("김민준", 100)


@pytest.mark.parametrize("look", ["❤️", "❤", "❤︎"])
def test_a_reference_is_the_same_in_each_style_of_an_emoji(look):
    assert clean_reference(look, 100) == "❤"


def test_a_reference_keeps_joined_emoji():
    assert clean_reference("👩‍👩‍👧", 100) == "👩‍👩‍👧"


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u2003", "\u202f"])
def test_a_reference_holds_no_other_space_than_the_space(space):
    with pytest.raises(ValueError, match=rf"U\+{ord(space):04X}, which looks like a space; write a space"):
        clean_reference(f"kim{space}1", 100)
    assert clean_reference("kim 1", 100) == "kim 1"


def test_text_in_which_all_can_be_seen_stays_as_it_is():
    assert replace_hidden("basic 9900 KRW") == "basic 9900 KRW"
