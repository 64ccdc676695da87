"""An agent as a folder from which Harbor runs it: its code, an adapter, and a bridge to the model that Harbor names."""

import shlex
from importlib.metadata import version
from importlib.resources import files as package_files

from hgm.contract import does, read_manifest
from hgm.errors import AgentError
from sandboxes.base import File, Files

_INSTALL = """\
#!/bin/sh
works() { python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; }
works && exit 0
if command -v apt-get >/dev/null; then apt-get update -q && apt-get install -q -y --no-install-recommends python3
elif command -v apk >/dev/null; then apk add python3
elif command -v dnf >/dev/null; then dnf install -q -y python3
fi
works
"""
_RUN = """\
#!/bin/sh
# Agents of hgm's work in /workspace.
if [ "$(pwd -P)" != "$(cd /workspace 2>/dev/null && pwd -P)" ]; then
    rmdir /workspace 2>/dev/null
    ln -sT "$PWD" /workspace || exit
fi
cd /workspace || exit
exec python3 /hgm/bridge.py {command}
"""


def harbor_files(agent: Files) -> Files:
    """The folder's files.

    Raises:
        AgentError: the agent has a layer, which no other container has, or works on pages alone.
    """
    manifest = read_manifest(agent)
    if not does(manifest, "solve"):
        raise AgentError(
            f"agent {manifest.name} does {' and '.join(manifest.kinds)}: Harbor gives agents code to change"
        )
    ours = package_files("hgm")
    command = ["python3", "/hgm/relay.py", "--", *manifest.command] if manifest.relay else list(manifest.command)
    return {
        b"hgm_agent.py": File(ours.joinpath("harbor", "hgm_agent.py").read_bytes()),
        b"README.md": File(ours.joinpath("harbor", "README.md").read_bytes()),
        b"VERSION": File(f"{version('hgm-lab')}\n".encode()),
        b"container/bridge.py": File(ours.joinpath("harbor", "bridge.py").read_bytes()),
        b"container/relay.py": File(ours.joinpath("gateway", "relay.py").read_bytes()),
        b"container/install.sh": File(_INSTALL.encode()),
        b"container/run.sh": File(_RUN.format(command=shlex.join(command)).encode()),
        **{b"container/agent/" + path: file for path, file in agent.items()},
    }
