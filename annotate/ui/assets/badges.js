// The focused question, and only it, has its bar and its badges: by style, over native widgets.

import { classOf } from "./form.js";

const BADGE = `font: 600 .6875rem/1 system-ui, sans-serif; border: 1px solid currentColor;
  border-radius: 4px; padding: 2px 4px; min-width: 1rem; box-sizing: border-box; text-align: center;
  align-self: center;`;
const BAR = `content: ""; position: absolute; inset-inline-start: -.625rem; top: 0; bottom: .75rem;
  width: 3px; background: #2f8f74;`;
// Beside a long list of points, in the margin, where there is one.
const ASIDE = "position: absolute; inset-inline-start: -2.125rem; top: .2rem;";

// Beside the words, and not read out with them.
const letter = (key) => `content: "${key}"; content: "${key}" / "";`;

/** The style for a criterion that has the keyboard. */
export function ofCriterion(criterion) {
  const place = classOf(`criterion-${criterion.id}`);
  const rules = [`${place} { position: relative; }`, `${place}::before { ${BAR} }`];
  const keys = [...criterion.digits.map(({ digit, key, index }) => [digit, key, index]),
    ...Object.entries(criterion.abstain).map(([name, { key, index }]) => [name[0], key, index])];
  for (const [name, key, index] of keys) {
    rules.push(`${classOf(key)} [role="radiogroup"] > :nth-child(${index + 1}) label::after { ${letter(name)} }`);
    rules.push(`${classOf(key)} :is([role="toolbar"], div > [role="radiogroup"]) > button:nth-child(${index + 1})::before { ${letter(name)} }`);
  }
  for (const widget of new Set(keys.map(([, key]) => classOf(key)))) {
    rules.push(`${widget} label[data-testid="stRadioOption"] { position: relative; }`,
      `${widget} label[data-testid="stRadioOption"]::after { ${BADGE} ${ASIDE} }`,
      `${widget} button[data-variant="pills"]::before { ${BADGE} margin-inline-end: .5rem; }`);
  }
  return rules.join("\n");
}

/** The style for the button behind the last question. */
export const ofButton = (key) =>
  `${classOf(key)} button { outline: 2px solid var(--primary-color, #1f6f5c); outline-offset: 3px; }`;

/** The style for the numbered reasons of a menu. */
export const ofReasons = (key, count) => Array.from({ length: Math.min(9, count) }, (_, i) =>
  `${classOf(key)} [role="radiogroup"] > :nth-child(${i + 1}) label::after { ${letter(i + 1)} ${BADGE} margin-inline-start: .5rem; }`).join("\n");
