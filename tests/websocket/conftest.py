"""What tests that speak Streamlit's own protocol share."""

from annotate import people
from tests.server import Server


def cookie_of(server: Server, name: str) -> str:
    """A fresh sign-in of a person."""
    with server.database.write() as session:
        return people.sign_in_as(session, people.get_rater(session, name), way="link")
