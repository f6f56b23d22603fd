// The lead's keyboard on a dispute: a digit decides for a point, letters move. Everything is done
// through the native widgets of the page.

import { choices, isTyping, keyed, press, running, textField, until } from "./form.js";
import { composes, named } from "./keys.js";

/** Whether Enter means something to the focused element itself. */
const isControl = (place) => place?.matches("button, a, summary, [role='button'], [role='switch'], [role='checkbox']");

/** Streamlit calls this at every change of its data. */
export function adjudication({ parentElement, data }) {
  const words = parentElement.querySelector("p") ?? parentElement.appendChild(document.createElement("p"));
  words.className = "adjudicate-keys";
  words.textContent = data.words;
  const onKey = (event) => {
    if (composes(event) || event.altKey) return;
    const sends = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (sends) {
      const place = document.activeElement;
      // A note or a message that is being written is no decision.
      if (event.repeat || (isTyping(place) && place !== textField(data.reason))) return;
      take(event);
      // Leaving the field gives its text to the page before the button is pressed.
      document.activeElement?.blur();
      setTimeout(() => later("decide"), 50);
      return;
    }
    if (event.ctrlKey || event.metaKey) return;
    if (isTyping(document.activeElement)) {
      if (event.key === "Escape") document.activeElement.blur();
      return;
    }
    if (document.querySelector('[role="dialog"], [role="listbox"]')) return;
    const key = named(event);
    const place = data.digits.indexOf(key);
    if (place >= 0) {
      take(event);
      press(choices(data.decision)[place]);
    } else if (key === "r" || (key === "Enter" && !isControl(document.activeElement))) {
      take(event);
      const field = textField(data.reason);
      field?.scrollIntoView({ block: "center" });
      field?.focus();
    } else if (["n", "p", "m"].includes(key) && !event.repeat) {
      take(event);
      later({ n: "next", p: "previous", m: "more" }[key]);
    }
  };
  document.addEventListener("keydown", onKey, true);
  return () => document.removeEventListener("keydown", onKey, true);
}

function take(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** Press a button once the page stands: while it is drawn the button may still be the last unit's. */
async function later(name) {
  await until(() => !running(), 8000);
  press(button(name));
}

const button = (name) => keyed(`adjudicate-${name}`)?.querySelector("button");
