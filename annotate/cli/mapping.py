"""The --map option: which column of a foreign file holds which field."""

from annotate.errors import BadInput


def parse(options: list[str] | None) -> dict[str, str]:
    """{field: column} of `FIELD=COLUMN` options; a column's name may hold further `=`."""
    found: dict[str, str] = {}
    for option in options or []:
        field, equals, column = option.partition("=")
        if not equals or not field.strip() or not column.strip():
            raise BadInput(f'--map "{option}": write FIELD=COLUMN, as in --map response=answer')
        if field.strip() in found:
            raise BadInput(f"--map {field.strip()}: is given twice; name one column")
        found[field.strip()] = column.strip()
    return found
