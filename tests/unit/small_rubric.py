"""A rubric with every scale, for tests, and the message with which a text is refused."""

import pytest

from annotate.errors import BadRubric
from annotate.rubric import parse

SMALL = """\
name: small
criteria:
  - id: faithfulness
    question: Is it true?
    scale: ordinal
    points:
      - {value: 1, label: No, anchor: Nothing is.}
      - {value: 2, label: Half, anchor: Half of it is.}
      - {value: 3, label: Yes, anchor: All of it is.}
    pass_at: 3
  - id: failure
    scale: tags
    options: [{id: invented, label: Invented}, {id: wrong-figure, label: Wrong figure}]
    show_if: faithfulness < 3
  - {id: shown, scale: binary}
  - id: kind
    scale: categorical
    options: [{id: how-to, label: How-to}, {id: why, label: Why}]
  - {id: remark, scale: text, required: false}
"""


def refused(text: str) -> str:
    """The message with which `rag.yaml` of this text is refused."""
    with pytest.raises(BadRubric) as caught:
        parse(text, "rag.yaml")
    return str(caught.value)
