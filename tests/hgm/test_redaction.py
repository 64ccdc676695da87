"""Redaction: exact values, as they are and as JSON spells them."""

import json

import pytest

from hgm.redaction import Redactor, is_secret, withhold


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "github_token", "AWS_SECRET", "DB_PASSWORD"])
def test_names_of_keys(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["HOME", "PATH", "KEYBOARD", "TOKENIZERS_PARALLELISM", "MONKEY"])
def test_names_of_other_things(name):
    assert not is_secret(name)


@pytest.mark.parametrize("secret", ["sk-12345678", 'with"quote\\and/slash', "ünïcode-secret", "line\nbreak-secret"])
def test_a_secret_is_removed_from_text_and_from_json(secret):
    redact = Redactor([secret])
    assert redact(f"a {secret} b") == "a [redacted] b"
    assert json.loads(redact(json.dumps({"x": f"a {secret} b"}))) == {"x": "a [redacted] b"}


def test_a_secret_within_a_secret_leaves_no_tail():
    redact = Redactor(["12345678", "12345678-and-more"])
    assert redact("12345678-and-more 12345678") == "[redacted] [redacted]"


def test_short_values_and_none_are_left_alone():
    redact = Redactor.of({"A_KEY": "1", "B_TOKEN": "", "C_KEY": "1234567", "HOME": "/home/somebody"})
    assert redact("1 1234567 /home/somebody") == "1 1234567 /home/somebody"


def test_withhold_takes_the_keys_out_and_returns_them():
    environ = {"A_KEY": "x", "PATH": "/bin"}
    assert withhold(environ) == {"A_KEY": "x"}
    assert environ == {"PATH": "/bin"}


def test_extended_keeps_what_it_knew():
    redact = Redactor(["12345678"]).extended("abcdefgh")
    assert redact("12345678abcdefgh") == "[redacted][redacted]"
