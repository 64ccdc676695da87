"""Redaction: exact values, as they are and as JSON spells them."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest

from hgm.redaction import Redactor, credentials, is_secret, withhold
from hgm.trajectories import append, read


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


SPELLERS = {
    "plain": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "URL": quote,
    "URL, whole": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "Python": repr,
    "Python's bytes": lambda text: repr(text.encode()),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "basic authentication": lambda text: b64encode(b"user:" + text.encode()).decode(),
    "base64 of more": lambda text: urlsafe_b64encode(b"xx" + text.encode() + b"yyyy").decode(),
}
KEYS = ["sk-proj-0123456789abcdef", 'odd"\\/key ünïcode~+& 12345', "dGhpcyBpcyBiYXNlNjQgYWxyZWFkeQ=="]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("spell", SPELLERS.values(), ids=SPELLERS)
def test_no_usual_spelling_survives_nor_the_half_that_a_message_was_cut_to(spell, key):
    redact, written = Redactor([key]), spell(key)
    core = written[8:-8]
    for text in (f"a {written} b", f"a {written[: len(written) * 3 // 4]}"):
        assert core[: len(core) // 2] not in redact(text), text
        assert redact(text).startswith("a ")


def test_the_parts_of_a_url_that_are_secret():
    assert credentials("https://me:p%40ss-word@host/v1") == (
        "p%40ss-word",
        "p@ss-word",
        "me:p%40ss-word",
        "me:p@ss-word",
    )
    assert credentials("https://host/v1") == credentials("http://[half") == ()
    redact = Redactor.of({"HTTPS_PROXY": "http://me:pw@host:3128", "MYCRED": "12345678"}, also=["MYCRED"])
    assert redact("http://me:pw@host 12345678") == "http://me:pw@host [redacted]"
    assert Redactor(["me:longer-pw"])("http://me:longer-pw@host") == "http://[redacted]@host"


def test_a_key_that_begins_as_an_escape_ends_does_not_break_a_record(tmp_path):
    key = "nabcdefgh"
    record = {"event": "host", "log": f"one line\n{key[1:]} {key}"}
    append(tmp_path / "t.jsonl.zst", record, redact=Redactor([key]))
    assert list(read(tmp_path / "t.jsonl.zst")) == [{"event": "host", "log": "one line\nabcdefgh [redacted]"}]


def test_withhold_takes_named_variables_too():
    environ = {"MYCRED": "x", "PATH": "/bin"}
    assert withhold(environ, also=["MYCRED"]) == {"MYCRED": "x"}


def test_a_key_is_removed_as_it_was_sent_too():
    redact = Redactor.of({"OPENAI_API_KEY": " sk-canary-123456789\n"})
    assert redact("Incorrect API key provided: 'sk-canary-123456789'.") == "Incorrect API key provided: '[redacted]'."
