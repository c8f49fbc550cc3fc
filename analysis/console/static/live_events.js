// What has happened while the graph ran, the newest first: found by the console, by the rules for logs.

import { byId, element } from "./dom.js";

const timeOfDay = (milliseconds) => new Date(milliseconds).toLocaleTimeString([], { hourCycle: "h23" });

export class LiveEvents {
  constructor() {
    this.version = -1; // Which events are on the page.
  }

  /** @param events { version, found }: `found` is null where the page has that version. */
  show({ version, found }) {
    if (found === null) return;
    this.version = version;
    const rows = found.map((event) => this.#row(event));
    if (rows.length === 0) rows.push(element("li", { className: "event muted", text: "None yet." }));
    byId("events").replaceChildren(...rows);
  }

  #row({ time_ms: time, text, severity }) {
    return element("li", { className: "event", attributes: { "data-severity": severity } }, [
      element("span", { className: "dot" }),
      element("span", { className: "time", text: timeOfDay(time) }),
      element("span", { className: "text", text }),
    ]);
  }
}
