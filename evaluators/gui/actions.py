"""What an agent may do on a page: a closed list, by the names that BrowserGym gave them."""

from evaluators.base import Json


class Refusal(Exception):
    """It is no action that may be done; says why, for the agent."""


def checked(action: Json, size: tuple[int, int]) -> dict[str, Json]:
    if not isinstance(action, dict) or not isinstance(action.get("name"), str):
        raise Refusal('an action is an object such as {"name": "click", "bid": "e4"}')
    return dict(action)
