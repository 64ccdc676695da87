"""Runs mini-swe-agent's own agent, environment and model on the task in /hgm/task.json."""

import json
import os
import sys
from pathlib import Path
from string import Template

os.environ.setdefault("MSWEA_SILENT_STARTUP", "1")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or litellm would fetch its prices from the network
os.environ.setdefault("MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT", "1")  # the gateway retries, and knows when not to

import yaml
from minisweagent.agents.default import DefaultAgent
from minisweagent.config import builtin_config_dir
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel

CONFIG = Path(__file__).with_name("config.yaml")
PROMPT = Path(__file__).with_name("prompt.md")
TASK = Path("/hgm/task.json")


def build(kind: str, deadline_s: float) -> DefaultAgent:
    """The agent of mini-swe-agent's own mini.yaml, with what config.yaml says in its place."""
    theirs = yaml.safe_load((builtin_config_dir / "mini.yaml").read_text())
    ours = yaml.safe_load(CONFIG.read_text())
    agent, environment, model = ({**theirs[part], **ours.get(part, {})} for part in ("agent", "environment", "model"))
    agent.pop("mode", None)  # of its interactive agent
    # What a model runs on a task sees the packages that graders will see; on an agent's code, the agent's own.
    hidden = {} if kind == "improve" else {"PYTHONPATH": ""}
    environment["env"] = {**environment.get("env", {}), **hidden}
    agent["wall_time_limit_seconds"] = max(int(deadline_s) - 5, 1)
    return DefaultAgent(LitellmModel(**model), LocalEnvironment(cwd="/workspace", **environment), **agent)


def main() -> int:
    """Exit status 0 once the agent has ended by itself, by submitting or at a limit of its own."""
    if "--self-test" in sys.argv[1:]:
        build("solve", 60.0)
        return 0
    task = json.loads(TASK.read_text())
    said = {"statement": task["statement"], "tests": " ".join(task["test_command"])}
    ended = build(task["kind"], task["deadline_s"]).run(Template(PROMPT.read_text()).safe_substitute(said))
    print(ended.get("exit_status"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
