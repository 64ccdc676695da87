import os
import subprocess
import sys

from evaluators import layers


def fresh(function, monkeypatch, folder):
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return function.__wrapped__()


def test_a_layer_is_made_once_and_readable_by_everybody(tmp_path, monkeypatch):
    old = os.umask(0o077)
    try:
        made = fresh(layers.programs, monkeypatch, tmp_path)
    finally:
        os.umask(old)
    before = made.stat().st_mtime_ns
    assert fresh(layers.programs, monkeypatch, tmp_path) == made
    assert made.stat().st_mtime_ns == before
    assert [path.name for path in made.parent.iterdir()] == [made.name]
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in [made, *made.rglob("*")])


def test_the_pytest_layer_is_enough_for_pytest(tmp_path, monkeypatch):
    made = fresh(layers.pytest_layer, monkeypatch, tmp_path)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import pytest; print(pytest.__file__)"
    run = subprocess.run([sys.executable, "-S", "-c", code, str(made)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(made / "pytest" / "__init__.py")


def test_the_programs_inside_run_on_python_3_9():
    import ast

    for name in (program for program in layers._PROGRAMS if program.endswith(".py")):
        ast.parse((layers.Path(layers.__file__).parent / "inside" / name).read_text(), feature_version=(3, 9))
