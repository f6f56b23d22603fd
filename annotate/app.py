"""The ASGI application: the pages, sign-in by personal link, password or provider, sign-out, drafts and health.

`annotate serve` runs it; `uvicorn annotate.app:app` does so too.
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from annotate import doors, draft_route
from annotate.identity import IdentityMiddleware
from annotate.ui import component, messages, provider_login

SCRIPT = Path(__file__).with_name("main.py")

app = st.App(
    SCRIPT,
    routes=[
        Route("/join/{token}", doors.ask_to_join, methods=["GET"]),
        Route("/join/{token}", doors.join, methods=["POST"]),
        Route("/login", doors.ask_for_password, methods=["GET"]),
        Route("/login", doors.enter_password, methods=["POST"]),
        Route(provider_login.PATH, provider_login.enter, methods=["GET"]),
        Route("/sign-out", doors.ask_to_sign_out, methods=["GET"]),
        Route("/sign-out", doors.sign_out, methods=["POST"]),
        Route(draft_route.PATH, draft_route.save_draft, methods=["POST"]),
        Route("/health", doors.health, methods=["GET"]),
        Mount(component.PATH, component.Assets()),
    ],
    middleware=[
        Middleware(provider_login.EnterAfterLogin),
        Middleware(IdentityMiddleware),
    ],
    on_script_error=messages.show_unexpected,
)
