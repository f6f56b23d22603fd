"""Times on the clock of the person who looks."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def own_zone() -> ZoneInfo:
    """The browser's time zone; UTC where it does not say."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def time_of_day(at: datetime) -> str:
    """`14:03:41`"""
    return f"{at.astimezone(own_zone()):%H:%M:%S}"


def day(at: datetime | None) -> str:
    """`2026-11-23`, or nothing."""
    return "" if at is None else f"{at.astimezone(own_zone()):%Y-%m-%d}"
