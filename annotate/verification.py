"""The invariants of the store, checked: what must hold however the ratings came in."""

import sqlalchemy as sa
from sqlmodel import Session, select

from annotate import outputs, rounds, rubric_versions
from db.tables import Output, Rubric

# Each question lists what breaks the rule; an empty answer is a rule that holds.
RULES = {
    "unit {0}: {1} counted submissions are missing on record, its assignments say {2}": """
        SELECT u.key, u.missing, u.overlap - COUNT(a.id) FROM unit u
        LEFT JOIN assignment a ON a.unit_id = u.id AND a.submitted_at IS NOT NULL
            AND a.extra = :no AND a.state IN ('submitted', 'claimed')
        GROUP BY u.id, u.key, u.missing, u.overlap
        HAVING u.missing <> u.overlap - COUNT(a.id)""",
    "rating {0} stands under another output than its unit": """
        SELECT r.id FROM rating r JOIN unit u ON u.id = r.unit_id
        WHERE r.output_id <> u.output_id OR r.round_id <> u.round_id""",
    "rating {0} stands under another rater or unit than its assignment": """
        SELECT r.id FROM rating r JOIN assignment a ON a.id = r.assignment_id
        WHERE r.rater_id <> a.rater_id OR r.unit_id <> a.unit_id""",
    "rating {0} supersedes a rating of something else": """
        SELECT r.id FROM rating r JOIN rating s ON s.id = r.supersedes_id
        WHERE s.rater_id <> r.rater_id AND s.adjudication = :no
            OR s.criterion <> r.criterion OR s.output_id <> r.output_id""",
    "unit {0} has an assignment in another round than its own": """
        SELECT u.key FROM assignment a JOIN unit u ON u.id = a.unit_id
        WHERE a.round_id <> u.round_id""",
    "rating {0} has neither a value nor a text nor an abstention": """
        SELECT id FROM rating WHERE value IS NULL AND text IS NULL AND abstained IS NULL""",
}


def verify(session: Session) -> list[str]:
    """Every broken invariant in words; empty when all hold."""
    problems = []
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        said = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        if said != "ok":
            problems.append(f"the database file is damaged ({said}); restore a backup")
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            problems.append(f"{row[0]} row {row[1]} points to a {row[2]} that is not there")
    for words, question in RULES.items():
        for row in connection.execute(
            sa.text(question), {"no": False} if ":no" in question else {}
        ):
            problems.append(words.format(*row))
    for output in session.exec(select(Output).execution_options(yield_per=500)):
        if outputs.content_hash(output) != output.content_hash:
            problems.append(f"output {output.key} is not what was imported under this id")
    for round_ in rounds.list_rounds(session, by=None):
        document = rounds.design_document(session, round_, by=None)
        if document["hash"] != round_.design_hash:
            problems.append(f"round {round_.name}: its design does not fit its hash")
        rubric = session.get_one(Rubric, round_.rubric_id)
        if (
            document["rubric"]["hash"] != rubric.hash
            or rubric_versions.loaded(rubric).hash != rubric.hash
        ):
            problems.append(f"round {round_.name}: its rubric is not the one that was frozen")
    return problems
