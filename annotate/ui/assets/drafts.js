// Nothing that was entered is lost: every change is kept in the browser at once and sent to the
// server, which says when it is stored. What could not be sent is sent when the server answers.
//
// A draft goes by a version. Where another tab or device has stored a newer one, the two are joined
// field by field; where both changed a field the newer one stands, and what this browser has for it
// is set aside and offered.

import { entries, keyed, textField } from "./form.js";

const QUIET_MS = 350;
const PULSE_MS = 15_000;
const IDLE_MS = 60_000;
const OLD_MS = 30 * 24 * 3600 * 1000;
const STORE = "annotate:draft:";
const ASIDE = ":aside";

let asked = "";

export class Drafts {
  /** say: shows a state in words; restored: the server has more than the page shows; stale: the
   * unit is not this screen's any more. */
  constructor(data, { say, changed, restored, stale }) {
    Object.assign(this, { data, say, changed, restored, stale });
    this.key = STORE + data.name;
    this.seconds = data.seconds;
    this.sentSeconds = data.seconds;
    this.lastActive = performance.now();
    this.version = data.version;
    this.base = this.now = data.draft ?? {};
    this.last = null;
    this.ahead = null;
    this.posted = [];
    this.unsent = false;
    this.waiting = 1000;
    this.sweep();
    this.found = this.kept();
    this.onInput = (event) => {
      if (event.target instanceof Element && event.target.closest('.st-key-form, [class*="st-key-rate-"], .desk-mark')) this.soon();
    };
    this.onActive = () => { this.lastActive = performance.now(); };
    this.onHide = () => { if (document.visibilityState === "hidden") this.flush(); else if (!this.elsewhere()) this.pulse(); };
    this.onLine = () => this.pulse();
    this.onStored = (event) => { if (event.key === this.key) this.elsewhere(); };
    for (const name of ["input", "change", "click"]) document.addEventListener(name, this.onInput, true);
    for (const name of ["keydown", "pointermove", "pointerdown", "wheel", "touchmove"]) {
      document.addEventListener(name, this.onActive, { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", this.onHide);
    addEventListener("pagehide", this.flush);
    addEventListener("storage", this.onStored);
    addEventListener("online", this.onLine);
    this.ticking = setInterval(() => this.tick(), 1000);
    this.watching = setInterval(() => this.watch(), 200);
    this.baseline = setTimeout(() => this.begin(), 150);
  }

  /** What the form holds at the start; what this browser kept and never sent goes with it. */
  begin() {
    this.baseline = null;
    const { found } = this;
    if (this.last === null) this.took(entries(this.data, this.now));
    // Somebody was faster than this script.
    const early = Object.keys(changed(this.data.fields, this.base, this.now)).length > 0;
    if (found && found.sitting !== this.data.sitting) {
      // It was entered before the unit was submitted and reopened: no part of the correction.
      if (!found.sent) this.setAside(changed(this.data.fields, found.base, found.entries));
      this.store();
    } else if (found && !found.sent && this.words(found.entries) !== this.last) {
      this.seconds = Math.max(this.seconds, found.seconds ?? 0);
      this.posted = found.posted ?? [];
      const shown = early ? this.base : this.now;
      const typed = this.now;
      Object.assign(this, { base: found.base, now: found.entries });
      this.join(this.data.draft ?? {}, this.data.version, found.version === this.data.version);
      this.drawn = shown;
      if (early) this.took(over(this.data.fields, shown, typed, this.ahead));
      if (this.unsent) this.send();
    } else if (found?.sent && found.version > this.version && asked !== `${this.key} ${found.version}`) {
      // The page was drawn before that was stored. Asked for once: a server that was set back has
      // no such version.
      asked = `${this.key} ${found.version}`;
      this.redraw();
    } else if (found) this.store();
    if (early && !this.unsent) {
      this.unsent = true;
      this.store();
      this.send();
    }
    this.offer();
  }

  /** Another tab goes on with this unit: show what was entered there, or that it is finished. */
  elsewhere() {
    if (document.visibilityState !== "visible" || this.unsent || this.held || this.last === null) return false;
    const kept = this.kept();
    if (!kept) { if (this.stored) this.pulse(); return Boolean(this.stored); }
    const more = kept.sitting !== this.data.sitting || (kept.sent && kept.version > this.version);
    if (more) this.redraw();
    return more;
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), QUIET_MS);
    // Kept in the browser without delay, once the widget has taken the change.
    setTimeout(() => this.keep(), 0);
  }

  keep() {
    if (this.ended || this.held || !this.there()) return;
    let now = entries(this.data, this.now);
    if (this.ahead) {
      const { ahead, drawn } = this;
      now = over(this.data.fields, drawn, now, ahead);
      // Typed over before it could be shown.
      const unseen = changed(this.data.fields, now, ahead);
      this.setAside(changed(this.data.fields, drawn, unseen));
    }
    if (this.words(now) === (this.last ?? this.words(this.base))) return;
    this.took(now);
    this.unsent = true;
    this.store();
    this.changed();
  }

  look() {
    this.keep();
    if (this.unsent && !this.ended && !this.held) this.send();
  }

  /** Whether the form is on the page as it was drawn for this unit: without it nothing is entered,
   * which is no empty draft, and what was drawn anew is not what somebody has entered. */
  there() { return Boolean(keyed(`drawn:${this.data.mark}`) && keyed(this.data.submit)); }

  took(now) {
    this.now = now;
    this.last = this.words(now);
  }

  words(said) { return JSON.stringify(ordered(this.data.fields, said)); }

  /** Send what is entered, or a sign of activity: one request at a time, so that none overtakes
   * another. True once all is stored. */
  send() {
    this.sending ??= this.sendAll().finally(() => { this.sending = null; });
    return this.sending;
  }

  async sendAll() {
    for (;;) {
      if (this.ended) return false;
      const now = this.unsent ? this.now : null;
      const words = this.last;
      const answer = await this.ask(now);
      if (answer.status === 200) {
        this.waiting = 1000;
        if (now) Object.assign(this, { base: now, posted: [], version: answer.version });
      }
      if (this.ended || this.held) return false;
      if (answer.status === 200) {
        if (now) {
          this.unsent = words !== this.last;
          this.store();
        }
        const at = new Date(answer.at).toLocaleTimeString("en-GB");
        if (now || !answer.held) this.say(answer.held ? `Draft saved ${at}`
          : `Draft saved ${at}. Others have been given this unit meanwhile: what you submit is kept as an extra rating.`);
        if (this.unsent) continue;
        // A text that somebody goes on writing shows it already: drawn anew, it would be in the way.
        if (this.ahead && this.there() && this.words(entries(this.data)) === this.last) this.ahead = null;
        if (this.ahead || answer.version !== this.version) this.redraw();
        return true;
      }
      if (answer.kind === "newer") {
        this.join(answer.draft, answer.version);
        this.store();
        if (this.unsent) continue;
        this.redraw();
        return true;
      }
      if (answer.status >= 400 && answer.status < 500) {
        this.say(answer.problem ?? "The draft was not saved.", true);
        if (answer.status === 409) {
          if (this.unsent) this.setAside(changed(this.data.fields, this.base, this.now));
          this.forget();
          this.stale(answer.kind);
        }
        this.unsent = false;
        return false;
      }
      this.say("Not connected. What you enter is kept in this browser and sent as soon as the server answers.", true);
      clearTimeout(this.retry);
      this.retry = setTimeout(() => this.send(), this.waiting);
      this.waiting = Math.min(15_000, this.waiting * 2);
      return false;
    }
  }

  async ask(now) {
    try {
      const response = await fetch(this.data.draft_url, this.request(now));
      return { ...await response.json(), status: response.status };
    } catch {
      return { status: 0 };
    }
  }

  request(now, keepalive = false) {
    this.sentSeconds = this.seconds;
    if (now) {
      // What is on its way may arrive though no answer comes back: it is no stranger's then.
      this.posted = [...this.posted, this.words(now)].slice(-5);
      this.store();
    }
    const { assignment, screen, sitting, name } = this.data;
    return {
      method: "POST", keepalive, credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        assignment, screen, sitting, entries: now, seconds: this.seconds, version: this.version,
        owner: name.split(":")[0],
      }),
    };
  }

  /** Go on from the server's draft with what was entered here since the one this screen goes by. */
  join(draft, version, own = false) {
    const { fields } = this.data;
    const mine = own || this.posted.includes(this.words(draft));
    const { entries: both, clash } = mine ? { entries: this.now, clash: {} } : joined(fields, this.base, this.now, draft);
    this.setAside(clash);
    this.drawn = entries(this.data, this.now);
    this.ahead = both;
    this.took(both);
    Object.assign(this, { version, base: draft, unsent: this.last !== this.words(draft) });
  }

  /** While a submission is on its way it is what counts: a draft that follows would be refused, and
   * what stands in the form may be the next unit's already. */
  hold(on) {
    if (on) this.keep();
    this.held = on;
    if (!on) this.soon();
  }

  /** The last change before the page goes: sent without waiting for the answer. */
  flush = () => {
    this.keep();
    if (this.unsent && !this.ended) fetch(this.data.draft_url, this.request(this.now, true)).catch(() => {});
  };

  /** Streamlit disables what it cannot hear. When it hears again, the server may be another one
   * that has never seen this page: a click would be lost. The page is drawn anew first. */
  watch() {
    const deaf = Boolean(keyed(this.data.submit)?.querySelector("button")?.disabled);
    if (this.deaf && !deaf) this.send().then(() => this.redraw());
    this.deaf = deaf;
    // A page that is being drawn may not have heard that it is to be drawn again.
    if (this.ahead && !this.unsent && !deaf && performance.now() - this.redrawn > 3000) this.redraw();
    if (this.offered && !this.offered.isConnected) this.offer();
  }

  /** A second of work: the page is in view, and somebody did something within the last minute. */
  tick() {
    // A field may be filled without an event: by a button of the page, or by the browser.
    if (this.last !== null) this.look();
    if (document.visibilityState !== "visible" || performance.now() - this.lastActive > IDLE_MS) return;
    this.seconds += 1;
    if ((this.seconds - this.sentSeconds) * 1000 >= PULSE_MS) this.pulse();
  }

  /** Somebody is at work here; the answer says whether somebody was elsewhere. */
  pulse() { if (!this.held && this.last !== null && this.there()) this.send(); }

  /** Have the form drawn from the server's draft. A text that is being typed is left alone by
   * Streamlit until it is taken over, as when it is left. */
  redraw() {
    this.redrawn = performance.now();
    for (const { key, options } of this.data.fields) {
      if (!options) textField(key)?.dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
    }
    this.restored();
  }

  // What this browser keeps

  kept() { return read(this.key); }

  store() {
    this.stored = true;
    const { now, base, version, seconds, unsent, posted } = this;
    write(this.key, { entries: now, base, version, seconds, posted, sent: !unsent, sitting: this.data.sitting, at: Date.now() });
  }

  forget() { write(this.key, null); }

  /** Nothing of other people, of other workspaces or of long ago stays, nor of what was finished. */
  sweep() {
    const own = `${STORE}${this.data.name.split(":")[0]}:`;
    let there = [];
    try { there = Object.keys(localStorage); } catch { /* a browser that keeps nothing */ }
    for (const key of there.filter((one) => one.startsWith(STORE))) {
      const old = !(read(key)?.at > Date.now() - OLD_MS);
      if (!key.startsWith(own) || old) write(key, null);
    }
    finish(this.data.finished);
  }

  setAside(said) {
    if (!Object.keys(said).length) return;
    const before = read(this.key + ASIDE)?.entries ?? {};
    write(this.key + ASIDE, { entries: { ...before, ...said }, at: Date.now() });
  }

  /** Offer what was entered in this browser and is not what stands now. */
  offer() {
    this.offered?.remove();
    this.offered = null;
    const aside = read(this.key + ASIDE);
    if (!aside || this.ended) return;
    const other = changed(this.data.fields, this.now, aside.entries);
    if (!Object.keys(other).length) { write(this.key + ASIDE, null); return; }
    const at = new Date(aside.at).toLocaleTimeString("en-GB");
    const of = [...new Set(Object.keys(other).map((name) => this.question(name)))].join(", ");
    this.offered = document.createElement("div");
    this.offered.className = "desk-offer";
    const words = Object.assign(document.createElement("span"), {
      textContent: `What you had entered in this browser, kept at ${at}, differs from what stands here: ${of}. `,
    });
    this.offered.setAttribute("role", "status");
    this.offered.append(words, this.choice("Use it", () => this.exchange(other)),
      this.choice("Drop it", () => { write(this.key + ASIDE, null); this.offer(); }));
    document.querySelector(".desk")?.prepend(this.offered);
  }

  choice(words, work) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
    button.addEventListener("click", work);
    return button;
  }

  /** Put what was set aside into the form; what stood there is set aside instead. */
  exchange(other) {
    this.keep();
    const { fields } = this.data;
    const names = Object.keys(other);
    const stood = Object.fromEntries(names.filter((one) => this.now[one] !== undefined).map((one) => [one, this.now[one]]));
    write(this.key + ASIDE, null);
    this.setAside(stood);
    this.drawn = entries(this.data, this.now);
    this.ahead = ordered(fields, { ...this.now, ...other });
    this.took(this.ahead);
    this.unsent = true;
    this.store();
    this.offer();
    this.send();
  }

  question(name) {
    const criterion = this.data.criteria.find((one) => name.startsWith(`${one.id}:`));
    return `“${criterion?.question ?? name.replace(/^\W+/, "").split(":")[0]}”`;
  }

  /** Stop. What was not sent stays in the browser, until the unit is finished. */
  end() {
    this.ended = true;
    this.offered?.remove();
    clearInterval(this.ticking);
    clearInterval(this.watching);
    for (const timer of [this.timer, this.retry, this.baseline]) clearTimeout(timer);
    for (const name of ["input", "change", "click"]) document.removeEventListener(name, this.onInput, true);
    for (const name of ["keydown", "pointermove", "pointerdown", "wheel", "touchmove"]) {
      document.removeEventListener(name, this.onActive, { capture: true });
    }
    document.removeEventListener("visibilitychange", this.onHide);
    removeEventListener("pagehide", this.flush);
    removeEventListener("storage", this.onStored);
    removeEventListener("online", this.onLine);
  }
}

/** What this browser kept of a unit that is finished goes. */
export function finish(name) {
  if (name) for (const end of ["", ASIDE]) write(STORE + name + end, null);
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** The entries in the order of the form. */
function ordered(fields, said) {
  return Object.fromEntries(fields.map(({ name }) => [name, said[name]]).filter(([, one]) => one !== undefined));
}

/** What stands in `after` and not in `before`. */
function changed(fields, before, after) {
  return Object.fromEntries(Object.entries(ordered(fields, after)).filter(([name, one]) => !same(one, before?.[name])));
}

/** What was changed on the page since it was drawn, over what the page does not show yet. */
function over(fields, drawn, page, ahead) {
  return ordered(fields, Object.fromEntries(fields.map(({ name }) =>
    [name, same(page[name], drawn[name]) ? ahead[name] : page[name]])));
}

/** What two screens made of one draft; `clash` has what the newer one took the place of. */
function joined(fields, before, here, there) {
  const both = {}, clash = {};
  for (const { name } of fields) {
    const untouched = same(here[name], before?.[name]);
    const alone = same(there[name], before?.[name]) || there[name] === undefined;
    both[name] = !untouched && alone ? here[name] : there[name];
    if (!untouched && !alone && here[name] !== undefined && !same(here[name], there[name])) clash[name] = here[name];
  }
  return { entries: ordered(fields, both), clash };
}

function read(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}

function write(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch { /* full or forbidden: the server has it */ }
}
