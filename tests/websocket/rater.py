"""A rater at the page without a browser: Streamlit's own protocol over the real websocket.

It keeps every byte that it is sent, knows the widgets that stand on the page by their keys, and
presses buttons as the browser does: the states of all widgets, and the one that was pressed.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from annotate.identity import COOKIE

Result = TypeVar("Result")
WITH_TEXT = {"text_area", "text_input"}


@dataclass
class Widget:
    """A widget as the page drew it."""

    kind: str
    """The element's name in the protocol: `radio`, `button`, `text_area`."""
    proto: Any
    fragment: str
    """What is drawn anew when it is used: a fragment's id, empty for the whole page."""

    @property
    def id(self) -> str:
        """By which its state is sent."""
        return str(self.proto.id)


@dataclass
class WebsocketRater:
    """One open page."""

    socket: ClientConnection
    page: str
    frames: list[bytes] = field(default_factory=list)
    """All that was ever sent to it."""
    widgets: dict[str, Widget] = field(default_factory=dict)
    """What stands on the page, by key."""
    texts: list[str] = field(default_factory=list)
    """The texts that the last run drew."""
    states: dict[str, WidgetState] = field(default_factory=dict)
    page_hash: str = ""
    read: dict[str, Any] = field(default_factory=dict)
    """What our own components have been given to draw, by key."""

    async def open(self) -> float:
        """Draw the page for the first time; the seconds it took."""
        return await self._run(None)

    async def press(self, key: str) -> float:
        """Press a button and wait until the page is drawn; the seconds it took."""
        widget = self.widgets[key]
        return await self._run(WidgetState(id=widget.id, trigger_value=True), widget.fragment)

    async def press_unseen(self, widget: Widget, *, page_hash: str) -> None:
        """Say that a widget was used which may stand on another page, or on somebody else's."""
        self.page_hash = page_hash
        used = WidgetState(id=widget.id)
        if widget.kind == "button":
            used.trigger_value = True
        else:
            used.string_value = "forged"
        await self._run(used)

    def choose(self, key: str, option: str) -> None:
        """Choose an option of a radio group: its words as they are shown."""
        widget = self.widgets[key]
        assert widget.kind == "radio" and option in widget.proto.options, (key, option)
        self.states[widget.id] = WidgetState(id=widget.id, string_value=option)

    def write(self, key: str, text: str) -> None:
        """Write into a text field."""
        widget = self.widgets[key]
        assert widget.kind in WITH_TEXT, key
        self.states[widget.id] = WidgetState(id=widget.id, string_value=text)

    def ending(self, end: str) -> str:
        """The key of the one widget whose key ends like this."""
        (found,) = [key for key in self.widgets if key.endswith(end)]
        return found

    def matching(self, end: str) -> list[str]:
        """The keys of the widgets whose keys end like this, in the order drawn."""
        return [key for key in self.widgets if key.endswith(end)]

    async def _run(self, pressed: WidgetState | None, fragment: str = "") -> float:
        message = BackMsg()
        run = message.rerun_script
        run.fragment_id = fragment
        run.page_name = "" if self.page_hash else self.page
        run.page_script_hash = self.page_hash
        standing = {widget.id for widget in self.widgets.values()}
        sent = [state for name, state in self.states.items() if name in standing]
        run.widget_states.widgets.extend(sent + ([pressed] if pressed is not None else []))
        started = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        await self._receive()
        return time.perf_counter() - started

    async def _receive(self) -> None:
        """Take what is sent until the script has finished for good."""
        while True:
            frame = await self.socket.recv()
            assert isinstance(frame, bytes)
            self.frames.append(frame)
            message = ForwardMsg.FromString(frame)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                drawn = list(message.metadata.run.fragment_ids)
                gone = [k for k, w in self.widgets.items() if not drawn or w.fragment in drawn]
                for key in gone:
                    del self.widgets[key]
                self.texts.clear()
            elif kind == "navigation":
                self.page_hash = message.navigation.page_script_hash
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._draw(message.delta.new_element, message.delta.fragment_id)
            elif (
                kind == "script_finished"
                # Streamlit goes on to another run at once, after `st.rerun` or `st.switch_page`.
                and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
            ):
                return

    def _draw(self, element: Any, fragment: str) -> None:
        kind = element.WhichOneof("type")
        proto = getattr(element, kind)
        if getattr(proto, "body", ""):
            self.texts.append(str(proto.body))
        name = getattr(proto, "id", "")
        if not name:
            return
        key = name.split("-", 2)[2]  # `$$ID-<hash>-<key>`
        self.widgets[key] = Widget(kind, proto, fragment)
        if kind == "bidi_component":
            self.read[key] = json.loads(json.loads(proto.json)["json"])
        if kind == "radio":
            if proto.set_value or proto.HasField("raw_value"):
                self.states[name] = WidgetState(id=name, string_value=proto.raw_value)
        elif kind in WITH_TEXT:
            told = proto.value if proto.set_value else proto.default
            self.states.setdefault(name, WidgetState(id=name, string_value=told))


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run in a thread of its own: where browser tests ran before, this one has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@asynccontextmanager
async def at_the_page(
    base: str,
    token: str,
    *,
    page: str = "rate",
    headers: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> AsyncIterator[WebsocketRater]:
    """Connect as the browser of the person whose cookie holds the token does."""
    async with connect(
        f"{base.replace('http', 'ws', 1)}/_stcore/stream",
        origin=origin or base,  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        additional_headers={"Cookie": f"{COOKIE}={token}", **(headers or {})},
        max_size=None,
        ping_interval=None,
        compression=None,
    ) as socket:
        yield WebsocketRater(socket, page)
