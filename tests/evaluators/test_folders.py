import pytest

from evaluators import folders
from evaluators.folders import read_tree
from hgm.errors import EvaluatorError
from sandboxes.base import File


def test_files_come_with_their_mode_and_caches_stay_out(tmp_path):
    (tmp_path / "sub" / "__pycache__").mkdir(parents=True)
    (tmp_path / "sub" / "__pycache__" / "x.pyc").write_bytes(b"x")
    (tmp_path / "sub" / "run").write_bytes(b"#!")
    (tmp_path / "sub" / "run").chmod(0o755)
    (tmp_path / "a").write_bytes(b"1")
    assert read_tree(tmp_path) == {b"a": File(b"1"), b"sub/run": File(b"#!", "100755")}


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MAX_FILES", 3, "more than 3|beyond 3"),
        ("MAX_BYTES", 10, "larger than|beyond"),
        ("MAX_DEPTH", 1, "more than 1 deep"),
    ],
)
def test_limits_are_kept(tmp_path, monkeypatch, limit, value, said):
    (tmp_path / "x" / "y").mkdir(parents=True)
    for number in range(4):
        (tmp_path / "x" / "y" / str(number)).write_bytes(b"12345")
    assert len(read_tree(tmp_path)) == 4
    monkeypatch.setattr(folders, limit, value)
    with pytest.raises(EvaluatorError, match=said):
        read_tree(tmp_path)


def test_what_cannot_be_read_is_an_error_of_the_benchmark(tmp_path):
    with pytest.raises(EvaluatorError, match="cannot read"):
        read_tree(tmp_path / "nothing")
