"""Messages by Anthropic's SDK."""

from collections.abc import Sequence
from typing import Any

import anthropic

from hgm.backbones.ask import HOST, TIMEOUT_S, Message, no_answer, usable, wire
from hgm.gateway.client import Lease

CUT_OFF = frozenset({"max_tokens", "model_context_window_exceeded"})


def complete(lease: Lease, messages: Sequence[Message]) -> str:
    """See `hgm.backbones.ask.complete`."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    turns = [_message(message) for message in messages if message["role"] != "system"]
    with wire(lease) as client:
        sdk = anthropic.Anthropic(
            base_url=HOST, api_key=lease.token, http_client=client, max_retries=0, timeout=TIMEOUT_S
        )
        try:
            answer = sdk.messages.create(
                model="the lease's",
                max_tokens=1,  # the SDK wants one; the lease's holds
                messages=turns,  # type: ignore[arg-type]
                system=system or anthropic.omit,
            )
        except anthropic.AnthropicError as trouble:
            raise no_answer(trouble) from trouble
    text = "".join(block.text for block in answer.content if block.type == "text")
    return usable(text, refused=answer.stop_reason == "refusal", cut_off=answer.stop_reason in CUT_OFF)


def _message(message: Message) -> dict[str, Any]:
    pictures = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": url.partition(",")[2]}}
        for url in message.get("pictures", ())
    ]
    words = message["content"]
    return {"role": message["role"], "content": [{"type": "text", "text": words}, *pictures] if pictures else words}
