// Nothing that was entered is lost: every change is kept in the browser at once and sent to the
// server, which says when it is stored. What could not be sent is sent when the server answers.

import { entries, keyed } from "./form.js";

const QUIET_MS = 350;
const PULSE_MS = 15_000;
const IDLE_MS = 60_000;
const STORE = "annotate:draft:";

export class Drafts {
  /** say: shows a state in words; stale: the unit is not this screen's any more. */
  constructor(data, { say, changed, restored, stale }) {
    Object.assign(this, { data, say, changed, restored, stale });
    this.seconds = data.seconds;
    this.sentSeconds = data.seconds;
    this.lastActive = performance.now();
    this.now = data.draft ?? {};
    this.last = null;
    this.unsent = false;
    this.waiting = 1000;
    this.onInput = (event) => {
      if (event.target instanceof Element && event.target.closest('.st-key-form, [class*="st-key-rate-"], .desk-mark')) this.soon();
    };
    this.onActive = () => { this.lastActive = performance.now(); };
    this.onHide = () => { if (document.visibilityState === "hidden") this.flush(); else this.elsewhere(); };
    this.onStored = (event) => { if (event.key === STORE + this.data.assignment) this.elsewhere(); };
    for (const name of ["input", "change", "click"]) document.addEventListener(name, this.onInput, true);
    for (const name of ["keydown", "pointermove", "pointerdown", "wheel", "touchmove"]) {
      document.addEventListener(name, this.onActive, { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", this.onHide);
    addEventListener("pagehide", this.flush);
    addEventListener("storage", this.onStored);
    this.ticking = setInterval(() => this.tick(), 1000);
    this.watching = setInterval(() => this.watch(), 200);
    this.baseline = setTimeout(() => this.begin(), 150);
  }

  /** What the form holds at the start; what this browser kept and never sent goes first. */
  begin() {
    this.baseline = null;
    const kept = this.kept();
    this.now = entries(this.data, this.now);
    this.last ??= JSON.stringify(this.now);
    if (!kept || kept.sent) return;
    if (JSON.stringify(kept.entries) === this.last) return;
    this.seconds = Math.max(this.seconds, kept.seconds ?? 0);
    this.send(kept.entries).then((stored) => { if (stored) this.restored(); });
  }

  /** Another tab goes on with this unit: show what was entered there, or that it is finished. */
  elsewhere() {
    if (document.visibilityState !== "visible" || this.unsent || this.held || this.last === null) return;
    const kept = this.kept();
    if (!kept) { if (this.stored) this.send(null); return; }
    if (kept.sent && JSON.stringify(kept.entries) !== this.last) this.restored();
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), QUIET_MS);
    // Kept in the browser without delay, once the widget has taken the change.
    setTimeout(() => this.keep(), 0);
  }

  keep() {
    if (this.ended || !this.there()) return;
    const now = entries(this.data, this.now);
    const words = JSON.stringify(now);
    if (words === this.last) return;
    this.now = now;
    this.last = words;
    this.unsent = true;
    this.store({ entries: now, seconds: this.seconds, sent: false });
    this.changed();
  }

  look() {
    this.keep();
    if (this.unsent && !this.ended && !this.held) this.send(this.now);
  }

  /** Whether the form is on the page: without it nothing is entered, which is no empty draft. */
  there() { return Boolean(keyed(this.data.submit)); }

  /** Send what is entered; null is a sign of activity alone. */
  async send(now) {
    if (this.ended || !this.there()) return false;
    const words = JSON.stringify(now);
    let answer;
    try {
      const response = await fetch(this.data.draft_url, this.request(now));
      answer = await response.json();
      answer.status = response.status;
    } catch {
      answer = { status: 0 };
    }
    if (this.ended || this.held) return false;
    if (answer.status === 200) {
      this.waiting = 1000;
      if (now && (words === this.last || this.last === null)) {
        this.unsent = false;
        this.store({ entries: now, seconds: this.seconds, sent: true });
      }
      const at = new Date(answer.at).toLocaleTimeString("en-GB");
      if (now || !answer.held) this.say(answer.held ? `Draft saved ${at}`
        : `Draft saved ${at}. Others have been given this unit meanwhile: what you submit is kept as an extra rating.`);
      return true;
    }
    if (answer.status >= 400 && answer.status < 500) {
      this.say(answer.problem ?? "The draft was not saved.", true);
      this.unsent = false;
      if (answer.status === 409) this.stale();
      return false;
    }
    this.say("Not connected. What you enter is kept in this browser and sent as soon as the server answers.", true);
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.send(this.unsent ? this.now : null), this.waiting);
    this.waiting = Math.min(15_000, this.waiting * 2);
    return false;
  }

  request(now, keepalive = false) {
    this.sentSeconds = this.seconds;
    return {
      method: "POST", keepalive, credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ assignment: this.data.assignment, entries: now, seconds: this.seconds }),
    };
  }

  /** While a submission is on its way it is what counts: a draft that follows would be refused. */
  hold(on) { this.held = on; }

  /** The last change before the page goes: sent without waiting for the answer. */
  flush = () => {
    this.keep();
    if (this.unsent && !this.ended && this.there()) {
      fetch(this.data.draft_url, this.request(this.now, true)).catch(() => {});
    }
  };

  /** Streamlit disables what it cannot hear. When it hears again, the server may be another one
   * that has never seen this page: a click would be lost. The page is drawn anew first. */
  watch() {
    const deaf = Boolean(keyed(this.data.submit)?.querySelector("button")?.disabled);
    if (this.deaf && !deaf) this.send(this.now).then(() => this.restored());
    this.deaf = deaf;
  }

  /** A second of work: the page is in view, and somebody did something within the last minute. */
  tick() {
    if (document.visibilityState !== "visible" || performance.now() - this.lastActive > IDLE_MS) return;
    this.seconds += 1;
    if (this.held || this.last === null) return;
    if ((this.seconds - this.sentSeconds) * 1000 >= PULSE_MS) {
      this.send(this.unsent ? this.now : null);
    }
  }

  kept() {
    try { return JSON.parse(localStorage.getItem(STORE + this.data.assignment)); } catch { return null; }
  }

  store(draft) {
    this.stored = true;
    try { localStorage.setItem(STORE + this.data.assignment, JSON.stringify(draft)); } catch { /* full or forbidden: the server has it */ }
  }

  /** Stop; `done` when the unit has left the desk, so that nothing of it stays in the browser. */
  end(done) {
    this.ended = true;
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
    if (done) { try { localStorage.removeItem(STORE + this.data.assignment); } catch { /* as above */ } }
  }
}
