"""JSON from a stranger."""

import json
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.strict_json import STRING, _strings, parse_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON), st.booleans())
def test_objects_come_back_as_they_are(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_object(text.encode(), Settings()) == value


def test_depth_counts_structure_and_not_text():
    within = b'{"a":' * 32 + b"1" + b"}" * 32
    assert parse_object(within, Settings())
    assert parse_object(json.dumps({"a": '[{"' * 1000}).encode(), Settings())
    for opening in (b'{"a":', b'{"a":['):
        with pytest.raises(Refusal) as refused:
            parse_object(opening * 33, Settings())
        assert refused.value.code == "too_deep"
    with pytest.raises(Refusal):
        parse_object(b'{"a":' + b"[" * 5_000_000, Settings())


def test_the_number_of_values_is_limited():
    with pytest.raises(Refusal) as refused:
        parse_object(b'{"a":[' + b"[]," * 200_000 + b"1]}", Settings())
    assert refused.value.code == "too_many_values"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b'"x"',
        b"{",
        b"{]",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":[-1.5e400]}',
        b"\xff{}",
        b'{"a":1}x',
        b"9" * 5000,
        '{"a": "∀"}'.encode("utf-16-le"),
        b'{"a":"\xed\xa0\x80"}',
    ],
)
def test_what_is_not_a_json_object_is_refused(body):
    with pytest.raises(Refusal) as refused:
        parse_object(body, Settings())
    assert refused.value.code == "invalid_json"


def test_half_a_surrogate_pair_survives_as_json_spells_it():
    assert parse_object(b'{"a":"\\ud800"}', Settings()) == {"a": "\ud800"}


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"\\", b'"\\', b'{"', b"[", b'"a",'])
def test_no_body_takes_long_to_turn_away(unit):
    body = b'{"a":"' + unit * (4_000_000 // len(unit))
    start = process_time()
    with pytest.raises(Refusal):
        parse_object(body, Settings())
    assert process_time() - start < 2


@pytest.mark.parametrize("unit", [b'""', b'\\""', b'"\\\\"', b'\\"\\\\"'])
def test_millions_of_strings_are_turned_away_without_taking_each_apart(unit):
    body = b'{"a":' + unit * (7_800_000 // len(unit)) + b"}"
    start = process_time()
    with pytest.raises(Refusal) as refused:
        parse_object(body, Settings())
    assert process_time() - start < 0.2
    assert refused.value.code == "too_many_values"


@pytest.mark.parametrize(
    "text", ['"' * 900_000, "\\" * 900_000, '\\"' * 900_000, '"\\' * 900_000, json.dumps(["\\"] * 200_000)]
)
def test_quotes_inside_of_a_string_are_no_strings(text):
    assert parse_object(json.dumps({"a": text}).encode(), Settings()) == {"a": text}


def test_as_many_strings_as_there_may_be_values():
    most = Settings().max_json_values
    value = {"": dict.fromkeys(map(str, range(most - 10)), "x")}
    assert parse_object(json.dumps(value).encode(), Settings()) == value


@given(st.lists(st.sampled_from([b'"', b"\\", b"{", b":", b",", b" ", b"a"]), max_size=30).map(b"".join))
def test_there_are_never_more_strings_than_counted(body):
    assert (
        len([found for found in STRING.findall(body) if len(found) > 1 and found.endswith(b'"')]) <= _strings(body) + 1
    )
