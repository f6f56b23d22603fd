// How a text with JSON, code or tables in it is laid out for reading: blocks that say which of its
// letters go where. No letter is changed, and none of a line with words on it is left out.

/** Blocks in order, with places in UTF-16; null where it is plain prose.
 * {kind: "prose" | "code" | "caption", from, to}, {kind: "table", rows: [[[from, to] …] …]} or
 * {kind: "json", parts: [[from, to] or white space that is put in between …]}. */
export function layout(text) {
  if (isJson(text)) {
    // Written with line breaks of its own it stays as it is.
    return text.includes("\n") ? [{ kind: "code", from: 0, to: text.length }]
      : [{ kind: "json", parts: indented(text) }];
  }
  const blocks = blocksOf(text);
  return blocks.every((block) => block.kind === "prose") ? null : blocks;
}

function isJson(text) {
  if (!"{[".includes(text.trimStart()[0] ?? " ")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The tokens of JSON as they are written, with line breaks and indents between them. Parsed and
 * written anew it would be another text: long numbers, 1.10, a key that stands twice. */
function indented(text) {
  const parts = [];
  let depth = 0, before = null, end = 0;
  for (const { 0: token, index } of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const opened = before === "{" || before === "[", closes = token === "}" || token === "]";
    if (closes) depth -= 1;
    const gap = before === null || (opened && closes) ? ""
      : opened || closes || before === "," ? `\n${"  ".repeat(Math.min(depth, DEEPEST))}`
        : before === ":" ? " " : "";
    if (before !== null && text.slice(end, index) === gap) parts.at(-1)[1] = index + token.length;
    else {
      if (gap) parts.push(gap);
      parts.push([index, index + token.length]);
    }
    if (token === "{" || token === "[") depth += 1;
    end = index + token.length;
    before = token;
  }
  return parts;
}

/** From here on nothing is indented further: what is nested deeper would be blanks above all. */
const DEEPEST = 24;

/** Prose, fenced code with its caption, and pipe tables. */
function blocksOf(text) {
  const lines = [];
  let at = 0;
  for (const line of text.split("\n")) {
    lines.push({ line, from: at, to: at + line.length });
    at += line.length + 1;
  }
  const closing = fenceEnds(lines);
  const blocks = [];
  let prose = null;
  const end = () => { if (prose) blocks.push(prose); prose = null; };
  for (let i = 0; i < lines.length; i += 1) {
    const close = closing(i);
    if (close) {
      end();
      const [, indent, fence, info] = OPENING.exec(lines[i].line);
      if (info.trim()) {
        const from = lines[i].from + indent.length + fence.length;
        blocks.push({ kind: "caption", from: from + info.length - info.trimStart().length, to: from + info.trimEnd().length });
      }
      if (close > i + 1) {
        blocks.push({ kind: "code", from: lines[i + 1].from, to: lines[close - 1].to });
      }
      i = close;
      continue;
    }
    if (isRow(lines[i].line) && isRule(lines[i + 1]?.line ?? "")) {
      end();
      const rows = [lines[i]];
      let j = i + 2;
      while (j < lines.length && isRow(lines[j].line)) rows.push(lines[j++]);
      blocks.push({ kind: "table", rows: rows.map(({ line, from }) => cells(line).map(([a, b]) => [from + a, from + b])) });
      i = j - 1;
      continue;
    }
    prose ??= { kind: "prose", from: lines[i].from, to: lines[i].to };
    prose.to = Math.min(text.length, lines[i].to + 1);
  }
  end();
  return blocks;
}

// A fence with words behind it opens, one without may close; backticks among the words are code
// in a sentence and no fence.
const OPENING = /^(\s*)(`{3,}(?=[^`]*$)|~{3,})(.*)$/;
const CLOSING = /^\s*(`{3,}|~{3,})\s*$/;

/** For a line that opens a fence, the line that closes it; else undefined. Asked in order. */
function fenceEnds(lines) {
  const closes = lines.flatMap(({ line }, at) => {
    const fence = CLOSING.exec(line)?.[1];
    return fence ? [{ at, mark: fence[0], length: fence.length }] : [];
  });
  let passed = 0;
  return (i) => {
    const fence = OPENING.exec(lines[i].line)?.[2];
    if (!fence) return undefined;
    while (closes[passed]?.at <= i) passed += 1;
    for (let n = passed; n < closes.length; n += 1) {
      if (closes[n].mark === fence[0] && closes[n].length >= fence.length) return closes[n].at;
    }
    return undefined;
  };
}

const isRow = (line) => /\|/.test(line) && line.trim().length > 2;
const isRule = (line) => /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/.test(line) &&
  line.includes("|");

/** Where the cells of a row stand in its line, without the white space around them. */
function cells(line) {
  const bars = [...line.matchAll(/(?<!\\)\|/g)].map((m) => m.index);
  const edges = [...(line.trimStart().startsWith("|") ? [] : [-1]), ...bars,
    ...(line.trimEnd().endsWith("|") ? [] : [line.length])];
  return edges.slice(0, -1).map((edge, i) => {
    const raw = line.slice(edge + 1, edges[i + 1]);
    const start = edge + 1 + (raw.length - raw.trimStart().length);
    return [start, Math.max(start, start + raw.trim().length)];
  });
}
