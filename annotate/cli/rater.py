"""annotate rater: add, list, link, revoke."""

from typing import Annotated

import typer

app = typer.Typer(help="Raters: who rates, and how they get in.", no_args_is_help=True,
                  add_completion=False)  # fmt: skip


@app.command()
def add(
    name: str,
    email: Annotated[str | None, typer.Option("--email", help="Their e-mail address.")] = None,
    role: Annotated[str, typer.Option("--role", help="rater or lead.")] = "rater",
    kind: Annotated[str, typer.Option("--kind", help="human, judge or metric.")] = "human",
) -> None:
    """Add a rater.

    Example: annotate rater add Ada --email ada@example.com
    """
    from annotate import people
    from annotate.cli import console

    with console.database().write() as session:
        people.add_rater(session, name, email=email, role=role, kind=kind)
    console.note(f"Added {name}. `annotate rater link` makes a personal link.")


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option("--kind", help="human, judge or metric.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Every rater.

    Example: annotate rater list --kind judge
    """
    from annotate import people
    from annotate.cli import console

    with console.database().read() as session:
        rows = [
            {
                "name": r.name,
                "kind": r.kind,
                "role": r.role,
                "email": r.email,
                "simulated": r.simulated,
                "state": "revoked" if r.revoked_at else "active",
            }
            for r in people.list_raters(session, kind, by=None)
        ]
    if json:
        console.show_json({"rows": rows})
        return
    if not rows:
        console.note("There are no raters yet; `annotate rater add NAME` adds one.")
        return
    columns = ["name", "kind", "role", "email", "state"]
    console.show_table([[str(r[c] or "") for c in columns] for r in rows], columns)


@app.command()
def link(name: str) -> None:
    """A new personal link for a rater; the earlier one stops working.

    Example: annotate rater link Ada
    """
    from annotate import people
    from annotate.cli import console
    from annotate.settings import get_settings

    with console.database().write() as session:
        token = people.new_link(session, people.get_rater(session, name), by=None)
    typer.echo(get_settings().link(token))


@app.command()
def revoke(name: str) -> None:
    """Take a rater's access away at once; their ratings stay.

    Example: annotate rater revoke Ada
    """
    from annotate import people
    from annotate.cli import console

    with console.database().write() as session:
        people.revoke(session, people.get_rater(session, name), by=None)
    console.note(f"{name} has no access any more; `annotate rater restore` gives it back.")


@app.command()
def restore(name: str) -> None:
    """Let a revoked rater back in; they need a new link.

    Example: annotate rater restore Ada
    """
    from annotate import people
    from annotate.cli import console

    with console.database().write() as session:
        people.restore(session, people.get_rater(session, name), by=None)
    console.note(f"{name} may come back; `annotate rater link` makes a new link.")


@app.command()
def password(
    name: str,
    remove: Annotated[bool, typer.Option("--remove", help="Take the password away.")] = False,
) -> None:
    """Give a person a password, asked for here; it works where ANNOTATE_PASSWORDS is true.

    Example: annotate rater password Ada
    """
    from annotate import passwords, people
    from annotate.cli import console
    from annotate.settings import get_settings

    database = console.database()
    with database.read() as session:
        people.get_rater(session, name)
    said = None
    if not remove:
        said = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with database.write() as session:
        rater = people.get_rater(session, name)
        if said is None:
            passwords.remove_password(session, rater, by=None)
        else:
            passwords.set_password(session, rater, said, by=None)
    console.note(f"{name} has {'no password any more' if remove else 'a new password'}.")
    if not remove and not get_settings().passwords:
        console.note("Sign-in by password is off; ANNOTATE_PASSWORDS=true turns it on.")


@app.command("sign-out")
def sign_out(name: str) -> None:
    """End every sign-in of a person, in all their browsers.

    Example: annotate rater sign-out Ada
    """
    from annotate import people
    from annotate.cli import console

    with console.database().write() as session:
        people.sign_out_everywhere(session, people.get_rater(session, name), by=None)
    console.note(f"{name} is signed out everywhere.")
