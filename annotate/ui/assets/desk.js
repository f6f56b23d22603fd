// The rater's desk: which question has the keyboard, what every key does there, and the keeping of
// drafts. Everything is done through the native widgets of the page, so that the page says and
// stores the same without this script.

import * as badges from "./badges.js";
import { COMMANDS } from "./commands.js";
import { Drafts, finish } from "./drafts.js";
import { MarkButton, MarkMode, mark, repaint } from "./evidence.js";
import { asked, awaitedChoice, awaitedField, choices, drawnFor, isChosen, isTyping, keyed, press, running, settled, textField, unfold, until } from "./form.js";
import { Held, composes, named, sheet } from "./keys.js";
import { Menus, covered } from "./menus.js";
import { selected } from "./places.js";
import { draw } from "./reader.js";
import { Words } from "./words.js";
import { Writing } from "./writing.js";

export { adjudication } from "./adjudicate.js";

const PENDING = "annotate:pending";
/** So long is a submission waited for; longer for as long as the server is at work, but not for ever. */
const SUBMITTED_MS = 15_000;
const AT_WORK_MS = 120_000;
const DEAF = "Not connected: this waits until the connection is back. What you have entered is kept here.";

let desk = null;

/** Draw the output; Streamlit calls this at every change of its data. */
export function reader({ parentElement, data }) {
  const root = parentElement.querySelector(".reader") ?? parentElement.appendChild(Object.assign(document.createElement("div"), { className: "reader" }));
  if (root.dataset.mark !== data.mark) {
    toTheTop();
    // What was selected goes with its unit, and no event tells.
    desk?.marker.hide();
  }
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
    setTimeout(() => { if (gone && gone === desk && !gone.words.root.isConnected) { gone.close(); desk = null; } }, 1000);
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
    this.words = new Words(() => this.help());
    this.held = new Held();
    this.writing = new Writing();
    this.queue = Promise.resolve();
    this.busy = 0;
    /** When what is on its way was submitted, and when a submission was last given up. */
    this.sent = 0;
    this.gaveUp = 0;
    this.onKey = (event) => this.key(event);
    this.onKeyUp = (event) => this.held.up(event);
    this.onBlur = () => this.held.forget();
    this.onPointer = (event) => this.pointer(event);
    this.onFocus = (event) => { if (isTyping(event.target)) this.leaveMarking(); };
    document.addEventListener("keydown", this.onKey, true);
    document.addEventListener("keyup", this.onKeyUp, true);
    document.addEventListener("click", this.onPointer, true);
    document.addEventListener("focusin", this.onFocus, true);
    addEventListener("blur", this.onBlur);
    this.observer = new MutationObserver(() => this.follow());
  }

  /** New data: another unit or none, or the same after a step that was refused. */
  take(parent, data, trigger) {
    const other = this.data?.mark !== data.mark;
    const before = this.data;
    this.data = data;
    this.trigger = trigger;
    // Drawn as it was, a submission that is on its way has no answer yet.
    if (other || before.refused !== data.refused) this.sent = false;
    this.words.into(parent);
    if (other) this.begin();
    else if (!this.sent) this.drafts?.hold(false);
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
    this.writing.of(data, place);
    this.follow();
  }

  /** Another unit, or the page between units, which has no form. */
  begin() {
    const { data } = this;
    this.drafts?.end();
    this.drafts = null;
    this.leaveMarking();
    this.menus?.closeAll();
    this.menus = new Menus(data.menus, { empty: () => this.words.hint("Say why first.") });
    this.focus = null;
    this.auto = true;
    // Whoever chose another round here goes on with its form: a digit is no search in the list.
    const { activeElement } = document;
    if (keyed("round")?.contains(activeElement)) activeElement.blur();
    this.words.status("");
    if (data.draft_url) {
      this.drafts = new Drafts(data, {
        say: (words, grave) => this.words.status(words, grave),
        changed: () => setTimeout(() => { repaint(this.data); this.paint(); }, 0),
        restored: () => this.trigger("restored", Date.now()),
        stale: (kind) => this.trigger(kind === "person" ? "stranger" : "stale", Date.now()),
      });
    } else finish(data.finished);
    this.wasSent();
    // What is pressed before the page stands waits: its widgets have not taken their values yet.
    this.later(() => settled());
    setTimeout(() => {
      repaint(data);
      if (data.top) keyed(data.top)?.scrollIntoView({ block: "start", behavior: "instant" });
      this.words.say(data.told ?? "");
    }, 0);
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
      this.words.status("The connection was lost while you submitted; your answers were saved.");
    } else if (pending.assignment === this.data.assignment) {
      this.words.status("Your submission did not reach the server. Your answers are here: submit them again.", true);
    }
  }

  submitting() {
    if (!this.drafts) return;
    this.sent = performance.now();
    this.drafts?.hold(true);
    try {
      sessionStorage.setItem(PENDING, JSON.stringify({ assignment: this.data.assignment, screen: this.data.screen }));
    } catch { /* the server knows */ }
    const { drafts } = this;
    // Until the page shows what came of it: a draft that comes after it would be of a unit that is
    // finished, and be refused, and a key would be for the next one. A busy server, and a busy
    // browser, take their time; if nothing comes at all the unit goes on, without the keys that
    // were pressed meanwhile.
    const given = () => performance.now() - this.sent > SUBMITTED_MS && !running();
    until(() => !this.sent || given(), AT_WORK_MS).then(() => {
      if (!this.sent) return;
      this.gaveUp = performance.now();
      this.sent = 0;
      drafts.hold(false);
    });
  }

  /** The step leads to another unit: a draft that follows could be that one's, or be refused for the
   * one that is left, which draws the page anew over what it says of the step. */
  leaving() {
    const { drafts } = this;
    drafts?.hold(true);
    // If it is refused the unit stays, and nothing else would tell.
    settled(8000).then(() => until(() => drafts?.ended, 1000)).then(() => drafts?.hold(false));
  }

  /** Choose or press as a click does; false where there is nothing, or nobody to hear it. */
  press(element) {
    if (press(element)) return true;
    if (element) this.words.hint(DEAF);
    return false;
  }

  // Which question has the keyboard

  follow() {
    const there = asked(this.data).map((c) => c.id);
    if (this.focus && !there.includes(this.focus) && this.focus !== "end") this.focus = null;
    if (this.auto || !this.focus) {
      const open = asked(this.data).find((c) => !c.passed_by && !this.answered(c));
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
    this.words.say(criterion ? criterion.question : "Submit and next: press Enter");
  }

  paint() {
    const criterion = this.criterion();
    this.style.textContent = criterion ? badges.ofCriterion(criterion)
      : this.focus === "end" ? badges.ofButton(this.data.submit) : "";
  }

  pointer(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    const button = target.closest("button");
    if (button && keyed(this.data.submit)?.contains(button)) this.submitting();
    const menu = this.menus.at(target);
    const skips = menu?.name === "skip" && keyed(menu.commit)?.contains(button);
    if (button && (skips || keyed("undo-last")?.contains(button))) this.leaving();
    if (!event.isTrusted) return;
    if (menu) {
      const commits = button && keyed(menu.commit)?.contains(button) && this.menus.says(menu);
      if (commits) setTimeout(() => this.menus.close(menu), 0);
      return;
    }
    if (!target.closest(".st-key-form, .st-key-head")) return;
    this.leaveMarking();
    const control = target.closest("label, button, summary, input[type=radio]");
    if (control && event.detail > 0) this.release(control);
    const place = target.closest('[class*="st-key-criterion-"]');
    if (place && button && !button.closest('[role="toolbar"], [role="radiogroup"]')) this.writtenByButton();
    const criterion = place && asked(this.data).find((c) => keyed(`criterion-${c.id}`) === place);
    if (!criterion) return;
    this.go(criterion.id, Boolean(target.closest("label, button")));
    setTimeout(() => this.follow(), 60);
  }

  /** A button may write into the form, which no event of typing tells: whenever the server has. */
  writtenByButton() {
    const { drafts, data } = this;
    const texts = () => data.fields.map((field) => (field.options ? "" : textField(field.key)?.value)).join("\0");
    const before = texts();
    until(() => texts() !== before, 10_000).then(() => drafts?.soon());
  }

  /** Who clicks with the mouse goes on by our keys: on the control that was clicked arrows would
   * change the answer, and Enter would do the same again. Who comes by Tab stays there. */
  release(control) {
    setTimeout(() => {
      const { activeElement } = document;
      if (activeElement && !isTyping(activeElement) && (control.contains(activeElement) || activeElement.matches("input[type=radio]"))) activeElement.blur();
    }, 0);
  }

  // Keys

  key(event) {
    if (!event.isTrusted || composes(event)) return;
    // Also while the form is taken away to be drawn anew: a letter then is for the text still.
    if (this.writing.takes(event)) { event.stopImmediatePropagation(); return; }
    if (!this.words.root.isConnected) return;
    const { target } = event;
    const name = named(event);
    // A key that is held has done what it does; only the arrows do it again.
    if (this.held.repeats(event) && !REPEATS.has(name)) { take(event); return; }
    const open = document.querySelector("dialog.desk-sheet[open]");
    if (open) {
      if (["Escape", "?", "Enter"].includes(name)) { this.ours(event); open.close(); }
      return;
    }
    if (covered(this.menus)) return;
    if ((event.ctrlKey || event.metaKey) && name === "Enter") {
      this.ours(event);
      if (!event.repeat) this.later(() => this.commit(target));
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = isTyping(target);
    if (event.repeat && !typing && !REPEATS.has(name) && ONCE(name)) { take(event); return; }
    // Somebody types faster than the page draws: what this key means is clear after the others.
    const waits = name.length === 1 || WAITING.has(name) || (this.willMark && name === "Tab");
    if (this.busy && waits && !typing) {
      this.ours(event);
      if (name === "e") this.willMark = true;
      const { key, shiftKey } = event;
      this.later(() => this.replay(key, name, shiftKey));
      return;
    }
    if (name === "e" && !typing) this.willMark = true;
    const work = this.meaning(name, event);
    if (work) { this.ours(event); this.later(work); }
  }

  ours(event) {
    take(event);
    this.held.take(event);
  }

  /** A key that had to wait: typed into the text that has the keyboard by now, or what it means. */
  replay(key, name, shiftKey) {
    const field = document.activeElement;
    if (isTyping(field)) {
      if (key === "Escape") return this.leaveText(field);
      if (key.length === 1 || key === "Enter") {
        field.setRangeText(key === "Enter" ? "\n" : key, field.selectionStart, field.selectionEnd, "end");
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      return undefined;
    }
    return this.meaning(name, { key, shiftKey, target: field })?.();
  }

  /** What a key does here, as a step to take; nothing where the key is the page's own. */
  meaning(name, event) {
    const { target } = event;
    if (isTyping(target)) {
      return name === "Escape" && target.type !== "search" ? () => this.leaveText(target) : null;
    }
    if (this.marking) return () => this.markingKey(event);
    const menu = this.menus.current();
    if (menu) return this.menus.meaning(menu, name, target);
    // Who walks by Tab works the native controls: arrows, Enter and the space bar are theirs.
    const native = target instanceof Element &&
      target.closest('button, a, summary, [role="radiogroup"], [role="toolbar"], [role="tab"], input');
    if (native && /^(Arrow|Enter| |Tab|Home|End|Page)/.test(name)) return null;
    const criterion = this.criterion();
    const answer = criterion?.digits.find((one) => one.digit === name);
    if (answer) return () => this.answer(name);
    const command = COMMANDS[name];
    return command ? () => command(this) : null;
  }

  /** One step after the other, each when the page has drawn what the one before changed. What was
   * meant for a unit is done to no other: a key pressed while a submission is on its way counts
   * only if that was refused. */
  later(work) {
    const { mark } = this.data;
    const pressed = performance.now();
    if (this.sent && pressed - this.sent > 1000) this.words.hint("Still submitting: keys count again once it is answered.");
    this.busy += 1;
    this.queue = this.queue.then(() => until(() => !this.sent, AT_WORK_MS))
      .then(() => (pressed < this.gaveUp || this.data.mark !== mark ? undefined : work()))
      .catch((error) => console.error(error)).finally(() => {
        this.busy -= 1;
        if (!this.busy) this.willMark = false;
      });
  }

  leaveText(field) {
    this.writing.leave();
    const menu = this.menus.at(field);
    field.blur();
    if (menu) return this.menus.close(menu);
    const place = field.closest('[class*="st-key-criterion-"]');
    const left = asked(this.data).find((c) => keyed(`criterion-${c.id}`) === place);
    if (left) this.onwards(left);
    return undefined;
  }

  async answer(name) {
    const criterion = this.criterion();
    const found = criterion?.digits.find((one) => one.digit === name);
    if (!found) return;
    const choice = await awaitedChoice(found.key, found.index);
    if (!choice) { this.words.hint("This answer is not drawn yet: press its key again."); return; }
    const was = isChosen(choice);
    const anew = found.many || !was;
    if (anew && !this.press(choice)) return;
    this.drafts?.soon();
    await this.after(criterion, anew && (() => isChosen(choices(found.key)[found.index] ?? choice) !== was));
    if (found.many) return;
    if (criterion.why?.includes(name) && !textField(criterion.rationale_key)?.value.trim()) {
      await this.write(criterion.rationale_key);
      return;
    }
    this.onwards(criterion);
  }

  async abstain(which) {
    const criterion = this.criterion();
    const found = criterion?.abstain[which];
    if (!found) { this.words.hint(criterion ? "This question takes no such answer." : "No question is marked."); return; }
    const choice = await awaitedChoice(found.key, found.index);
    if (!choice) { this.words.hint("This answer is not drawn yet: press its key again."); return; }
    const anew = !isChosen(choice);
    if (anew && !this.press(choice)) return;
    this.drafts?.soon();
    await this.after(criterion, anew && (() => isChosen(choices(found.key)[found.index] ?? choice)));
    this.onwards(criterion);
  }

  /** What is asked next may hang on this answer: the key after it waits until that is drawn, however
   * long a busy server or browser takes. `heard` says whether the widget shows the answer, which tags
   * do a moment after they were pressed; false where nothing was pressed. */
  after(criterion, heard) {
    if (!criterion.decides || !heard) return new Promise((r) => setTimeout(r, 0));
    return until(() => heard() && drawnFor(this.data), 15_000);
  }

  /** To the question after this one. A text that may stay empty is passed by, so that Enter
   * behind the last answer submits; the arrows go there. */
  onwards(criterion) {
    const there = asked(this.data);
    const after = there.slice(there.findIndex((c) => c.id === criterion.id) + 1);
    this.go(after.find((c) => !c.passed_by)?.id ?? "end");
  }

  enter() {
    if (this.focus === "end") return this.commit(document.body);
    const criterion = this.criterion();
    if (criterion?.scale === "text") return this.write(criterion.parts[0]);
    return this.move(1);
  }

  async write(key) {
    const field = await awaitedField(key);
    if (!field) return undefined;
    unfold(field);
    // The folded part is inert until Streamlit has drawn it open.
    return new Promise((done) => {
      setTimeout(() => { field.focus(); field.scrollIntoView({ block: "nearest" }); done(); }, 30);
    });
  }

  /** Submit the form, or what stands in an open menu. */
  async commit(target) {
    // Pressed in haste, the key was told before the text had the keyboard.
    const field = isTyping(target) ? target : document.activeElement;
    if (isTyping(field)) {
      this.writing.leave();
      field.blur();
    }
    await new Promise((r) => setTimeout(r, 20));
    const menu = this.menus.current();
    if (menu) { this.menus.commit(menu); return; }
    if (!press(keyed(this.data.submit)?.querySelector("button"))) {
      this.words.status("Not connected: nothing was submitted. Your answers are kept here until the connection is back.", true);
    }
  }

  async open(name) {
    if (!this.menus.has(name)) {
      this.words.hint(this.drafts ? "What has been submitted once is corrected, not skipped." : "There is no unit here.");
      return;
    }
    if (!await this.menus.open(name)) { this.words.hint(DEAF); return; }
    const { reasons } = this.menus.current() ?? {};
    if (reasons) this.style.textContent += badges.ofReasons(reasons, choices(reasons).length);
  }

  // Evidence

  evidence() {
    const found = selected();
    if (found) { this.marked(found); return; }
    const criterion = [this.criterion(), ...asked(this.data)].find((c) => c?.evidence);
    if (!criterion) { this.words.hint("No question here takes evidence."); return; }
    this.marking = new MarkMode(criterion, (words) => this.words.say(words));
    if (this.marking.empty) { this.marking = null; this.words.hint("There is no text to mark here."); return; }
    this.words.status("Marking: ← → by word, ↑ ↓ by sentence, Shift for more, Tab for the next text, Enter marks, Esc leaves.");
  }

  markingKey(event) {
    const found = this.marking.key(event);
    if (found === undefined) return;
    this.marking = null;
    this.words.status("");
    if (found) this.marked(found);
  }

  marked(found) {
    const criterion = mark(this.data, this.focus, found);
    if (criterion) this.words.say(`Marked for: ${criterion.question}`);
    else this.words.hint("No question takes evidence from there.");
    this.drafts?.soon();
  }

  leaveMarking() {
    if (!this.marking) return;
    this.marking.end();
    this.marking = null;
    this.words.status("");
  }

  help() {
    const list = sheet();
    this.words.root.append(list);
    list.showModal();
  }

  close() {
    this.drafts?.flush();
    this.drafts?.end();
    this.leaveMarking();
    this.observer.disconnect();
    this.writing.close();
    this.marker.remove();
    this.style.remove();
    document.removeEventListener("keydown", this.onKey, true);
    document.removeEventListener("keyup", this.onKeyUp, true);
    document.removeEventListener("click", this.onPointer, true);
    document.removeEventListener("focusin", this.onFocus, true);
    removeEventListener("blur", this.onBlur);
  }
}

const WAITING = new Set(["Enter", "Backspace", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);
const REPEATS = new Set(["j", "k", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);
/** Keys that mean one step a press, however long they are held. */
const ONCE = (name) => (name.length === 1 && name !== " ") || name === "Enter" || name === "Backspace";

function take(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}
