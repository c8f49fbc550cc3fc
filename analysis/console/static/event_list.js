// The events as a list, and the way to the next and the previous one.

import { byId, element } from "./dom.js";
import { clock } from "./format.js";

const NEAR_S = 0.75;
const ABOVE_PX = 60; // Of the list, that stay in view above the present event.

export class EventList {
  constructor(recording, seek) {
    this.recording = recording;
    this.shown = byId("shown-event");
    this.seek = seek;
    this.setBookmarks([]);
  }

  /** Show bookmarks among the log's own events. */
  setBookmarks(bookmarks) {
    this.events = [...this.recording.events, ...bookmarks].sort((one, other) => one.time_s - other.time_s);
    this.rows = this.events.map((event) => this.#row(event, this.seek));
    this.here = -1;
    const items = this.rows.map((row, i) => element("li", {}, this.events[i].extra ? [row, this.events[i].extra] : [row]));
    if (items.length === 0) items.push(element("li", { className: "event muted", text: "None in this log." }));
    byId("events").replaceChildren(...items);
  }

  show(frame) {
    const seconds = this.recording.time[frame];
    const here = this.#latest(seconds);
    if (here !== this.here) {
      this.rows[this.here]?.classList.remove("here");
      this.rows[here]?.classList.add("here");
      this.here = here;
      this.#scrollSoon();
    }
    const event = this.events[here];
    this.shown.textContent = event && seconds - event.time_s < NEAR_S ? event.text : "";
  }

  /** Bring the row into view after the next paint: to scroll, the browser must have laid out the page. */
  #scrollSoon() {
    if (this.scrolling) return;
    this.scrolling = true;
    requestAnimationFrame(() =>
      setTimeout(() => {
        this.scrolling = false;
        const row = this.rows[this.here];
        if (row) byId("events").scrollTop = row.offsetTop - ABOVE_PX;
      }),
    );
  }

  /** The time of the next event after a moment, or before it; undefined where there is none. */
  neighbour(seconds, direction) {
    const half = this.recording.period / 2;
    const times = this.events.map((event) => this.recording.time[this.recording.nearest(event.time_s)]);
    return direction > 0
      ? times.find((time) => time > seconds + half)
      : times.reverse().find((time) => time < seconds - half);
  }

  #latest(seconds) {
    const half = this.recording.period / 2;
    let latest = -1;
    this.events.forEach((event, i) => {
      if (event.time_s <= seconds + half) latest = i;
    });
    return latest;
  }

  #row(event, seek) {
    const row = element("button", { className: "event", attributes: { "data-severity": event.severity } }, [
      element("span", { className: "dot" }),
      element("span", { className: "time", text: clock(event.time_s, 2) }),
      element("span", { className: "text", text: event.text }),
    ]);
    row.addEventListener("click", () => seek(event.time_s));
    return row;
  }
}
