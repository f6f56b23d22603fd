// Keys by what is meant, whatever the layout, and the sheet that lists them.

export const HELP = [
  ["0 … 9, or the letter beside an answer", "answer the marked question and go on"],
  ["↑ ↓ or j k", "go to another question"],
  ["Enter", "go on, or write where the question wants a text; behind the last one: submit"],
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
  ["p", "pause, and go on"],
  ["g", "guidelines"],
  ["Esc", "leave a text, a menu, this list"],
  ["?", "this list"],
];

/** The key that is meant: a command of one letter in any alphabet and with Caps Lock, a digit also
 * where the layout has it on Shift (AZERTY); else the key as it is. */
export function named({ key, code = "", shiftKey = false }) {
  if (key.length !== 1 || /^[0-9/?]$/.test(key)) return key;
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(code);
  if (digit && !shiftKey) return digit[1];
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  const letter = /^Key([A-Z])$/.exec(code);
  return letter && key > "\u007f" ? letter[1].toLowerCase() : key;
}

/** Whether an input method is at work: the key is its own. Safari ends a composition before it
 * tells the key that ended it, which then has the code 229 alone. */
export const composes = (event) => event.isComposing || event.keyCode === 229;

/** Keys that are pressed once and held: what a press has done, its repetitions do not do again. */
export class Held {
  constructor() { this.ours = new Set(); }

  /** Remember that this press was taken as a command. */
  take(event) {
    if (!event.repeat) this.ours.add(event.code || event.key);
  }

  up(event) { this.ours.delete(event.code || event.key); }

  forget() { this.ours.clear(); }

  /** Whether this is the repetition of a press that was a command, also if letters are text by now. */
  repeats(event) { return event.repeat && this.ours.has(event.code || event.key); }
}

/** A window of its own over the page with the list of keys. */
export function sheet() {
  const made = document.createElement("dialog");
  made.className = "desk-sheet";
  made.setAttribute("aria-label", "Keyboard");
  const title = Object.assign(document.createElement("h2"), { textContent: "Keyboard" });
  const list = document.createElement("dl");
  for (const [keys, words] of HELP) {
    list.append(Object.assign(document.createElement("dt"), { textContent: keys }),
      Object.assign(document.createElement("dd"), { textContent: words }));
  }
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
  close.addEventListener("click", () => made.close());
  made.addEventListener("close", () => made.remove());
  made.append(title, list, close);
  return made;
}
