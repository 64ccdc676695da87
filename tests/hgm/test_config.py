from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from hgm.budget import Budget
from hgm.cli.options import settings
from hgm.config import MOST_WORKERS, SearchConfig, default_workers, known_settings, merge, resolve, restored
from hgm.errors import ConfigError, JournalError
from hgm.session import benchmark_of, event_zero
from tests.trees.options import an_option
from trees.policies import make_policy


def test_a_file_gives_way_to_flags(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("budget = 5\nseed = 3\n[limits]\npids = 9\nmemory_mb = 100\n")
    found = resolve(tmp_path / "c.toml", budget=7, seed=None, limits={"pids": 10, "memory_mb": None})
    assert (found.budget, found.seed) == (Budget(evaluations=7), 3)
    assert (found.limits.pids, found.limits.memory_mb) == (10, 100)


def test_none_says_nothing() -> None:
    assert merge({"a": {"b": 1}, "c": 2}, {"a": {"b": None, "d": 3}, "c": None}) == {"a": {"b": 1, "d": 3}, "c": 2}


def test_options_of_a_policy_keep_their_kind() -> None:
    options = {"alpha": 0.5, "root_evaluations": 3, "temperature": False}
    found = resolve(budget=5, policy={"options": options}).policy.options
    assert [type(value) for value in found.values()] == [float, int, bool]


@pytest.mark.parametrize("setting", known_settings())
def test_every_misspelled_setting_is_told_its_name(setting: str) -> None:
    *above, name = setting.split(".")
    values: object = {f"{name[:-1]}{name[-1] * 2}": 1}
    for part in reversed(above):
        values = {part: values}
    with pytest.raises(ConfigError, match=f"did you mean {setting}"):
        resolve(**{"budget": 5, **values})


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xff")
    for file in (tmp_path, tmp_path / "nowhere", tmp_path / "c.toml"):
        with pytest.raises(ConfigError):
            resolve(file)


@pytest.mark.parametrize(("processors", "workers"), [(None, 1), (1, 1), (64, 64), (65, 64), (192, 64)])
def test_the_default_number_of_workers_is_one_that_may_be_given(processors: int | None, workers: int) -> None:
    assert default_workers(processors) == workers
    assert resolve(budget=5, workers=default_workers(processors)).workers == workers
    assert resolve(budget=5).workers <= MOST_WORKERS


def test_defaults_are_held_to_their_own_limits() -> None:
    class Wrong(SearchConfig):
        seed: int = Field(-1, ge=0)

    with pytest.raises(ValidationError, match="seed"):
        Wrong(budget=5)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["solve_deadline_s", "improve_deadline_s"])
def test_a_deadline_is_finite(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"limits.{name}"):
        resolve(budget=5, limits={name: value})


def test_language_models_have_more_time_unless_somebody_says() -> None:
    limits = resolve(budget=5).limits
    assert (limits.solve_deadline_s, limits.improve_deadline_s) == (60.0, 120.0)
    limits = resolve(budget=5, backbones={"solver": "local/m"}).limits
    assert (limits.solve_deadline_s, limits.improve_deadline_s) == (600.0, 120.0)
    given = {"solve_deadline_s": 5.0}
    limits = resolve(budget=5, backbones={"solver": "local/m", "editor": "local/m"}, limits=given).limits
    assert (limits.solve_deadline_s, limits.improve_deadline_s) == (5.0, 1800.0)


@given(options=st.lists(an_option().map("policy.options.{}".format), max_size=3))
def test_whatever_options_say_there_is_a_policy_or_a_short_users_error(options: list[str]) -> None:
    said = ""
    try:
        policy = resolve(budget=5, **settings(options)).policy
        assert make_policy(policy.name, **policy.options).name == "hgm"
    except ConfigError as trouble:
        said = str(trouble)
    assert len(said) < 1_000


def test_a_key_of_a_thousand_dots_is_a_users_error(tmp_path: Path) -> None:
    for text in ("a" + ".a" * 1500 + " = 1\n", "[a" + ".a" * 1500 + "]\n"):
        (tmp_path / "c.toml").write_text(text)
        with pytest.raises(ConfigError, match="nested too deeply"):
            resolve(tmp_path / "c.toml", budget=5)


@pytest.mark.parametrize("number", ["0x" + "f" * 5_000, "9" * 5_000, "[" * 5_000], ids=["hex", "decimal", "brackets"])
def test_numbers_beyond_all_measure_in_a_file_are_a_users_error(tmp_path: Path, number: str) -> None:
    (tmp_path / "c.toml").write_text(f"seed = {number}\n")
    with pytest.raises(ConfigError, match=r"too many digits|nested too deeply|seed: a whole number of 20,000 bits"):
        resolve(tmp_path / "c.toml", budget=5)


@pytest.mark.parametrize("setting", [*known_settings(), "policy.options.alpha"])
def test_a_number_beyond_all_measure_is_a_users_error_in_every_setting(setting: str) -> None:
    with pytest.raises(ConfigError, match=f"{setting}: a whole number of 20,000 bits"):
        resolve(**{"budget": 5, **settings([f"{setting}=0x{'f' * 5_000}"])})


def test_a_wrong_value_is_told_in_short() -> None:
    with pytest.raises(ConfigError, match=r"seed: .*, not '9{50}") as trouble:
        resolve(budget=5, **settings([f"seed={'9' * 5_000}"]))
    assert len(str(trouble.value)) < 200


def test_a_word_is_an_option_where_a_policy_takes_one() -> None:
    options = settings(["policy.options.parent=released"])["policy"]
    policy = resolve(budget=5, policy={"name": "sica", **options}).policy
    assert make_policy(policy.name, **policy.options) == make_policy("sica", parent="released")


@pytest.mark.parametrize("pair", ["#=3", "[x]\n[y]\nz=3", ".".join("a" * 5_000) + "=3"], ids=lambda pair: pair[:5])
def test_what_names_no_setting_is_a_users_error(pair: str) -> None:
    with pytest.raises(ConfigError, match="write KEY=VALUE"):
        settings([pair])


def test_settings_of_docker_ask_for_docker() -> None:
    assert resolve(budget=5, sandbox="docker", docker={"runtime": "runsc"}).docker.runtime == "runsc"
    assert resolve(budget=5, docker={"image": "mine:1"}).sandbox == "auto"
    for setting in ({"runtime": "runsc"}, {"image": "mine:1"}):
        with pytest.raises(ConfigError, match="leave it out, or --sandbox bubblewrap"):
            resolve(budget=5, sandbox="bubblewrap", docker=setting)


@pytest.mark.parametrize(
    ("providers", "said"),
    [
        ({"local": {"base_url": "http://me:hunter2hunter2@host/v1"}}, "holds no password"),
        ({"local": {"base_url": "http://host/v1?api_key=hunter2hunter2"}}, "without anything behind the path"),
        ({"local": {"base_url": "host:8000"}}, "write an address"),
        ({"openai": {"key": "sk-hunter2hunter2"}}, "providers.openai.key"),
        ({"openai": {"secret": "x"}}, "no such setting"),
        ({"Local/x": {}}, "providers"),
    ],
)
def test_where_a_provider_is_holds_no_secret_and_none_is_quoted(providers: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        resolve(budget=1, providers=providers)
    assert "hunter2" not in str(caught.value)


def test_each_role_is_sampled_as_it_is_told() -> None:
    found = resolve(budget=1, sampling={"solver": {"temperature": 0, "reasoning_effort": "low"}}).sampling
    assert found.solver.imposed == {"temperature": 0, "reasoning_effort": "low"}
    assert found.editor.imposed == {}
    with pytest.raises(ConfigError, match="use reasoning_effort with builtin/rules"):
        resolve(budget=1, sampling={"editor": {"thinking_tokens": 2000}})


@pytest.mark.parametrize(("was", "editor"), [(True, "placebo"), (False, "./ed")])
def test_a_run_from_when_the_placebo_was_a_setting_is_read(was: bool, editor: str) -> None:
    old = {**resolve(budget=5).model_dump(mode="json"), "placebo": was, "editor": "self" if was else "./ed"}
    assert restored(old) == resolve(budget=5, editor=editor)
    with pytest.raises(ConfigError, match="placebo: no such setting"):
        resolve(**old)


def test_a_run_from_when_its_seed_drew_the_sample_keeps_its_tasks() -> None:
    old = resolve(budget=5, seed=3, selection={"sample": 30}).model_dump(mode="json")
    del old["selection"]["sample_seed"]
    assert restored(old).selection.sample_seed == 3
    assert restored({**old, "selection": {}}).selection.sample_seed == 0


@pytest.mark.parametrize("values", [None, [], {"selection": 3}, {"budget": 5, "selection": {"sample": "x"}}])
def test_what_is_no_configuration_is_a_damaged_journal(values: object) -> None:
    with pytest.raises(JournalError, match="cannot use the run's configuration"):
        restored(values)


def test_a_sample_is_the_same_for_every_seed_of_a_run() -> None:
    """So that runs of several seeds can be compared, sealed tasks and all."""
    told = []
    for seed, sample_seed in ((0, 0), (7, 0), (7, 1)):
        config = resolve(budget=5, seed=seed, selection={"sample": 40, "sample_seed": sample_seed})
        told.append(event_zero(config, benchmark_of(config), "bubblewrap"))
    kept = ("benchmark", "search_tasks", "select_tasks", "sealed_tasks")
    assert [told[0][name] for name in kept] == [told[1][name] for name in kept]
    assert told[0]["sealed_tasks"] != told[2]["sealed_tasks"]
    assert all(len(one["sealed_tasks"]) > 1 for one in told)
