"""A Harbor agent around an agent of hgm's; README.md says how it is run."""

import os
import tempfile
from pathlib import Path
from typing import override

from harbor.agents.base import BaseAgent
from harbor.environments.base import BaseEnvironment
from harbor.models.agent.context import AgentContext

HERE = Path(__file__).resolve().parent
PROVIDERS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com/v1"}


class HgmAgent(BaseAgent):
    """Takes the agent, the bridge to its model and the relay into the task's container, and starts it there."""

    @staticmethod
    @override
    def name() -> str:
        return "hgm"

    @override
    def version(self) -> str | None:
        return (HERE / "VERSION").read_text().strip()

    @override
    async def setup(self, environment: BaseEnvironment) -> None:
        await environment.upload_dir(HERE / "container", "/hgm")
        done = await environment.exec("sh /hgm/install.sh", user="root")
        if done.return_code:
            raise RuntimeError(f"the agent needs Python 3.9 or newer in the container: {done.stderr or done.stdout}")

    @override
    async def run(self, instruction: str, environment: BaseEnvironment, context: AgentContext) -> None:
        provider, _, model = (self.model_name or "").partition("/")
        key = f"{provider.upper()}_API_KEY"
        env = {
            "HGM_MODEL": model,
            "HGM_UPSTREAM": os.environ.get(f"{provider.upper()}_BASE_URL", PROVIDERS.get(provider, "")),
            "HGM_UPSTREAM_KEY": os.environ.get(key, ""),
        }
        if not (model and env["HGM_UPSTREAM"] and env["HGM_UPSTREAM_KEY"]):
            raise ValueError(
                f"--model PROVIDER/MODEL, {key} and, unless it is a known provider, its BASE_URL are needed"
            )
        with tempfile.NamedTemporaryFile("w", suffix=".md") as told:
            told.write(instruction)
            told.flush()
            await environment.upload_file(told.name, "/hgm/instruction.md")
        done = await environment.exec("sh /hgm/run.sh", env=env, user="root")
        used = await environment.exec("cat /hgm/usage 2>/dev/null || true", user="root")
        counts = [int(word) for word in (used.stdout or "").split() if word.isdecimal()]
        if len(counts) == 2:
            context.n_input_tokens, context.n_output_tokens = counts
        if done.return_code:
            raise RuntimeError(f"the agent ended with {done.return_code}: {(done.stdout or '')[-500:]!r}")
