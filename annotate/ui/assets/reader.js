// The output as a rater reads it. Every letter goes in by textContent: a link, an image or a
// script in an output stays the characters that it is. Highlights are painted over the text
// (CSS.highlights) and never change it, so that a marked passage keeps its place in it.

const LONG_PASSAGE = 700;
const LONG_CONTEXTS = 2400;
const RECENT_TURNS = 4;
const ROLES = { user: "User", assistant: "Assistant", system: "System", tool: "Tool" };
const PAINT = ["found", "shared", "differs", "marked", "cursor"];

/** What is on the page now: the texts by field, and where each piece of them stands. */
export const shown = { texts: {}, pieces: [], root: null };

/** Draw one output into `root`, or only its highlights when the unit is the same. */
export function draw(root, data) {
  const same = root.dataset.mark === data.mark;
  if (!same) {
    root.dataset.mark = data.mark;
    root.replaceChildren(...sections(data));
    root.className = "reader";
    PAINT.forEach((name) => paint(name, []));
  }
  shown.root = root;
  paint("shared", data.shared ?? []);
  paint("differs", data.differs ?? []);
}

/** Paint passages `[field, start, end]` (code points) under a name; replaces what was painted. */
export function paint(name, passages) {
  if (!globalThis.CSS?.highlights) return;
  const ranges = passages.flatMap(([field, start, end]) => rangesOf(field, start, end));
  if (ranges.length) CSS.highlights.set(`annotate-${name}`, new Highlight(...ranges));
  else CSS.highlights.delete(`annotate-${name}`);
}

/** The passage that is selected, as {field, start, end, text} in code points; null without one. */
export function selected() {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  const touched = shown.pieces.filter((p) => p.node.isConnected && range.intersectsNode(p.node));
  const field = touched[0]?.field;
  if (!field || touched.some((p) => p.field !== field)) return null;
  const first = touched[0], last = touched[touched.length - 1];
  const from = first.start + (range.startContainer === first.node ? range.startOffset : 0);
  const to = last.start +
    (range.endContainer === last.node ? range.endOffset : last.node.data.length);
  return passage(field, from, to);
}

/** A passage from UTF-16 offsets, without white space at its ends; null when nothing is left. */
export function passage(field, from, to) {
  const text = shown.texts[field];
  const raw = text.slice(from, to);
  const start = from + (raw.length - raw.trimStart().length);
  const words = raw.trim();
  if (!words) return null;
  const points = (s) => Array.from(s).length;
  const before = points(text.slice(0, start));
  return { field, start: before, end: before + points(words), text: words };
}

function rangesOf(field, start, end) {
  const text = shown.texts[field];
  if (text === undefined) return [];
  const from = unit16(text, start), to = unit16(text, end);
  const ranges = [];
  for (const piece of shown.pieces) {
    if (piece.field !== field || !piece.node.isConnected) continue;
    const a = Math.max(from, piece.start), b = Math.min(to, piece.start + piece.node.data.length);
    if (a >= b) continue;
    const range = new Range();
    range.setStart(piece.node, a - piece.start);
    range.setEnd(piece.node, b - piece.start);
    ranges.push(range);
  }
  return ranges;
}

/** Where the n-th code point of a text begins in UTF-16. */
function unit16(text, n) {
  let at = 0;
  for (let i = 0; i < n && at < text.length; i += 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return at;
}

function sections(data) {
  shown.texts = {};
  shown.pieces = [];
  const parts = [];
  const passages = data.contexts ?? [];
  const others = data.rival_contexts ?? [];
  const length = [...passages, ...others, data.response, data.rival ?? ""].join("").length;
  if (length > 1500 || passages.length + others.length > 2) parts.push(searchBox());
  parts.push(inputSection(data.input));
  const [a, b] = data.names ?? ["A", "B"];
  // Each response beside what it was made from; what both were given stands once.
  if (data.rival_contexts) {
    parts.push(sideBySide(contextsSection(passages, "contexts", `Context ${a}`),
      contextsSection(others, "rival_contexts", `Context ${b}`)));
  } else if (passages.length) parts.push(contextsSection(passages, "contexts", "Context"));
  const answers = data.rival === undefined || data.rival === null
    ? [["response", "Response", data.response]]
    : [["response", `Response ${a}`, data.response], ["rival", `Response ${b}`, data.rival]];
  const side = element("div", answers.length > 1 ? "reader-pair" : "reader-single");
  for (const [field, label, text] of answers) {
    const section = titled(`reader-${field}`, label);
    section.append(boxed(textOf(text, field, "The response is empty.")));
    side.append(section);
  }
  parts.push(side);
  if (data.rival_reference) {
    parts.push(sideBySide(referenceSection(data.reference, "reference", `Reference answer ${a}`),
      referenceSection(data.rival_reference, "rival_reference", `Reference answer ${b}`)));
  } else if (data.reference) {
    parts.push(referenceSection(data.reference, "reference", "Reference answer"));
  }
  if (data.facts?.length) {
    const section = titled("reader-facts", "Also known");
    const list = element("dl", "reader-list");
    for (const [name, value] of data.facts) {
      list.append(element("dt", "", name), element("dd", "", value));
    }
    section.append(list);
    parts.push(section);
  }
  return parts;
}

function sideBySide(...sections) {
  const side = element("div", "reader-pair");
  side.append(...sections);
  return side;
}

function referenceSection(text, field, title) {
  const section = titled("reader-reference", title);
  section.append(boxed(textOf(text, field)));
  return section;
}

function inputSection(input) {
  if (!Array.isArray(input)) {
    const section = titled("reader-input", "Input");
    section.append(textOf(input, "input", "The input is empty."));
    return section;
  }
  const section = titled("reader-input", "Conversation");
  const turns = input.map((turn, index) => {
    const role = Object.hasOwn(ROLES, turn.role) ? turn.role : "other";
    const item = element("div", `reader-turn reader-${role}`);
    item.append(
      element("div", "reader-role", ROLES[role] ?? turn.role),
      textOf(turn.text, `input[${index}]`, "This turn is empty."),
    );
    return item;
  });
  const early = turns.length - RECENT_TURNS;
  if (early > 1) {
    const rest = element("details", "reader-earlier");
    rest.append(element("summary", "", `${early} earlier turns`), ...turns.slice(0, early));
    section.append(rest, ...turns.slice(early));
  } else section.append(...turns);
  return section;
}

function contextsSection(passages, field, title) {
  const section = titled("reader-contexts",
    passages.length > 1 ? `${title}, ${passages.length} passages` : title);
  if (!passages.length) section.append(element("span", "reader-empty", "It was given no context."));
  const long = passages.join("").length > LONG_CONTEXTS;
  const clamped = [];
  passages.forEach((text, index) => {
    const part = element("section", "reader-context");
    if (passages.length > 1) {
      const label = `${index + 1} of ${passages.length}`;
      part.setAttribute("aria-label", `${title} ${label}`);
      part.append(element("h4", "", label));
    }
    const body = textOf(text, `${field}[${index}]`, "This passage is empty.");
    part.append(body);
    if (long && text.length > LONG_PASSAGE) {
      body.classList.add("reader-clamped");
      const more = button(`Show all ${text.split(/\s+/).length} words`, () => unfold(body, more));
      more.className = "reader-more";
      clamped.push([body, more]);
      part.append(more);
    }
    section.append(boxed(part));
  });
  if (clamped.length) {
    const all = button("Show all passages", () => clamped.forEach(([b, m]) => unfold(b, m)));
    all.className = "reader-all";
    section.querySelector("h3").append(all);
  }
  return section;
}

function unfold(body, more) {
  body.classList.remove("reader-clamped");
  more.hidden = true;
}

/** Unfold whatever hides a node. */
function reveal(node) {
  const clamped = node.parentElement?.closest(".reader-clamped");
  if (clamped) unfold(clamped, clamped.nextElementSibling);
  const folded = node.parentElement?.closest("details");
  if (folded) folded.open = true;
}

/** A text: as it is written, or, where it has tables, code or JSON, in a form easier to read. */
function textOf(text, field, empty = "") {
  shown.texts[field] = text;
  const body = element("div", "reader-text");
  body.dir = "auto";
  if (!text.trim()) {
    body.append(element("span", "reader-empty", empty || "Empty."));
    return body;
  }
  const formatted = layout(text);
  if (!formatted) {
    body.append(piece(text, field, 0));
    return body;
  }
  const content = element("div");
  const fill = (asWritten) => {
    shown.pieces = shown.pieces.filter((p) => p.field !== field);
    content.replaceChildren(...(asWritten
      ? [element("pre", "reader-code", piece(text, field, 0))] : formatted(field)));
  };
  const toggle = button("As written", () => {
    const on = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(on));
    fill(on);
  });
  toggle.className = "reader-more";
  toggle.setAttribute("aria-pressed", "false");
  fill(false);
  body.append(content, toggle);
  return body;
}

/** How to draw a text with JSON, code or tables in it; null where it is plain prose. */
function layout(text) {
  const json = prettyJson(text);
  // Indented anew its letters have other places, so that no passage can be marked in it.
  if (json !== null) {
    return (field) => [element("pre", "reader-code",
      json === text.trim() ? piece(text, field, 0) : document.createTextNode(json))];
  }
  const blocks = blocksOf(text);
  if (blocks.every((block) => block.kind === "prose")) return null;
  return (field) => blocks.map((block) => {
    const slice = (from, to) => piece(text.slice(from, to), field, from);
    if (block.kind === "code") return element("pre", "reader-code", slice(block.from, block.to));
    if (block.kind === "table") return tableOf(block.rows, slice);
    return element("div", "", slice(block.from, block.to));
  });
}

function prettyJson(text) {
  const begins = text.trimStart()[0];
  if (begins !== "{" && begins !== "[") return null;
  try {
    // Written with white space of its own it stays as it is.
    return text.includes("\n") ? (JSON.parse(text), text.trim())
      : JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

/** Prose, fenced code and pipe tables, in order: {kind, from, to} in UTF-16. */
function blocksOf(text) {
  const lines = [];
  let at = 0;
  for (const line of text.split("\n")) {
    lines.push({ line, from: at, to: at + line.length });
    at += line.length + 1;
  }
  const blocks = [];
  let prose = null;
  const end = () => { if (prose) blocks.push(prose); prose = null; };
  for (let i = 0; i < lines.length; i += 1) {
    const fence = /^\s*(```+|~~~+)/.exec(lines[i].line)?.[1];
    const close = fence
      ? lines.findIndex((l, j) => j > i && l.line.trim().startsWith(fence.slice(0, 3))) : -1;
    if (close > i) {
      end();
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
      blocks.push({ kind: "table", rows, from: lines[i].from, to: lines[j - 1].to });
      i = j - 1;
      continue;
    }
    prose ??= { kind: "prose", from: lines[i].from, to: lines[i].to };
    prose.to = Math.min(text.length, lines[i].to + 1);
  }
  end();
  return blocks;
}

const isRow = (line) => /\|/.test(line) && line.trim().length > 2;
const isRule = (line) => /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/.test(line) &&
  line.includes("|");

function tableOf(rows, slice) {
  const table = element("table", "reader-table");
  rows.forEach(({ line, from }, index) => {
    const row = element("tr");
    for (const [a, b] of cells(line)) {
      row.append(element(index ? "td" : "th", "", slice(from + a, from + b)));
    }
    table.append(row);
  });
  const scroll = element("div", "reader-scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "group");
  scroll.setAttribute("aria-label", "Table");
  scroll.append(table);
  return scroll;
}

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

function piece(text, field, start) {
  const node = document.createTextNode(text);
  shown.pieces.push({ node, field, start });
  return node;
}

function searchBox() {
  const box = element("search", "reader-search");
  const input = element("input");
  input.type = "search";
  input.placeholder = "Search in what you read";
  input.setAttribute("aria-label", "Search in what you read");
  const count = element("span", "reader-count");
  count.setAttribute("role", "status");
  let found = [], at = -1;
  const go = (step) => {
    if (!found.length) return;
    at = (at + step + found.length) % found.length;
    const [field, start] = found[at];
    const first = shown.pieces.find((p) => p.field === field &&
      p.start + p.node.data.length > unit16(shown.texts[field], start));
    if (first) reveal(first.node);
    paint("found", found);
    paint("cursor", [found[at]]);
    rangesOf(...found[at])[0]?.startContainer.parentElement
      ?.scrollIntoView({ block: "center", behavior: "instant" });
    count.textContent = `${at + 1} of ${found.length}`;
  };
  input.addEventListener("input", () => {
    found = search(input.value);
    at = -1;
    paint("found", found);
    paint("cursor", []);
    count.textContent = input.value.trim().length < 2 ? ""
      : found.length ? `${found.length} found` : "Nothing found";
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); go(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") {
      input.value = "";
      input.dispatchEvent(new Event("input"));
      input.blur();
    }
  });
  box.append(input, count);
  return box;
}

/** Where the words stand, in any case, in all that is on the page. */
function search(words) {
  const wanted = words.trim().toLocaleLowerCase();
  if (wanted.length < 2) return [];
  const found = [];
  for (const [field, text] of Object.entries(shown.texts)) {
    const low = text.toLocaleLowerCase();
    if (low.length !== text.length) continue; // a letter that changes its length: places would lie
    for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, at + wanted.length)) {
      const start = Array.from(text.slice(0, at)).length;
      found.push([field, start, start + Array.from(wanted).length]);
    }
  }
  return found;
}

function titled(name, title) {
  const section = element("section", name);
  section.setAttribute("aria-label", title);
  section.append(element("h3", "", title));
  return section;
}

function boxed(content) {
  const box = element("div", "reader-box");
  box.append(content);
  return box;
}

function button(words, pressed) {
  const made = element("button", "", words);
  made.type = "button";
  made.addEventListener("click", pressed);
  return made;
}

function element(tag, className = "", ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}
