// What the keyboard does on a page, in one table that is also its help sheet.

import { byId, element } from "./dom.js";

const WORDS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Shift: "⇧", Space: "space", Escape: "esc" };
// The keys that a control needs for itself; every other kind of input takes all.
const OWN = { range: /^(Arrow|Home|End|Page)/, checkbox: /^ $/ };

/**
 * Listen to keys, and list them in the page's help.
 * @param table rows of keys, words and action; a key may name Shift. A row without an action is only listed; an
 *   action that returns false has left the key to the browser.
 * @param opened called when the help is opened.
 */
export function offerKeys(table, opened = () => {}) {
  const show = () => {
    opened();
    byId("help").showModal();
  };
  const all = [...table, [["?"], "This help", show]];
  listen(all);
  fillHelp(all);
  byId("show-help").addEventListener("click", show);
}

function listen(table) {
  // A control that was used by hand must not keep the keys to itself.
  document.addEventListener("pointerup", (event) => event.target.matches?.("input[type='range']") && event.target.blur());
  document.addEventListener("change", (event) => event.target.matches("select") && event.target.blur());
  const actions = new Map(table.flatMap(([keys, , action]) => (action ? keys.map((key) => [key, action]) : [])));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (isTyped(event)) return;
    const name = event.key === " " ? "Space" : event.key;
    const action = actions.get(event.shiftKey && name.length > 1 ? `Shift+${name}` : name);
    if (!action) return;
    // A focused button would otherwise be pressed by the space that is meant to play.
    if (action() !== false) event.preventDefault();
  });
}

/** Whether a key belongs to the control that has the focus. */
export function isTyped({ target, key }) {
  if (target.matches("select, textarea")) return true;
  return target.matches("input") && (OWN[target.type]?.test(key) ?? true);
}

function fillHelp(table) {
  for (const [keys, words] of table) {
    const names = keys.flatMap((key) => (key.length > 1 ? key.split("+") : [key]));
    const caps = names.map((name) => element("kbd", { text: WORDS[name] ?? name }));
    byId("keys").append(element("dt", {}, caps), element("dd", { text: words }));
  }
  byId("close-help").addEventListener("click", () => byId("help").close());
}
