// Where the texts of an output stand on the page. A text is drawn in pieces, each a text node that
// knows its offset; passages are painted over them (CSS.highlights), so that nothing that is
// marked, searched or compared ever changes a letter.

/** What is on the page now: the texts by field, and by field the pieces in which it is drawn, in
 * order: {node, start} in UTF-16. A piece may be left out, letters are never. */
export const shown = { texts: {}, pieces: {} };

const painted = new Map();

/** Another output: nothing of the one before is known or painted. */
export function clear() {
  shown.texts = {};
  shown.pieces = {};
  for (const name of painted.keys()) globalThis.CSS?.highlights?.delete(`annotate-${name}`);
  painted.clear();
}

/** A text node for a part of a field's text, remembered with its place. */
export function piece(text, field, start) {
  const node = document.createTextNode(text);
  (shown.pieces[field] ??= []).push({ node, start });
  return node;
}

/** Paint passages `[field, start, end]` in code points, as the server counts, under a name;
 * replaces what was painted under it. */
export function paint(name, passages) { paint16(name, inUtf16(passages)); }

/** The same with places in UTF-16, as the page counts. */
export function paint16(name, places) {
  painted.set(name, places);
  if (!globalThis.CSS?.highlights) return;
  const highlight = new Highlight();
  for (const place of places) for (const range of rangesOf(...place)) highlight.add(range);
  if (highlight.size) CSS.highlights.set(`annotate-${name}`, highlight);
  else CSS.highlights.delete(`annotate-${name}`);
}

/** Paint again what is painted: a text has been drawn in other pieces. */
export function repaint() { for (const [name, places] of [...painted]) paint16(name, places); }

/** The passage that is selected, as {field, start, end, text} in code points; null without one. */
export function selected() {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  const touched = Object.entries(shown.pieces).flatMap(([field, pieces]) => pieces
    .filter((p) => p.node.isConnected && range.intersectsNode(p.node)).map((p) => ({ ...p, field })));
  const field = touched[0]?.field;
  if (!field || touched.some((p) => p.field !== field)) return null;
  const first = touched[0], last = touched[touched.length - 1];
  const from = first.start + (range.startContainer === first.node ? range.startOffset : 0);
  const to = last.start +
    (range.endContainer === last.node ? range.endOffset : last.node.data.length);
  return passage(field, from, to);
}

/** A passage from UTF-16 places, in whole letters and without white space at its ends; null when
 * nothing is left. */
export function passage(field, from, to) {
  const text = shown.texts[field];
  const raw = text.slice(isTrail(text, from) ? from - 1 : from, isTrail(text, to) ? to + 1 : to);
  const start = (isTrail(text, from) ? from - 1 : from) + (raw.length - raw.trimStart().length);
  const words = raw.trim();
  if (!words) return null;
  const before = points(text, 0, start);
  return { field, start: before, end: before + points(words, 0, words.length), text: words };
}

/** Whether a place is between the two halves of one letter. */
const isTrail = (text, at) => at > 0 && /[\udc00-\udfff]/.test(text[at] ?? "") && /[\ud800-\udbff]/.test(text[at - 1]);

function points(text, from, to) {
  let count = 0;
  for (let at = from; at < to; at += text.codePointAt(at) > 0xffff ? 2 : 1) count += 1;
  return count;
}

/** Passages in code points as places in UTF-16: every text is walked once, however many they are. */
function inUtf16(passages) {
  const wanted = new Map();
  for (const [field, start, end] of passages) {
    if (shown.texts[field] === undefined) continue;
    if (!wanted.has(field)) wanted.set(field, new Map());
    wanted.get(field).set(start, 0).set(end, 0);
  }
  for (const [field, places] of wanted) {
    const text = shown.texts[field];
    let at = 0, count = 0;
    for (const place of [...places.keys()].sort((a, b) => a - b)) {
      for (; count < place && at < text.length; count += 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
      places.set(place, at);
    }
  }
  return passages.filter(([field]) => wanted.has(field))
    .map(([field, start, end]) => [field, wanted.get(field).get(start), wanted.get(field).get(end)]);
}

/** The ranges of a passage on the page, a piece each. */
export function rangesOf(field, from, to) {
  const pieces = shown.pieces[field] ?? [];
  let low = 0, high = pieces.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pieces[middle].start + pieces[middle].node.data.length > from) high = middle;
    else low = middle + 1;
  }
  const ranges = [];
  for (let i = low; i < pieces.length && pieces[i].start < to; i += 1) {
    const { node, start } = pieces[i];
    const a = Math.max(from, start) - start, b = Math.min(to, start + node.data.length) - start;
    if (a >= b || !node.isConnected) continue;
    const range = new Range();
    range.setStart(node, a);
    range.setEnd(node, b);
    ranges.push(range);
  }
  return ranges;
}

/** Show a passage: unfold what hides it, and scroll to its own line, not to its paragraph. */
export function bring(field, from, to) {
  const [range] = rangesOf(field, from, to);
  if (!range) return;
  reveal(range.startContainer);
  for (let box = range.startContainer.parentElement; box; box = box.parentElement) {
    const { overflowX, overflowY } = getComputedStyle(box);
    const line = range.getBoundingClientRect(), frame = box.getBoundingClientRect();
    if (/auto|scroll/.test(overflowY) && box.scrollHeight > box.clientHeight) {
      const top = Math.max(frame.top, 0) + HEADER, bottom = Math.min(frame.bottom, innerHeight) - 8;
      if (line.top < top || line.bottom > bottom) box.scrollTop += line.top - (top + bottom) / 2;
    }
    if (/auto|scroll/.test(overflowX) && box.scrollWidth > box.clientWidth &&
      (line.left < frame.left || line.right > frame.right)) {
      box.scrollLeft += line.left - (frame.left + frame.right) / 2;
    }
  }
}

/** What Streamlit's bar covers of the top of the page. */
const HEADER = 64;

/** Unfold whatever hides a node. */
function reveal(node) {
  const clamped = node.parentElement?.closest(".reader-clamped");
  if (clamped) unclamp(clamped, clamped.nextElementSibling);
  const folded = node.parentElement?.closest("details");
  if (folded) folded.open = true;
}

export function unclamp(body, more) {
  body.classList.remove("reader-clamped");
  more.hidden = true;
}
