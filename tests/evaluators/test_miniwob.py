"""MiniWoB++ as a benchmark, without a browser."""

import subprocess
import sys
from pathlib import Path

import pytest

from evaluators.base import Played, Split
from evaluators.gui.families import FAMILIES, FAMILY_OF
from evaluators.gui.oracles import ORACLES
from evaluators.gui.pages import EXCLUDED, SOUND, pages_folder
from evaluators.gui.pool import recipe
from evaluators.registry import open_benchmark
from evaluators.selection import Selection, selected
from hgm.errors import ConfigError, EvaluatorError
from hgm.images import beside, needs
from sandboxes.engine import connect

ROOT = Path(__file__).parents[2]


def test_every_page_of_the_package_is_a_task_or_has_a_reason_not_to_be():
    pages = {path.stem for path in (pages_folder() / "miniwob").glob("*.html")}
    assert pages == set(FAMILY_OF)
    assert {*SOUND, *EXCLUDED} == pages
    assert len(SOUND) >= 90
    assert not {*SOUND} & {*EXCLUDED}
    assert all(EXCLUDED.values())


def test_at_least_sixty_pages_are_known_to_be_solvable():
    assert len(ORACLES) >= 60
    assert set(ORACLES) <= set(SOUND)


def test_a_family_is_in_one_split_and_no_task_is_in_two():
    benchmark = open_benchmark("miniwob")
    tasks = [benchmark.task(name) for split in Split for name in benchmark.tasks(split)]
    assert len({task.id for task in tasks}) == len(tasks) == 5 * len(SOUND)
    for family in FAMILIES:
        assert len({task.split for task in tasks if task.groups["family"] == family}) <= 1
    assert all(benchmark.tasks(split) for split in (Split.SEARCH, Split.SELECT, Split.SEALED))


def test_a_task_is_a_page_and_a_seed():
    task = open_benchmark("miniwob").task("click-test@3")
    assert task.grading == Played(page="click-test", seed=3, steps=30)
    assert task.groups == {"family": "button", "page": "click-test"}
    assert "button" not in task.statement


@pytest.mark.parametrize(
    "name", ["click-test@5", "click-test", "click-test@03", "form-sequence-2@0", "nothing@0", "@0"]
)
def test_other_names_are_none(name):
    with pytest.raises(EvaluatorError, match="no such task"):
        open_benchmark("miniwob").task(name)


def test_options_change_the_fingerprint_and_nothing_else_does():
    plain = open_benchmark("miniwob").fingerprint()
    assert open_benchmark("miniwob").fingerprint() == plain
    assert len({plain, *(open_benchmark("miniwob", **{name: 7}).fingerprint() for name in ("seeds", "steps"))}) == 3
    with pytest.raises(ConfigError, match="from 1 to 1000"):
        open_benchmark("miniwob", seeds=0)


def test_the_browsers_image_is_the_benchmarks_and_no_tasks():
    benchmark = open_benchmark("miniwob")
    (made,) = beside(selected(benchmark, Selection(ids=("click-test@0",))))
    assert made == benchmark.beside[0]
    assert (made.image, made.is_ours) == (recipe().image, True)
    assert benchmark.task("click-test@0").environment is None


@pytest.mark.needs("docker")
def test_the_browsers_image_is_listed_where_sandboxes_are_containers():
    benchmark = open_benchmark("miniwob")
    (need,) = needs(benchmark, ["click-test@0"], connect())
    assert (need.image, need.tasks) == (recipe().image, 1)


WITHOUT = """
from importlib import metadata
metadata.MetadataPathFinder.find_distributions = lambda *given, **named: iter(())
from evaluators.registry import open_benchmark
from evaluators.layers import playwright_layer
from hgm.errors import ConfigError, EvaluatorError
for look in (lambda: open_benchmark("miniwob"), playwright_layer):
    try:
        look()
    except (ConfigError, EvaluatorError) as error:
        print(error)
"""


def test_without_the_extra_it_says_what_to_install():
    said = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.count("pip install 'hgm-lab[gui]'") == 2
