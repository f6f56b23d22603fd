"""Settings: `ANNOTATE_*` variables and an `.env` file, read once."""

from functools import cache

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from annotate.errors import BadInput


class Settings(BaseSettings):
    """What an installation decides; every field has a default that works on one machine."""

    model_config = SettingsConfigDict(
        env_prefix="ANNOTATE_", env_file=".env", env_file_encoding="utf-8", extra="ignore"
    )

    database_url: str = "sqlite:///annotate.db"
    """An SQLite file or a PostgreSQL database."""
    base_url: str = "http://localhost:8501"
    """Where raters reach the product; personal links start with it."""
    lease_minutes: int = Field(default=15, ge=1, le=24 * 60)
    """How long a unit stays with a rater who shows no activity."""
    session_days: int = Field(default=30, ge=1, le=366)
    """How long a browser stays signed in."""
    trusted_proxy_header: str | None = None
    """The header in which a reverse proxy that you trust names the person (e-mail or name).
    Set it only where nobody can reach the product except through that proxy."""
    passwords: bool = False
    """Whether people may sign in by name and password, at /login, beside their personal link."""
    oidc_trust_email: bool = False
    """Whether an e-mail counts though the provider does not say that it has verified it. For a
    provider that gives its accounts their addresses itself, such as one tenant of Entra ID."""
    local_lead: str | None = None
    """The lead for whom `annotate serve` shows a sign-in link on its own machine."""
    demo_rater: str | None = None
    """In a demo workspace: the rater as whom a visitor may try it."""

    @property
    def secure(self) -> bool:
        """Whether browsers must send the session cookie over https alone."""
        return self.base_url.lower().startswith("https://")

    def link(self, token: str) -> str:
        """The personal link of a token."""
        return f"{self.base_url.rstrip('/')}/join/{token}"


@cache
def get_settings() -> Settings:
    """The settings of this process; raises `BadInput` naming the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "ANNOTATE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise BadInput(
            f"{name}: {first['msg'].lower()} (it is {first['input']!r}); "
            "mend the variable or the .env file"
        ) from None
