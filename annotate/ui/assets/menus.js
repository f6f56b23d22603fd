// The menus Skip and Flag: native popovers that are opened, worked and closed by keyboard. They
// belong to one unit and are closed when it leaves the page; while one is open, keys are its own.

import { choices, isTyping, keyed, press, textField, until } from "./form.js";

export class Menus {
  /** all: as the page describes them; empty(words): what to say where nothing was entered. */
  constructor(all, { empty }) { Object.assign(this, { all, empty }); }

  button(menu) { return keyed(menu.opener)?.querySelector("button"); }

  isOpen(menu) { return Boolean(keyed(menu.commit)?.offsetParent); }

  /** The one that is open. */
  current() { return this.all.find((menu) => this.isOpen(menu)) ?? null; }

  named(name) { return this.all.find((one) => one.name === name && this.button(one)); }

  /** Whether it is on the page: what is reopened has no Skip. */
  has(name) { return Boolean(this.named(name)); }

  /** Open one that is on the page, with the keyboard inside; false if nobody hears. */
  async open(name) {
    const menu = this.named(name);
    if (!menu || !press(this.button(menu))) return false;
    // Who came by Tab instead gets the opener back when the menu closes, as Streamlit has it.
    this.byKey = true;
    const first = () => (this.isOpen(menu) ? (menu.reasons ? choices(menu.reasons)[0] : textField(menu.text)) : null);
    (await until(first, 3000))?.focus();
    return true;
  }

  /** The one whose opener or inside an element is, by which a click is told. */
  at(target) {
    return this.all.find((menu) => keyed(menu.opener)?.contains(target) || keyed(menu.commit)?.contains(target)) ?? null;
  }

  /** What a key means in an open menu; nothing where it is the page's own. */
  meaning(menu, name, target) {
    if (/^[1-9]$/.test(name) && menu.reasons) {
      return () => {
        const reason = choices(menu.reasons)[Number(name) - 1];
        reason?.click();
        reason?.focus();
      };
    }
    if (name === "Enter") return () => this.commit(menu);
    if (name === "Escape" && this.byKey) return () => this.close(menu);
    return isTyping(target) ? null : NOTHING(name);
  }

  /** Do what the menu is for, if something is entered; whether it was pressed. */
  commit(menu) {
    if (!this.says(menu)) { this.empty(menu); return false; }
    const pressed = press(keyed(menu.commit)?.querySelector("button"));
    if (pressed) this.close(menu);
    return pressed;
  }

  says(menu) {
    return choices(menu.reasons ?? "").some((one) => one.checked) || Boolean(textField(menu.text)?.value.trim());
  }

  /** Close one, and leave the keyboard with the page: on its opener Enter would open it again. */
  async close(menu) {
    if (!this.isOpen(menu)) return;
    this.byKey = false;
    const button = this.button(menu);
    press(button);
    await until(() => !button.isConnected || document.activeElement === button, 3000);
    if (document.activeElement === button) button.blur();
  }

  /** All of them: their unit has left the page. */
  closeAll() { for (const menu of this.all) this.close(menu); }
}

/** Letters and digits that the menu does not know are nobody's: not the form's behind it. */
const NOTHING = (name) => (name.length === 1 && name !== " " || name === "Backspace" ? () => {} : null);

/** Whether something of Streamlit's own lies over the page, whose keys are not ours: its main
 * menu, a dialog, the list of a choice. */
export function covered(menus) {
  const ours = menus.current();
  const inside = ours && keyed(ours.commit);
  return [...document.querySelectorAll('[role="menu"], [role="dialog"], [role="listbox"]')]
    .some((one) => one.getClientRects().length && !(inside && one.contains(inside)));
}
