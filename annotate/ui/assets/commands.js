// What the letters do at the desk.

import { keyed, press, settled } from "./form.js";

export const COMMANDS = {
  j: (desk) => desk.move(1),
  k: (desk) => desk.move(-1),
  n: (desk) => desk.abstain("not_applicable"),
  c: (desk) => desk.abstain("cannot_judge"),
  r: (desk) => {
    const one = desk.criterion();
    return one ? desk.write(one.rationale_key ?? one.parts[0]) : desk.words.hint("No question is marked.");
  },
  e: (desk) => desk.evidence(),
  s: (desk) => desk.open("skip"),
  f: (desk) => desk.open("flag"),
  p: (desk) => { desk.press((keyed("pause") ?? keyed("resume"))?.querySelector("button")); },
  g: () => { keyed("guidelines")?.querySelector("summary")?.click(); },
  h: (desk) => {
    const toggle = keyed("highlight")?.querySelector("input");
    if (!toggle) desk.words.hint("There is nothing to compare here.");
    else desk.press(toggle);
  },
  "/": (desk) => {
    const box = document.querySelector(".reader-search input");
    if (box) box.focus();
    else desk.words.hint("What is read here is short: it has no search.");
  },
  "?": (desk) => desk.help(),
  Enter: (desk) => desk.enter(),
  Backspace: (desk) => {
    const button = keyed("undo-last")?.querySelector("button");
    if (!button || button.disabled) {
      desk.words.hint(keyed("resume") ? "Go on first: press Enter." : "Nothing to undo.");
      return undefined;
    }
    press(button);
    return settled(3000);
  },
};
COMMANDS.ArrowDown = COMMANDS.j;
COMMANDS.ArrowUp = COMMANDS.k;
