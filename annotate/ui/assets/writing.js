// A text that somebody is writing stays theirs when the connection drops. Streamlit disables every
// field that it cannot hear, which takes the keyboard away in the middle of a word: what is typed
// on would be lost, or be taken for commands. Texts are kept open instead, drafts keep them in the
// browser, and when the page is drawn anew the text stands as it was written last.

import { enter, isTyping, textField } from "./form.js";

const OFTEN_MS = 200;

export class Writing {
  constructor() {
    this.at = null;
    this.healing = false;
    this.onFocus = (event) => this.focused(event.target);
    this.onInput = (event) => this.noted(event.target, true);
    // What the page gives back instead moves the caret too, and is not what was written.
    this.onSelect = () => this.noted(document.activeElement, false);
    this.onPointer = (event) => { if (event.isTrusted && this.at && event.target !== this.field()) this.leave(); };
    // Another tab may go on with the text meanwhile.
    this.onHide = () => { if (document.visibilityState === "hidden") this.leave(); };
    document.addEventListener("visibilitychange", this.onHide);
    document.addEventListener("focusin", this.onFocus, true);
    document.addEventListener("input", this.onInput, true);
    document.addEventListener("selectionchange", this.onSelect);
    document.addEventListener("pointerdown", this.onPointer, true);
    this.observer = new MutationObserver((changes) => changes.forEach(({ target }) => this.disabled(target)));
  }

  /** The texts of a unit's form. */
  of(data, place) {
    if (this.data?.assignment !== data.assignment) this.leave();
    this.data = data;
    this.observer.disconnect();
    if (!place) return;
    this.observer.observe(place, { attributes: true, attributeFilter: ["disabled"], subtree: true });
    for (const field of place.querySelectorAll("textarea, input")) this.disabled(field);
  }

  field() { return this.at && textField(this.at.key); }

  keyOf(target) {
    return this.data?.fields.find((one) => !one.options && textField(one.key) === target)?.key;
  }

  focused(target) {
    const key = isTyping(target) ? this.keyOf(target) : null;
    // Nobody asked for the window in which Streamlit says that it is not connected.
    if (this.healing && inDialog(target)) return;
    if (!key) { this.leave(); return; }
    if (this.healing && this.at?.key === key) return;
    this.at = { key };
    this.heals(false);
    this.noted(target, true);
  }

  noted(target, written) {
    if (!this.at || target !== this.field() || !(written || target.value === this.at.value)) return;
    Object.assign(this.at, { value: target.value, start: target.selectionStart, end: target.selectionEnd });
  }

  /** Somebody leaves the text: from now on letters are commands. */
  leave() {
    this.at = null;
    this.heals(false);
  }

  /** From the loss of the connection until the text is left: the page is drawn anew several times
   * after it, each time with what the server had of the text by then. */
  heals(on) {
    this.healing = on;
    clearInterval(this.ticking);
    if (on) this.ticking = setInterval(() => this.mend(), OFTEN_MS);
  }

  /** Open a text that Streamlit has disabled. */
  disabled(target) {
    if (!target.disabled || !isTyping(target) || !this.keyOf(target)) return;
    target.disabled = false;
    if (this.at && target === this.field()) {
      this.heals(true);
      this.mend();
    }
  }

  /** Put the text back as it was written, with the caret and, where no window of Streamlit's keeps
   * it, the keyboard; false where its field is not on the page. */
  mend() {
    const field = this.field();
    if (!field) return false;
    const { value, start, end } = this.at;
    if (field.disabled) field.disabled = false;
    if (field.value !== value) enter(field, value);
    if (document.activeElement !== field && !inDialog(document.activeElement)) field.focus({ preventScroll: true });
    if (field.selectionStart !== start || field.selectionEnd !== end) field.setSelectionRange(start, end);
    Object.assign(this.at, { value, start, end });
    return true;
  }

  /** Before a key acts: whether it is for the text, and not to be taken for a command. Where the
   * text cannot have the keyboard at this moment, the letter is put where it belongs. */
  takes(event) {
    if (!this.at || !this.healing) return false;
    const { target, key } = event;
    const kept = inDialog(target);
    const lost = kept || target === document.body || !target.isConnected;
    if (target !== this.field() && !lost) return false;
    if (event.ctrlKey || event.metaKey || event.altKey || key === "Tab") return false;
    if (kept && (key === "Escape" || target.matches("button, a, input"))) return false;
    if (key === "Escape") { if (lost) this.leave(); return lost; }
    if (this.mend() && !kept) return lost;
    if (this.put(key)) event.preventDefault();
    return true;
  }

  /** Do to the text what a key does in it; false where that is nothing. */
  put(key) {
    const { value, start, end } = this.at;
    const letters = key.length === 1 ? key : key === "Enter" ? "\n" : key === "Backspace" ? "" : null;
    if (letters === null) return false;
    const from = key === "Backspace" && start === end ? Math.max(0, start - 1) : start;
    const caret = from + letters.length;
    Object.assign(this.at, { value: value.slice(0, from) + letters + value.slice(end), start: caret, end: caret });
    this.mend();
    return true;
  }

  close() {
    this.observer.disconnect();
    this.leave();
    document.removeEventListener("visibilitychange", this.onHide);
    document.removeEventListener("focusin", this.onFocus, true);
    document.removeEventListener("input", this.onInput, true);
    document.removeEventListener("selectionchange", this.onSelect);
    document.removeEventListener("pointerdown", this.onPointer, true);
  }
}

const inDialog = (element) => Boolean(element?.closest?.('[role="dialog"]'));
