// Everything the keyboard does on the page of one log.

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
  ];
}
