// Everything the keyboard does, in one table that is also the help sheet.

import { byId, element } from "./dom.js";

/** Build the table for what the page can do. Each row: keys, words, action; a key may name Shift. */
export function keyTable(page) {
  return [
    [["Space"], "Play or pause", () => page.player.toggle()],
    [["ArrowLeft"], "One frame back", () => page.player.step(-1)],
    [["ArrowRight"], "One frame on", () => page.player.step(1)],
    [["Shift+ArrowLeft"], "One second back", () => page.jump(-1)],
    [["Shift+ArrowRight"], "One second on", () => page.jump(1)],
    [["Home"], "First frame", () => page.player.seekFrame(0)],
    [["End"], "Last frame", () => page.player.seekFrame(page.recording.count - 1)],
    [["n"], "Next event", () => page.jumpToEvent(1)],
    [["p"], "Previous event", () => page.jumpToEvent(-1)],
    [[","], "Slower", () => page.player.changeSpeed(-1)],
    [["."], "Faster", () => page.player.changeSpeed(1)],
    [["["], "Loop from here", () => page.player.loopFromHere()],
    [["]"], "Loop up to here", () => page.player.loopToHere()],
    [["l"], "No loop", () => page.player.endLoop()],
    [["m"], "Bookmark this moment", () => page.bookmarks.ask()],
    [["g"], "Heat map on or off", () => page.toggleHeat()],
    [["t"], "Laps, sectors and corners", () => page.laps.show()],
    [["e"], "Export the loop, or the whole log", () => page.exporting.ask()],
    [["?"], "This help", () => byId("help").showModal()],
  ];
}

const WORDS = { ArrowLeft: "←", ArrowRight: "→", Shift: "⇧", Space: "space" };

export function listenToKeys(table) {
  // A control that was used by hand must not keep the keys to itself.
  document.addEventListener("pointerup", (event) => event.target.matches?.("input") && event.target.blur());
  document.addEventListener("change", (event) => event.target.matches("select") && event.target.blur());
  const actions = new Map(table.flatMap(([keys, , action]) => keys.map((key) => [key, action])));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.matches("select, input")) return;
    const name = event.key === " " ? "Space" : event.key;
    const action = actions.get(event.shiftKey && name.length > 1 ? `Shift+${name}` : name);
    if (!action) return;
    // A focused button would otherwise be pressed by the space that is meant to play.
    event.preventDefault();
    action();
  });
}

export function fillHelp(table) {
  for (const [keys, words] of table) {
    const names = keys.flatMap((key) => (key.length > 1 ? key.split("+") : [key]));
    const caps = names.map((name) => element("kbd", { text: WORDS[name] ?? name }));
    byId("keys").append(element("dt", {}, caps), element("dd", { text: words }));
  }
  byId("close-help").addEventListener("click", () => byId("help").close());
  byId("show-help").addEventListener("click", () => byId("help").showModal());
}
