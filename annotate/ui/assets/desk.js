// The rater's keyboard, and the keeping of drafts. Everything is done through the native widgets
// of the page, so that the page says and stores the same without this script.

import { MarkButton, MarkMode, mark, repaint } from "./evidence.js";
import { Drafts } from "./drafts.js";
import { asked, choices, isChosen, isTyping, keyed, press, settled, textField, unfold, until } from "./form.js";
import { draw, selected } from "./reader.js";

const PENDING = "annotate:pending";
const HELP = [
  ["1 … 9", "answer the marked question and go on"],
  ["↑ ↓ or j k", "go to another question"],
  ["Enter", "go on; behind the last question: submit"],
  ["Ctrl/⌘ Enter", "submit, also while typing"],
  ["Backspace", "reopen what you submitted last"],
  ["n", "not applicable"],
  ["c", "cannot judge"],
  ["r", "write a rationale"],
  ["e", "mark a passage as evidence: with the mouse first, or then with ← → ↑ ↓ and Shift"],
  ["s", "skip with a reason"],
  ["f", "flag for the lead"],
  ["/", "search in what you read"],
  ["h", "highlight what is shared, or what differs"],
  ["p", "pause"],
  ["g", "guidelines"],
  ["Esc", "leave a text, a menu, this list"],
  ["?", "this list"],
];

let desk = null;

/** Draw the output; Streamlit calls this at every change of its data. */
export function reader({ parentElement, data }) {
  const root = parentElement.querySelector(".reader") ?? parentElement.appendChild(Object.assign(document.createElement("div"), { className: "reader" }));
  if (root.dataset.mark !== data.mark) toTheTop();
  draw(root, data);
  if (desk) repaint(desk.data);
}

/** Take the form in hand; Streamlit calls this at every change of its data. */
export function form({ parentElement, data, setTriggerValue }) {
  if (!desk) desk = new Desk();
  desk.take(parentElement, data, setTriggerValue);
  return () => {
    // Streamlit takes an instance away and may put another in its place at once.
    const gone = desk;
    setTimeout(() => { if (gone && gone === desk && !gone.root.isConnected) { gone.close(); desk = null; } }, 1000);
  };
}

function toTheTop() {
  document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0, behavior: "instant" });
  document.querySelector(".st-key-output")?.closest('[data-testid="stColumn"]')
    ?.scrollTo({ top: 0, behavior: "instant" });
}

class Desk {
  constructor() {
    this.style = document.head.appendChild(document.createElement("style"));
    this.marker = new MarkButton(() => this.data, (found) => this.marked(found));
    this.queue = Promise.resolve();
    this.busy = 0;
    this.onKey = (event) => this.key(event);
    this.onPointer = (event) => this.pointer(event);
    document.addEventListener("keydown", this.onKey, true);
    document.addEventListener("click", this.onPointer, true);
    this.observer = new MutationObserver(() => this.follow());
  }

  /** New data: another unit, or the same after a step that was refused. */
  take(parent, data, trigger) {
    const other = this.data?.mark !== data.mark;
    const before = this.data;
    this.data = data;
    this.trigger = trigger;
    this.sent = false;
    if (!this.root?.isConnected || this.root.parentElement !== parent) this.build(parent);
    if (other) {
      this.drafts?.end();
      this.leaveMarking();
      this.focus = null;
      this.auto = true;
      this.status("");
      this.drafts = new Drafts(data, {
        say: (words, grave) => this.status(words, grave),
        changed: () => setTimeout(() => { repaint(this.data); this.paint(); }, 0),
        restored: () => this.trigger("restored", Date.now()),
        stale: (kind) => this.trigger(kind === "person" ? "stranger" : "stale", Date.now()),
      });
      this.wasSent();
      // What is pressed before the page stands waits: its widgets have not taken their values yet.
      this.later(() => settled());
      setTimeout(() => repaint(data), 0);
    } else this.drafts?.hold(false);
    if (data.problem && (other || before.refused !== data.refused)) {
      this.focus = data.problem;
      this.auto = false;
      keyed(`criterion-${data.problem}`)?.scrollIntoView({ block: "center" });
    }
    // Read out when it changes; without this script it is a line on the page.
    keyed("said")?.setAttribute("role", "status");
    this.observer.disconnect();
    const place = keyed("form");
    if (place) this.observer.observe(place, { childList: true, subtree: true });
    this.follow();
  }

  build(parent) {
    this.root = document.createElement("div");
    this.root.className = "desk";
    this.said = document.createElement("div");
    this.said.className = "desk-status";
    this.said.setAttribute("role", "status");
    this.voice = document.createElement("div");
    this.voice.className = "desk-voice";
    this.voice.setAttribute("aria-live", "polite");
    const help = document.createElement("button");
    help.type = "button";
    help.className = "desk-help";
    help.textContent = "Keyboard (?)";
    help.addEventListener("click", () => this.help());
    this.root.append(this.said, help, this.voice);
    parent.replaceChildren(this.root);
  }

  /** If a submission was on its way when the page was lost, say what has become of it. */
  wasSent() {
    let pending = null;
    try {
      pending = JSON.parse(sessionStorage.getItem(PENDING));
      sessionStorage.removeItem(PENDING);
    } catch { /* a browser that keeps nothing */ }
    if (!pending || pending.screen === this.data.screen) return;
    if (pending.assignment === this.data.last && pending.assignment !== this.data.assignment) {
      this.status("The connection was lost while you submitted; your answers were saved.");
    } else if (pending.assignment === this.data.assignment) {
      this.status("Your submission did not reach the server. Your answers are here: submit them again.", true);
    }
  }

  submitting() {
    this.sent = true;
    this.drafts?.hold(true);
    try {
      sessionStorage.setItem(PENDING, JSON.stringify({ assignment: this.data.assignment, screen: this.data.screen }));
    } catch { /* the server knows */ }
    const drafts = this.drafts;
    settled().then(() => { this.sent = false; drafts?.hold(false); });
  }

  status(words, grave = false) {
    this.said.textContent = words;
    this.said.classList.toggle("desk-grave", grave);
  }

  say(words) { this.voice.textContent = words; }

  // Which question has the keyboard

  follow() {
    const there = asked(this.data).map((c) => c.id);
    if (this.focus && !there.includes(this.focus) && this.focus !== "end") this.focus = null;
    if (this.auto || !this.focus) {
      const open = asked(this.data).find((c) => !this.answered(c));
      this.focus = open?.id ?? "end";
      this.auto = true;
    }
    this.paint();
  }

  answered(criterion) {
    return criterion.parts.some((key) => choices(key).some(isChosen) || textField(key)?.value.trim());
  }

  criterion() { return asked(this.data).find((c) => c.id === this.focus) ?? null; }

  move(step) {
    const ids = [...asked(this.data).map((c) => c.id), "end"];
    const at = ids.indexOf(this.focus);
    this.go(ids[Math.max(0, Math.min(ids.length - 1, at + step))]);
  }

  go(id, auto = false) {
    this.focus = id;
    this.auto = auto;
    this.paint();
    const place = id === "end" ? keyed(this.data.submit) : keyed(`criterion-${id}`);
    place?.scrollIntoView({ block: "nearest", behavior: "instant" });
    const criterion = this.criterion();
    this.say(criterion ? criterion.question : "Submit and next: press Enter");
  }

  /** The focused question, and only it, has its bar and its badges: by style, over native widgets. */
  paint() {
    const criterion = this.criterion();
    if (!criterion) {
      this.style.textContent = this.focus === "end"
        ? `.st-key-${dashed(this.data.submit)} button { outline: 2px solid var(--primary-color, #1f6f5c); outline-offset: 3px; }` : "";
      return;
    }
    const place = `.st-key-criterion-${dashed(criterion.id)}`;
    const rules = [`${place} { position: relative; }`, `${place}::before { ${BAR} }`];
    const keys = [...criterion.digits.map(({ digit, key, index }) => [digit, key, index]),
      ...Object.entries(criterion.abstain).map(([name, { key, index }]) => [name[0], key, index])];
    for (const [letter, key, index] of keys) {
      const widget = `.st-key-${dashed(key)}`;
      // Beside the words, and not read out with them.
      const badge = `{ content: "${letter}"; content: "${letter}" / ""; }`;
      rules.push(`${widget} [role="radiogroup"] > :nth-child(${index + 1}) label::after ${badge}`);
      rules.push(`${widget} :is([role="toolbar"], div > [role="radiogroup"]) > button:nth-child(${index + 1})::before ${badge}`);
    }
    const widgets = [...new Set(keys.map(([, key]) => `.st-key-${dashed(key)}`))];
    for (const widget of widgets) {
      rules.push(`${widget} label[data-testid="stRadioOption"] { position: relative; }`,
        `${widget} label[data-testid="stRadioOption"]::after { ${BADGE} ${ASIDE} }`,
        `${widget} button[data-variant="pills"]::before { ${BADGE} margin-inline-end: .5rem; }`);
    }
    this.style.textContent = rules.join("\n");
  }

  pointer(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    if (keyed(this.data.submit)?.contains(target) && target.closest("button")) this.submitting();
    const place = target.closest('[class*="st-key-criterion-"]');
    if (!place || !event.isTrusted) return;
    const criterion = asked(this.data).find((c) => keyed(`criterion-${c.id}`) === place);
    if (!criterion) return;
    this.go(criterion.id, Boolean(target.closest("label, button")));
    setTimeout(() => this.follow(), 60);
  }

  // Keys

  key(event) {
    if (!event.isTrusted || event.isComposing || !this.root.isConnected) return;
    const dialog = document.querySelector("dialog.desk-sheet[open]");
    if (dialog) {
      if (["Escape", "?", "Enter"].includes(event.key)) { take(event); dialog.close(); }
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      take(event);
      this.later(() => this.commit(event.target));
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Somebody types faster than the page draws: what this key means is clear after the others.
    const waits = event.key.length === 1 || WAITING.has(event.key) || (this.willMark && event.key === "Tab");
    if (this.busy && waits && !isTyping(event.target)) {
      take(event);
      if (event.key === "e") this.willMark = true;
      const { key, shiftKey } = event;
      this.later(() => this.replay(key, shiftKey));
      return;
    }
    if (event.key === "e" && !isTyping(event.target)) this.willMark = true;
    const work = this.meaning(event);
    if (work) { take(event); this.later(work); }
  }

  /** A key that had to wait: typed into the text that has the keyboard by now, or what it means. */
  replay(key, shiftKey) {
    const field = document.activeElement;
    if (isTyping(field) && !this.marking) {
      if (key === "Escape") return this.leaveText(field);
      if (key.length === 1 || key === "Enter") {
        field.setRangeText(key === "Enter" ? "\n" : key, field.selectionStart, field.selectionEnd, "end");
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      return undefined;
    }
    return this.meaning({ key, shiftKey, target: field, repeat: false })?.();
  }

  /** What a key does here, as a step to take; nothing where the key is the page's own. */
  meaning(event) {
    const { key, target } = event;
    if (this.marking) return () => this.markingKey(event);
    if (isTyping(target)) {
      return key === "Escape" && target.type !== "search" ? () => this.leaveText(target) : null;
    }
    const menu = this.menu();
    if (menu) return this.menuKey(menu, key);
    // Who walks by Tab works the native controls: arrows, Enter and the space bar are theirs.
    const native = target instanceof Element &&
      target.closest('button, a, summary, [role="radiogroup"], [role="toolbar"], [role="tab"], input');
    if (native && /^(Arrow|Enter| |Tab|Home|End|Page)/.test(key)) return null;
    if (/^[0-9]$/.test(key)) return () => this.digit(key);
    const command = COMMANDS[key];
    if (!command || (event.repeat && !command.repeats)) return null;
    return () => command(this);
  }

  /** One step after the other, each when the page has drawn what the one before changed. What was
   * meant for a unit is done to no other: a key pressed while a submission is on its way counts
   * only if that was refused. */
  later(work) {
    const { mark } = this.data;
    this.busy += 1;
    this.queue = this.queue.then(() => until(() => !this.sent, 5000))
      .then(() => (this.sent || this.data.mark !== mark ? undefined : work()))
      .catch((error) => console.error(error)).finally(() => {
        this.busy -= 1;
        if (!this.busy) this.willMark = false;
      });
  }

  leaveText(field) {
    field.blur();
    const place = field.closest('[class*="st-key-criterion-"]');
    const left = asked(this.data).find((c) => keyed(`criterion-${c.id}`) === place);
    if (left) this.onwards(left);
  }

  async digit(digit) {
    const criterion = this.criterion();
    const found = criterion?.digits.find((one) => one.digit === digit);
    if (!found) return;
    const choice = choices(found.key)[found.index];
    if (found.many) {
      press(choice);
      await this.after(criterion);
      return;
    }
    if (!isChosen(choice)) press(choice);
    this.drafts?.soon();
    await this.after(criterion);
    if (criterion.why?.includes(digit) && !textField(criterion.rationale_key)?.value.trim()) {
      await this.write(criterion.rationale_key);
      return;
    }
    this.onwards(criterion);
  }

  async abstain(which) {
    const criterion = this.criterion();
    const found = criterion?.abstain[which];
    if (!found) { if (criterion) this.say("This question takes no such answer"); return; }
    const choice = choices(found.key)[found.index];
    if (!isChosen(choice)) press(choice);
    this.drafts?.soon();
    await this.after(criterion);
    this.onwards(criterion);
  }

  after(criterion) { return criterion.decides ? settled() : new Promise((r) => setTimeout(r, 0)); }

  /** To the question after this one. */
  onwards(criterion) {
    const ids = [...asked(this.data).map((c) => c.id), "end"];
    this.go(ids[ids.indexOf(criterion.id) + 1]);
  }

  enter() {
    if (this.focus === "end") return this.commit(document.body);
    const criterion = this.criterion();
    if (criterion?.scale === "text") return this.write(criterion.parts[0]);
    return this.move(1);
  }

  write(key) {
    const field = textField(key);
    if (!field) return undefined;
    unfold(field);
    // The folded part is inert until Streamlit has drawn it open.
    return new Promise((done) => {
      setTimeout(() => { field.focus(); field.scrollIntoView({ block: "nearest" }); done(); }, 30);
    });
  }

  /** Submit the form, or what stands in an open menu. */
  async commit(target) {
    if (target instanceof HTMLElement && isTyping(target)) target.blur();
    await new Promise((r) => setTimeout(r, 20));
    const menu = this.menu();
    if (menu) { press(keyed(menu.commit)?.querySelector("button")); return; }
    if (!press(keyed(this.data.submit)?.querySelector("button"))) {
      this.status("Not connected: nothing was submitted. Your answers are kept here until the connection is back.", true);
    }
  }

  // Menus: skip and flag

  menu() { return this.data.menus.find((one) => keyed(one.commit)?.offsetParent) ?? null; }

  menuKey(menu, key) {
    if (/^[1-9]$/.test(key) && menu.reasons) return () => press(choices(menu.reasons)[Number(key) - 1]);
    if (key === "Enter") return () => this.commit(document.body);
    return null;
  }

  async open(name) {
    const menu = this.data.menus.find((one) => one.name === name);
    const opener = menu && keyed(menu.opener)?.querySelector("button");
    if (!opener) return;
    press(opener);
    for (let i = 0; i < 50 && !keyed(menu.commit)?.offsetParent; i += 1) await new Promise((r) => setTimeout(r, 20));
    if (menu.reasons) {
      const place = `.st-key-${dashed(menu.reasons)}`;
      this.style.textContent += choices(menu.reasons).map((_, i) =>
        `${place} [role="radiogroup"] > :nth-child(${i + 1}) label::after { content: "${i + 1}"; content: "${i + 1}" / ""; ${BADGE} margin-inline-start: .5rem; }`).join("\n");
    } else textField(menu.text)?.focus();
  }

  // Evidence

  evidence() {
    const found = selected();
    if (found) { this.marked(found); return; }
    const criterion = [this.criterion(), ...asked(this.data)].find((c) => c?.evidence);
    if (!criterion) { this.say("No question here takes evidence"); return; }
    this.marking = new MarkMode(criterion, (words) => this.say(words));
    if (this.marking.empty) { this.marking = null; return; }
    this.status("Marking: ← → by word, ↑ ↓ by sentence, Shift for more, Tab for the next text, Enter marks, Esc leaves.");
  }

  markingKey(event) {
    const found = this.marking.key(event);
    if (found === undefined) return;
    this.marking = null;
    this.status("");
    if (found) this.marked(found);
  }

  marked(found) {
    const criterion = mark(this.data, this.focus, found);
    this.say(criterion ? `Marked for: ${criterion.question}` : "No question takes evidence from there");
    this.drafts?.soon();
  }

  leaveMarking() { this.marking?.end(); this.marking = null; }

  help() {
    const sheet = document.createElement("dialog");
    sheet.className = "desk-sheet";
    sheet.setAttribute("aria-label", "Keyboard");
    const title = Object.assign(document.createElement("h2"), { textContent: "Keyboard" });
    const list = document.createElement("dl");
    for (const [keys, words] of HELP) {
      list.append(Object.assign(document.createElement("dt"), { textContent: keys }),
        Object.assign(document.createElement("dd"), { textContent: words }));
    }
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
    close.addEventListener("click", () => sheet.close());
    sheet.addEventListener("close", () => sheet.remove());
    sheet.append(title, list, close);
    (this.root ?? document.body).append(sheet);
    sheet.showModal();
  }

  close() {
    this.drafts?.flush();
    this.drafts?.end();
    this.leaveMarking();
    this.observer.disconnect();
    this.marker.remove();
    this.style.remove();
    document.removeEventListener("keydown", this.onKey, true);
    document.removeEventListener("click", this.onPointer, true);
  }
}

const BADGE = `font: 600 .6875rem/1 system-ui, sans-serif; border: 1px solid currentColor;
  border-radius: 4px; padding: 2px 4px; min-width: 1rem; box-sizing: border-box; text-align: center;
  align-self: center;`;
const BAR = `content: ""; position: absolute; inset-inline-start: -.625rem; top: 0; bottom: .75rem;
  width: 3px; background: #2f8f74;`;
// Beside a long list of points, in the margin, where there is one.
const ASIDE = "position: absolute; inset-inline-start: -2.125rem; top: .2rem;";

const COMMANDS = {
  j: Object.assign((desk) => desk.move(1), { repeats: true }),
  k: Object.assign((desk) => desk.move(-1), { repeats: true }),
  n: (desk) => desk.abstain("not_applicable"),
  c: (desk) => desk.abstain("cannot_judge"),
  r: (desk) => { const one = desk.criterion(); return one && desk.write(one.rationale_key ?? one.parts[0]); },
  e: (desk) => desk.evidence(),
  s: (desk) => desk.open("skip"),
  f: (desk) => desk.open("flag"),
  p: (desk) => { press(keyed("pause")?.querySelector("button")); },
  g: () => { keyed("guidelines")?.querySelector("summary")?.click(); },
  h: () => { press(keyed("highlight")?.querySelector("input")); },
  "/": () => { document.querySelector(".reader-search input")?.focus(); },
  "?": (desk) => desk.help(),
  Enter: (desk) => desk.enter(),
  Backspace: (desk) => {
    const button = keyed("undo-last")?.querySelector("button");
    desk.drafts?.keep();
    if (button && !button.disabled) { desk.drafts?.hold(true); press(button); return settled(); }
    desk.say("Nothing to undo");
    return undefined;
  },
};
COMMANDS.ArrowDown = COMMANDS.j;
COMMANDS.ArrowUp = COMMANDS.k;

const WAITING = new Set(["Enter", "Backspace", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);

function take(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

function dashed(key) { return CSS.escape(key.replace(/[^a-zA-Z0-9_-]/g, "-")); }
