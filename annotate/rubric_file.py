"""A rubric's or judge's file, its bytes and text read with suspicion into plain dictionaries and lists."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from annotate.errors import BadRubric, NotFound

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
MAX_NODES = 20_000
MAX_KEY = 64


@dataclass(frozen=True)
class Kind:
    """What a file is to be, as refusals call it."""

    noun: str
    empty: str
    """The mend where nothing is in it."""
    begin: str
    """How it begins."""


RUBRIC = Kind(
    "rubric",
    "write at least a name and criteria, or start from a built-in",
    "start with `name:` and `criteria:` at the left margin",
)

_ENCODINGS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_TAG = "tag:yaml.org,2002:"


def read(path: Path, kind: Kind = RUBRIC) -> str:
    """The text of such a file: UTF-8, with or without a byte order mark."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}; give a readable {kind.noun} file") from None
    return decoded(data, path.name)


def decoded(data: bytes, name: str) -> str:
    """The text of a rubric file's bytes; `name` is what messages call it."""
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guess = _ENCODINGS.get(data[:2])
        what = f"is {guess}" if guess else f"byte {error.start + 1} is not UTF-8"
        raise BadRubric(name, "", what, "save the file as UTF-8") from None


def document(text: str, file: str, kind: Kind = RUBRIC) -> dict[str, Any]:
    """The mapping that the YAML says, made of dict, list, str, int, float, bool and None.

    Everything but plain data is refused, and so is what would grow out of proportion: size,
    depth and the number of values after aliases are resolved have limits.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        raise _too_large(file)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise BadRubric(
            file, f"line {line}", "has a NUL byte", "remove it; is this really a text file?"
        )
    root = _compose(text, file, kind)
    if root is None or (isinstance(root, ScalarNode) and root.tag == f"{_TAG}null"):
        raise BadRubric(file, "", "is empty", kind.empty)
    if not isinstance(root, MappingNode):
        raise BadRubric(
            file,
            "",
            f"is not a {kind.noun}",
            kind.begin,
        )
    found = _Plain(file).mapping(root, "", 1)
    if not found:
        raise BadRubric(file, "", "is empty", kind.empty)
    return found


def _too_large(file: str) -> BadRubric:
    return BadRubric(
        file,
        "",
        f"is larger than {MAX_BYTES // 1024} KB",
        "shorten it; long examples belong in docs",
    )


def _compose(text: str, file: str, kind: Kind) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    # A reused anchor is legal YAML and only a warning there; the node limit is what protects.
    yaml.composer.warn_double_anchors = False
    try:
        node: Node | None = yaml.compose(text)
        return node
    except MaxDepthExceededError as error:
        raise BadRubric(
            file,
            _line(error),
            f"is nested more than {MAX_DEPTH} levels deep",
            "five are enough; check the indentation",
        ) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadRubric(
            file,
            f"line {line}",
            f"has the control character U+{ord(text[error.position]):04X}",
            "remove it",
        ) from None
    except MarkedYAMLError as error:
        problem = " ".join(str(error.problem or error.context or "cannot be read").split())
        mend = "check the indentation, quotes and colons there"
        if "\\t" in problem:
            problem, mend = "is indented by a tab", "indent by spaces"
        elif "another document" in problem:
            problem, mend = "begins a second document", f"put one {kind.noun} in a file"
        raise BadRubric(file, _line(error), f"is not valid YAML: {problem}", mend) from None
    # The parser's own slips on hostile input surface as ordinary exceptions.
    except (YAMLError, ValueError, AssertionError, IndexError, TypeError, AttributeError) as error:
        raise BadRubric(
            file, "", f"is not valid YAML: {error}", "check its indentation, quotes and colons"
        ) from None


def _line(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""


class _Plain:
    """Turns YAML nodes into plain values, counting as it goes so that aliases cannot multiply."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.count = 0

    def value(self, node: Node, path: str, depth: int) -> Any:
        self.count += 1
        if self.count > MAX_NODES:
            raise BadRubric(
                self.file,
                path,
                f"brings the file to more than {MAX_NODES:,} values once aliases are resolved",
                "write repeated parts out instead of using `*` aliases",
            )
        if depth > MAX_DEPTH:
            raise BadRubric(
                self.file,
                path,
                f"is nested more than {MAX_DEPTH} levels deep",
                "five are enough; is an alias inside its own anchor?",
            )
        if isinstance(node, MappingNode):
            return self.mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            self._plain_tag(node, path, "seq")
            return [
                self.value(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(node.value)
            ]
        return self._scalar(node, path)

    def mapping(self, node: MappingNode, path: str, depth: int) -> dict[str, Any]:
        self._plain_tag(node, path, "map")
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise BadRubric(
                    self.file,
                    f"line {key_node.start_mark.line + 1}",
                    "has a key that is a list or mapping",
                    "write plain keys such as `name:`",
                )
            key = str(key_node.value)
            if key_node.tag == f"{_TAG}merge":
                raise BadRubric(
                    self.file,
                    f"line {key_node.start_mark.line + 1}",
                    "has the merge key `<<`",
                    "write the keys out",
                )
            if not key.isprintable() or len(key) > MAX_KEY:
                raise BadRubric(
                    self.file,
                    f"line {key_node.start_mark.line + 1}",
                    f"has the key {key[:20]!r}",
                    "write plain keys such as `name:`",
                )
            where = f"{path}.{key}" if path else key
            if key in found:
                raise BadRubric(
                    self.file,
                    where,
                    f"is given twice (again on line {key_node.start_mark.line + 1})",
                    "keep one of them",
                )
            found[key] = self.value(value_node, where, depth + 1)
        return found

    def _scalar(self, node: Node, path: str) -> Any:
        text = str(node.value)
        match str(node.tag).removeprefix(_TAG):
            case "str":
                return _joined(text)
            case "null":
                return None
            case "bool":
                return text.lower() in ("true", "yes", "on", "y")
            case "int":
                return self._int(text)
            case "float":
                return self._float(text)
            case "timestamp" | "value":
                return text  # a date as a label is a label
        self._plain_tag(node, path, "str")
        return text

    def _plain_tag(self, node: Node, path: str, plain: str) -> None:
        if node.tag != f"{_TAG}{plain}":
            raise BadRubric(
                self.file,
                path or f"line {node.start_mark.line + 1}",
                f"has the tag {str(node.tag).replace(_TAG, '!!')}",
                "remove the tag; a rubric holds plain text, numbers and lists",
            )

    def _int(self, text: str) -> int | float | str:
        # Octal, hexadecimal and sexagesimal notations stay text: no scale means them.
        try:
            return int(text) if len(text) <= 18 else float(text)
        except ValueError:
            return text

    def _float(self, text: str) -> float | str:
        special = text.lower().lstrip("+-")
        if special in (".inf", ".nan"):
            return math.nan if special == ".nan" else math.inf
        try:
            return float(text)
        except ValueError:
            return text


def _joined(text: str) -> str:
    """The text with escaped surrogate pairs made one character, as JSON files write them."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return text  # a lone half; the check of the text names it
