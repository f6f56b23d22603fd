// The output as a rater reads it. Every letter goes in by textContent: a link, an image or a
// script in an output stays the characters that it is.

import { layout } from "./layout.js";
import { clear, paint, piece, repaint, shown, unclamp } from "./places.js";
import { searchBox } from "./search.js";

const LONG_PASSAGE = 700;
const LONG_CONTEXTS = 2400;
const RECENT_TURNS = 4;
const ROLES = { user: "User", assistant: "Assistant", system: "System", tool: "Tool" };

/** Draw one output into `root`, or only its highlights when the unit is the same. */
export function draw(root, data) {
  if (root.dataset.mark !== data.mark) {
    root.dataset.mark = data.mark;
    clear();
    root.replaceChildren(...sections(data));
    root.className = "reader";
  }
  paint("shared", data.shared ?? []);
  paint("differs", data.differs ?? []);
}

function sections(data) {
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
      const more = button(`Show all ${text.split(/\s+/).length} words`, () => unclamp(body, more));
      more.className = "reader-more";
      clamped.push([body, more]);
      part.append(more);
    }
    section.append(boxed(part));
  });
  if (clamped.length) {
    const all = button("Show all passages", () => clamped.forEach(([b, m]) => unclamp(b, m)));
    all.className = "reader-all";
    section.querySelector("h3").append(all);
  }
  return section;
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
  const blocks = layout(text);
  if (!blocks) {
    body.append(piece(text, field, 0));
    return body;
  }
  const content = element("div");
  const fill = (asWritten) => {
    shown.pieces[field] = [];
    content.replaceChildren(...(asWritten
      ? [element("pre", "reader-code", piece(text, field, 0))]
      : blocks.map((block) => drawn(block, (from, to) => piece(text.slice(from, to), field, from)))));
    repaint();
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

/** A block of a text that has a layout; `slice` makes a piece of its letters. */
function drawn(block, slice) {
  switch (block.kind) {
    case "json": return element("pre", "reader-code",
      ...block.parts.map((part) => (typeof part === "string" ? part : slice(...part))));
    case "code": return element("pre", "reader-code", slice(block.from, block.to));
    case "caption": return element("div", "reader-caption", slice(block.from, block.to));
    case "table": return tableOf(block.rows, slice);
    default: return element("div", "", slice(block.from, block.to));
  }
}

function tableOf(rows, slice) {
  const table = element("table", "reader-table");
  rows.forEach((cells, index) => {
    const row = element("tr");
    row.append(...cells.map(([from, to]) => element(index ? "td" : "th", "", slice(from, to))));
    table.append(row);
  });
  const scroll = element("div", "reader-scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "group");
  scroll.setAttribute("aria-label", "Table");
  scroll.append(table);
  return scroll;
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
