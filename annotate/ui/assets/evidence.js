// Passages as evidence: marked with the mouse or the keyboard, kept as lines in a native text
// field, `[response 12-40] the words`, and painted where they stand.

import { asked, textField, unfold, write } from "./form.js";
import { bring, paint, paint16, passage, rangesOf, selected, shown } from "./places.js";

const LINE = /^\s*\[(response|context (?:B )?\d+|response B) (\d+)[-–](\d+)\]/;

/** The span field of a label in a line, and back. */
const toField = (label) => label === "response B" ? "rival"
  : label.startsWith("context B ") ? `rival_contexts[${Number(label.slice(10)) - 1}]`
  : label.startsWith("context") ? `contexts[${Number(label.slice(8)) - 1}]` : "response";
const toLabel = (field) => field === "rival" ? "response B"
  : field.startsWith("rival_contexts") ? `context B ${Number(field.slice(15, -1)) + 1}`
  : field.startsWith("contexts") ? `context ${Number(field.slice(9, -1)) + 1}` : "response";

const takes = (criterion, field) => criterion.evidence === "contexts"
  ? /^(rival_)?contexts\[/.test(field) : criterion.evidence === "response" && /^(response|rival)$/.test(field);

/** Paint every marked passage of the form. */
export function repaint(data) {
  const marks = [];
  for (const criterion of data.criteria.filter((c) => c.evidence)) {
    for (const line of (textField(criterion.evidence_key)?.value ?? "").split("\n")) {
      const found = LINE.exec(line);
      if (found) marks.push([toField(found[1]), Number(found[2]), Number(found[3])]);
    }
  }
  paint("marked", marks);
}

/** Mark a passage for the criterion, or for the first that takes evidence from there. */
export function mark(data, focused, found) {
  const able = asked(data).filter((criterion) => takes(criterion, found.field));
  const criterion = able.find((one) => one.id === focused) ?? able[0];
  const field = criterion && textField(criterion.evidence_key);
  if (!field) return null;
  const line = `[${toLabel(found.field)} ${found.start}-${found.end}] ${onOneLine(found.text)}`;
  const lines = field.value.split("\n").filter((one) => one.trim());
  if (!lines.includes(line)) write(field, [...lines, line].join("\n"));
  unfold(field);
  document.getSelection()?.removeAllRanges();
  setTimeout(() => repaint(data), 0);
  return criterion;
}

/** The words as a line repeats them: 200 letters, never half of one, on one line also for readers
 * to whom U+0085 and the like end a line. */
const onOneLine = (words) => Array.from(words.replace(/[\s\x85\x1c-\x1f]+/g, " ")).slice(0, 200).join("");

/** A button beside a selection with the mouse that marks it. */
export class MarkButton {
  constructor(current, marked) {
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "desk-mark";
    this.button.textContent = "Mark as evidence";
    this.button.hidden = true;
    document.body.append(this.button);
    this.button.addEventListener("mousedown", (event) => event.preventDefault());
    this.button.addEventListener("click", () => {
      const found = selected();
      if (found) marked(found);
      this.button.hidden = true;
    });
    this.follow = () => {
      const data = current();
      const found = data && selected();
      const able = found && asked(data).some((criterion) => takes(criterion, found.field));
      this.button.hidden = !able;
      if (!able) return;
      const box = document.getSelection().getRangeAt(0).getBoundingClientRect();
      this.button.style.top = `${Math.max(8, box.top - 40)}px`;
      this.button.style.left = `${Math.min(innerWidth - 180, Math.max(8, box.left))}px`;
    };
    document.addEventListener("selectionchange", this.follow);
  }

  hide() { this.button.hidden = true; }

  remove() {
    document.removeEventListener("selectionchange", this.follow);
    this.button.remove();
  }
}

/** Marking with the keyboard: a cursor over words, left and right by word, up and down by
 * sentence, with Shift longer; Tab goes to the next text, Enter marks, Escape leaves. */
export class MarkMode {
  constructor(criterion, announce) {
    this.fields = Object.keys(shown.texts).filter((field) => takes(criterion, field) && shown.texts[field].trim());
    this.announce = announce;
    this.go(0);
  }

  get empty() { return !this.fields.length; }

  go(index) {
    this.index = index;
    if (this.empty) return;
    const text = shown.texts[this.fields[index]];
    // A fence or a table's rule is not on the page: no cursor goes there.
    this.words = [...text.matchAll(/\S+/g)].map((m) => [m.index, m.index + m[0].length])
      .filter(([from, to]) => rangesOf(this.fields[index], from, to).length);
    this.sentences = this.words.flatMap(([from], i) =>
      i === 0 || /[.!?:;\n。！？]["')\]]*\s*$/.test(text.slice(this.words[i - 1][0], from).replace(/ +$/, "")) ? [i] : []);
    this.anchor = this.head = 0;
    this.show();
  }

  /** The marked passage on Enter; undefined while marking goes on, null when it was left. */
  key(event) {
    const last = this.words.length - 1;
    const move = (to) => {
      this.head = Math.max(0, Math.min(last, to));
      if (!event.shiftKey) this.anchor = this.head;
      this.show();
    };
    const sentence = (step) => {
      const at = this.sentences.findLastIndex((i) => i <= this.head);
      const next = this.sentences[at + step];
      if (event.shiftKey && step > 0) return move((this.sentences[at + 1] ?? last + 1) - 1 === this.head
        ? (this.sentences[at + 2] ?? last + 1) - 1 : (this.sentences[at + 1] ?? last + 1) - 1);
      return move(next ?? (step > 0 ? last : 0));
    };
    switch (event.key) {
      case "ArrowRight": move(this.head + 1); return undefined;
      case "ArrowLeft": move(this.head - 1); return undefined;
      case "ArrowDown": sentence(1); return undefined;
      case "ArrowUp": sentence(-1); return undefined;
      case "Tab": this.go((this.index + (event.shiftKey ? this.fields.length - 1 : 1)) % this.fields.length); return undefined;
      case "Enter": { const found = this.passage(); this.end(); return found; }
      case "Escape": this.end(); return null;
      default: return undefined;
    }
  }

  /** The words of the cursor: [field, from, to] in UTF-16. */
  place() {
    const [a, b] = [Math.min(this.anchor, this.head), Math.max(this.anchor, this.head)];
    return [this.fields[this.index], this.words[a][0], this.words[b][1]];
  }

  passage() { return passage(...this.place()); }

  show() {
    const place = this.place();
    paint16("cursor", [place]);
    // The end that moves is the one to see.
    bring(place[0], ...this.words[this.head]);
    this.announce(passage(...place).text);
  }

  end() { paint16("cursor", []); }
}

