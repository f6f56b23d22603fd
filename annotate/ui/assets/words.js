// What the desk says in words: how drafts and the connection stand, what a key cannot do here, and
// what only who listens has to be told.

const HINT_MS = 5000;

export class Words {
  /** help: what the button beside the words shows. */
  constructor(help) {
    this.root = element("div", "desk");
    this.said = element("div", "desk-status");
    this.said.setAttribute("role", "status");
    this.voice = element("div", "desk-voice");
    this.voice.setAttribute("aria-live", "polite");
    const button = element("button", "desk-help");
    button.type = "button";
    button.textContent = "Keyboard (?)";
    button.addEventListener("click", help);
    this.root.append(this.said, button, this.voice);
    this.standing = ["", false];
  }

  /** Stand in this place of the page. */
  into(parent) {
    if (!this.root.isConnected || this.root.parentElement !== parent) parent.replaceChildren(this.root);
  }

  /** How things are, until they are otherwise. */
  status(words, grave = false) {
    clearTimeout(this.hinted);
    this.standing = [words, grave];
    this.show(words, grave);
  }

  /** What a key cannot do here, for some seconds; then how things are. */
  hint(words) {
    clearTimeout(this.hinted);
    this.show(words, false);
    this.hinted = setTimeout(() => this.show(...this.standing), HINT_MS);
  }

  /** For who listens. */
  say(words) { this.voice.textContent = words; }

  show(words, grave) {
    this.said.textContent = words;
    this.said.classList.toggle("desk-grave", grave);
  }
}

const element = (tag, className) => Object.assign(document.createElement(tag), { className });
