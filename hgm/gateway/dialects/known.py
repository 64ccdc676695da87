"""All dialects, by name."""

from collections.abc import Mapping

from hgm.gateway.dialects.base import Dialect
from hgm.gateway.dialects.chat import ChatCompletions
from hgm.gateway.dialects.messages import Messages
from hgm.gateway.dialects.responses import Responses

CHAT = ChatCompletions()
RESPONSES = Responses()
MESSAGES = Messages()
DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (CHAT, RESPONSES, MESSAGES)}
