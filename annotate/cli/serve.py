"""`annotate serve`: the pages on this machine or on a network."""

import os
import re
import socket
import time
import tomllib
import webbrowser
from pathlib import Path
from threading import Thread
from typing import Any

import typer

LOCAL = "127.0.0.1"
DEFAULT_LEAD = "lead"
CONFIG = Path(__file__).parents[2] / ".streamlit" / "config.toml"


def serve(
    port: int = typer.Option(8501, "--port", "-p", help="Port to listen on; 0 takes a free one."),
    host: str | None = typer.Option(
        None, "--host", help="Address to listen on; without it only this machine can connect."
    ),
    open_browser: bool = typer.Option(True, "--open/--no-open", help="Open the browser."),
) -> None:
    """Serve the pages until Ctrl+C.

    Without --host it shows a link that signs you in as lead.

    Example: annotate serve --port 8600
    """
    from annotate.settings import get_settings
    from annotate.workspace import open_database

    address = host or LOCAL
    port = free_port(address, port)
    chosen = "base_url" in get_settings().model_fields_set
    if not chosen:
        os.environ["ANNOTATE_BASE_URL"] = f"http://{shown_host(address)}:{port}"
        get_settings.cache_clear()
    settings = get_settings()
    database = open_database(settings.database_url)
    typer.echo(f"annotate serves {database.shown} at {settings.base_url}", err=True)
    if host is None or settings.local_lead:
        link = lead_link(settings.local_lead)
        typer.echo(f"Sign in as lead: {link}", err=True)
        if open_browser:
            Thread(target=open_when_up, args=(link, address, port), daemon=True).start()
    if host is not None and not chosen:
        typer.echo(
            "Personal links start with the address above; "
            "set ANNOTATE_BASE_URL to the one that raters use.",
            err=True,
        )
    typer.echo("Stop with Ctrl+C.", err=True)

    from annotate.app import app

    app.run(
        config={
            **house_options(),
            "server.port": port,
            "server.address": address,
            "server.headless": True,
            # Its address may differ from the link above, and a cookie belongs to one address.
            "logger.hideWelcomeMessage": True,
        }
    )


def lead_link(name: str | None) -> str:
    """A fresh personal link of a lead: `name`, or a lead who is there, or a new one, "lead".

    An earlier link of that lead stops working; browsers that are signed in stay so. Raises
    `NotAllowed` when `name` is somebody who does not lead.
    """
    from annotate import people
    from annotate.errors import NotAllowed
    from annotate.settings import get_settings
    from annotate.workspace import open_database

    with open_database().write() as session:
        known = people.list_raters(session, kind="human", by=None)
        leads = [one for one in known if one.role == "lead" and one.revoked_at is None]
        lead = next((one for one in leads if one.name == (name or DEFAULT_LEAD)), None)
        if lead is None and name is None and leads:
            lead = leads[0]
        if lead is None:
            wanted = name or DEFAULT_LEAD
            if any(one.name == wanted for one in known):
                raise NotAllowed(
                    f"{wanted} is no lead, or revoked; set ANNOTATE_LOCAL_LEAD to a lead's name"
                )
            lead = people.add_rater(session, wanted, role="lead")
        return get_settings().link(people.new_link(session, lead, by=None))


def open_when_up(link: str, address: str, port: int) -> None:
    """Open the link in the browser once somebody listens; give up after half a minute."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            webbrowser.open(link)
            return


def free_port(address: str, port: int) -> int:
    """The port, when nothing listens on it; a free one for 0. Raises `BadInput`."""
    from annotate.errors import BadInput

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise BadInput(
                f"{address} port {port}: {error.strerror or error}; choose another with --port"
            ) from None
        return int(probe.getsockname()[1])


def shown_host(address: str) -> str:
    """The host name to write in links."""
    if address in {LOCAL, "0.0.0.0", "::", "::1"}:
        return "localhost"
    return f"[{address}]" if ":" in address else address


def house_options() -> dict[str, Any]:
    """The product's Streamlit options, whatever the working folder is.

    Streamlit looks for `.streamlit/config.toml` in the working folder only. A `STREAMLIT_*`
    variable wins over ours.
    """

    def flat(prefix: str, table: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in table.items():
            path = f"{prefix}.{key}" if prefix else key
            found |= flat(path, value) if isinstance(value, dict) else {path: value}
        return found

    options = flat("", tomllib.loads(CONFIG.read_text(encoding="utf-8")))
    return {key: value for key, value in options.items() if variable(key) not in os.environ}


def variable(option: str) -> str:
    """The environment variable of a Streamlit option."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", option).replace(".", "_")
    return f"STREAMLIT_{words.upper()}"
