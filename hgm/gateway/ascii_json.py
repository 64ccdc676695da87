"""JSON as the gateway answers with it: nothing that a model, a provider or an agent wrote keeps it from going out."""

import json
from typing import Any

from starlette.responses import JSONResponse


class AsciiJSON(JSONResponse):
    """Half a surrogate pair, say, which JSON may hold and UTF-8 may not."""

    def render(self, content: Any) -> bytes:
        """In ASCII alone."""
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
