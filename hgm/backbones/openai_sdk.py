"""Chat completions by OpenAI's SDK."""

from collections.abc import Sequence
from typing import Any

import openai

from hgm.backbones.ask import HOST, TIMEOUT_S, Message, no_answer, usable, wire
from hgm.gateway.client import Lease


def complete(lease: Lease, messages: Sequence[Message]) -> str:
    """See `hgm.backbones.ask.complete`."""
    with wire(lease) as client:
        sdk = openai.OpenAI(
            base_url=f"{HOST}/v1", api_key=lease.token, http_client=client, max_retries=0, timeout=TIMEOUT_S
        )
        try:
            answer = sdk.chat.completions.create(model="the lease's", messages=[*map(_message, messages)])  # type: ignore[list-item]
        except openai.OpenAIError as trouble:
            raise no_answer(trouble) from trouble
    choice = answer.choices[0]
    refused = bool(choice.message.refusal) or choice.finish_reason == "content_filter"
    text = choice.message.refusal or choice.message.content
    return usable(text, refused=refused, cut_off=choice.finish_reason == "length")


def _message(message: Message) -> dict[str, Any]:
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in message.get("pictures", ())]
    words = message["content"]
    return {"role": message["role"], "content": [{"type": "text", "text": words}, *pictures] if pictures else words}
