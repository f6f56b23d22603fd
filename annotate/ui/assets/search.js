// Search in what is read. It goes over every text once, also when somebody looks for "the" in a
// hundred pages, and paints no more than can be looked through.

import { bring, paint16, shown } from "./places.js";

const PAINTED = 1000;
const QUIET_MS = 120;

/** The search box: Enter goes to the next place, Shift+Enter to the one before, Escape leaves. */
export function searchBox() {
  const box = document.createElement("search");
  box.className = "reader-search";
  const input = document.createElement("input");
  input.type = "search";
  input.placeholder = "Search in what you read";
  input.setAttribute("aria-label", "Search in what you read");
  const count = document.createElement("span");
  count.className = "reader-count";
  count.setAttribute("role", "status");
  let found = [], at = -1, sought = "", timer = 0;
  /** Around the place where one is: what else is found is reached by going there. */
  const show = () => {
    const first = Math.max(0, Math.min(at - PAINTED / 2, found.length - PAINTED));
    paint16("found", found.slice(first, first + PAINTED));
    paint16("cursor", at < 0 ? [] : [found[at]]);
  };
  const look = () => {
    clearTimeout(timer);
    if (input.value === sought) return;
    sought = input.value;
    found = search(sought);
    at = -1;
    show();
    count.textContent = sought.trim().length < 2 ? ""
      : found.length ? `${found.length.toLocaleString("en")} found` : "Nothing found";
  };
  const go = (step) => {
    look();
    if (!found.length) return;
    at = at < 0 && step < 0 ? found.length - 1 : (at + step + found.length) % found.length;
    bring(...found[at]);
    show();
    count.textContent = `${(at + 1).toLocaleString("en")} of ${found.length.toLocaleString("en")}`;
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, QUIET_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter") { event.preventDefault(); go(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") {
      input.value = "";
      look();
      input.blur();
    }
  });
  box.append(input, count);
  return box;
}

/** Where the words stand, in upper or lower case, in all that is on the page: [field, from, to]. */
export function search(words) {
  const wanted = folded(words.trim());
  if (wanted.length < 2) return [];
  const found = [];
  for (const [field, text] of Object.entries(shown.texts)) {
    const low = folded(text);
    for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, at + wanted.length)) {
      found.push([field, at, at + wanted.length]);
    }
  }
  return found;
}

/** In lower case, letter by letter in its place: İ would become two and move all that follows. */
function folded(text) {
  const low = text.toLowerCase();
  if (low.length === text.length) return low;
  return Array.from(text, (letter) => letter.toLowerCase().slice(0, letter.length)).join("");
}
