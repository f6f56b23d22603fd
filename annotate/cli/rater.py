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
            for r in people.list_raters(session, kind)
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
