"""All dialects, by name."""

from collections.abc import Mapping

from hgm.gateway.dialects.base import Dialect
from hgm.gateway.dialects.chat import ChatCompletions

CHAT = ChatCompletions()
DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (CHAT,)}
