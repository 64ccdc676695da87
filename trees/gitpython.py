"""What is used of GitPython. It starts a `git version` when it is imported, which gets PATH and no key of ours."""

import os

_kept = dict(os.environ)
os.environ.clear()
os.environ["PATH"] = _kept.get("PATH", os.defpath)
try:
    from git.objects.fun import tree_entries_from_data, tree_to_stream
finally:
    os.environ.update(_kept)

__all__ = ["tree_entries_from_data", "tree_to_stream"]
