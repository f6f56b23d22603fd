// The native widgets of the form: found by the keys that the page gave them, read and driven.

/** The selector of what Streamlit keyed: its class has a dash for every odd letter. */
export const classOf = (key) => `.st-key-${CSS.escape(key.replace(/[^a-zA-Z0-9_-]/g, "-"))}`;

/** The elements that Streamlit keyed, by the key. */
export const keyed = (key) => document.querySelector(classOf(key));

/** The criteria that are asked at this moment, in order. */
export function asked(data) {
  return data.criteria.filter((criterion) => keyed(`criterion-${criterion.id}`));
}

/** The choices of a widget: radio inputs, or the buttons of pills. */
export function choices(key) {
  const place = keyed(key);
  if (!place) return [];
  const radios = [...place.querySelectorAll('input[type="radio"]')];
  return radios.length ? radios : [...place.querySelectorAll('[role="toolbar"] button, [role="radiogroup"] button')];
}

export const isChosen = (choice) => choice.checked ??
  [choice.getAttribute("aria-pressed"), choice.getAttribute("aria-checked")].includes("true");

/** Choose as a click does, and leave the keyboard with the page. */
export function press(element) {
  if (!element || element.disabled) return false;
  element.click();
  if (element.contains(document.activeElement)) document.activeElement.blur();
  return true;
}

/** The text field of a widget. */
export function textField(key) {
  return keyed(key)?.querySelector("textarea, input:not([type=radio])") ?? null;
}

/** Put a text into a field as typing does. Half a letter, which nothing can send, is left out. */
export function enter(field, text) {
  const of = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(of.prototype, "value").set.call(field, wellFormed(text));
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

const wellFormed = (text) => text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "");

/** Put a text into a field, and commit it as leaving the field does. */
export function write(field, text) {
  enter(field, text);
  setTimeout(() => field.dispatchEvent(new FocusEvent("focusout", { bubbles: true })), 0);
}

/** What is entered, by field, as the page reads it; fields that say nothing are left out.
 * A menu that is closed, a criterion that is not asked now, or a widget that the browser still loads
 * has no fields on the page: what they said before still holds. */
export function entries(data, before = {}) {
  const said = {};
  for (const field of data.fields) {
    if (!(field.options ? choices(field.key).length : textField(field.key))) {
      if (before[field.name] !== undefined) said[field.name] = before[field.name];
    } else if (field.options) {
      const chosen = choices(field.key).flatMap((c, i) => (isChosen(c) ? [field.options[i]] : []));
      if (field.many ? chosen.length : chosen.length === 1) {
        said[field.name] = field.many ? chosen : chosen[0];
      }
    } else {
      const text = wellFormed(textField(field.key)?.value ?? "");
      if (text) said[field.name] = text;
    }
  }
  return said;
}

/** Open the folded part of the page in which an element stands. */
export function unfold(element) {
  const folded = element?.closest("details");
  if (folded && !folded.open) folded.querySelector("summary")?.click();
}

/** Whether the person is typing: no letter is a command then. */
export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable ||
    target.matches('textarea, select, input:not([type="radio"]):not([type="checkbox"]):not([type="button"])'));
}

/** Until a condition holds, at most so many milliseconds; what it said last. */
export async function until(condition, patience) {
  const end = performance.now() + patience;
  for (;;) {
    const found = condition();
    if (found || performance.now() >= end) return found;
    await new Promise((r) => setTimeout(r, 10));
  }
}

/** How long a widget may take to come: the browser loads each kind when it is first drawn. */
const LOADING_MS = 8000;

/** A choice of a widget that is on the page or about to be. */
export const awaitedChoice = (key, index) => until(() => choices(key)[index], LOADING_MS);

/** The text field of a widget that is on the page or about to be. */
export const awaitedField = (key) => until(() => textField(key), LOADING_MS);

/** Whether the form is drawn for what is chosen now, where other criteria hang on it. */
export function drawnFor(data) {
  const drawn = document.querySelector("[data-drawn-for]")?.dataset.drawnFor;
  const deciding = data.criteria.filter((criterion) => criterion.decides).map((criterion) => criterion.id);
  const chosen = data.fields.filter(({ name, options }) => options && deciding.includes(name.slice(0, name.lastIndexOf(":"))))
    .map(({ key }) => choices(key).flatMap((one, index) => (isChosen(one) ? [index] : [])).join(","));
  return drawn === chosen.join(";") && !running();
}

/** Whether the server draws the page at this moment. */
export const running = () =>
  document.querySelector("[data-test-script-state]")?.dataset.testScriptState !== "notRunning";

/** Until the page has drawn what a choice changes, at most eight seconds. `patience` is how long it
 * may take to begin: a choice may change nothing, a step is always answered. */
export async function settled(patience = 120) {
  await until(running, patience);
  await until(() => !running(), 8000);
}
