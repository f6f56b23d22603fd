"""Our own components: scripts and styles in `annotate/ui/assets`, served beside the pages.

What is sent with every script run is a loader of a few lines. The scripts themselves are fetched
once; their address holds a digest of all of them, so that a browser keeps them until they change.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

ASSETS = Path(__file__).parent / "assets"
DIGEST = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(ASSETS.iterdir()) if path.is_file())
).hexdigest()[:16]
PATH = f"/assets/{DIGEST}"

_LOADER = """
const base = new URL("{path}/", document.baseURI);
for (const name of {styles}) {{
  const href = new URL(name, base).href;
  if (!document.querySelector(`link[href="${{href}}"]`)) {{
    document.head.append(Object.assign(document.createElement("link"), {{ rel: "stylesheet", href }}));
  }}
}}
export default function (args) {{
  let end = null, over = false;
  const given = {{ ...args, data: JSON.parse(args.data.json) }};
  import(new URL("desk.js", base).href).then((module) => {{ if (!over) end = module.{name}(given); }});
  return () => {{ over = true; end?.(); }};
}}
"""


class Assets(StaticFiles):
    """The scripts and styles: the same for everybody, and for good."""

    def __init__(self) -> None:
        super().__init__(directory=ASSETS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file; its address changes with its content."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "public, max-age=31536000, immutable"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await super().__call__(scope, receive, told)


def component(name: str, styles: list[str]) -> Callable[..., None]:
    """The component whose script exports `name`."""
    mount: Callable[..., Any] = st.components.v2.component(
        f"annotate_{name}",
        js=_LOADER.format(path=PATH.lstrip("/"), styles=styles, name=name),
        isolate_styles=False,
    )

    def mounted(*, key: str, data: dict[str, Any], **callbacks: Callable[[], None]) -> None:
        # As one text: of anything else each part is tried as a table before it is sent.
        mount(key=key, data={"json": json.dumps(data)}, **callbacks)

    return mounted


reader = component("reader", ["reader.css"])
form = component("form", ["desk.css"])
adjudication = component("adjudication", ["desk.css"])
