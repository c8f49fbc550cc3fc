// The dialog of laps: times and sectors, the best laps in a row, and what the car did in each corner.

import { byId, element } from "./dom.js";
import { fixed, signed } from "./format.js";

const USUAL_IN_A_ROW = 3;

const cell = (text, className = "number") => element("td", { className, text });
const degrees = (radians) => (Math.abs(radians) * 180) / Math.PI;

export class LapTable {
  /**
   * @param base the log's address in the API.
   * @param seek called with the seconds of what a person wants to see.
   */
  constructor(base, seek) {
    this.base = base;
    this.seek = seek;
    this.figures = null;
    byId("show-laps").addEventListener("click", () => this.show());
    byId("laps-close").addEventListener("click", () => byId("laps").close());
    byId("in-a-row").addEventListener("change", () => this.#mean());
  }

  async show() {
    byId("laps").showModal();
    if (this.figures) return;
    const response = await fetch(`${this.base}/laps`);
    const answer = await response.json();
    if (!response.ok) {
      byId("no-laps").textContent = answer.error;
      byId("no-laps").hidden = false;
      return;
    }
    this.figures = answer;
    this.#laps(answer);
    this.#corners(answer);
  }

  #laps({ laps, best_means_s: means, best_possible_s: possible }) {
    byId("no-laps").hidden = laps.length > 0;
    byId("lap-part").hidden = laps.length === 0;
    if (laps.length === 0) {
      byId("no-laps").textContent = "No whole lap: the log holds no progress round the track, or less than a lap.";
      return;
    }
    const best = Math.min(...laps.map(({ time_s: time }) => time));
    const sectors = laps[0].sectors_s.map((_, i) => Math.min(...laps.map((lap) => lap.sectors_s[i])));
    byId("best-lap").textContent = `${fixed(best, 2)} s`;
    byId("best-possible").textContent = `${fixed(possible, 2)} s`;
    const counts = means.map((_, i) => element("option", { text: String(i + 1), attributes: { value: i + 1 } }));
    byId("in-a-row").replaceChildren(...counts);
    byId("in-a-row").value = String(Math.min(USUAL_IN_A_ROW, means.length));
    this.#mean();
    const heads = sectors.map((_, i) => element("th", { className: "number", text: `Sector ${i + 1}` }));
    byId("lap-heads").append(...heads);
    byId("lap-rows").replaceChildren(
      ...laps.map((lap) =>
        element("tr", {}, [
          this.#link(`Lap ${lap.number}`, lap.start_s, "Go to this lap"),
          cell(`${fixed(lap.time_s, 2)} s`, lap.time_s === best ? "number best" : "number"),
          cell(lap.time_s === best ? "" : signed(lap.time_s - best, 2)),
          ...lap.sectors_s.map((time, i) => cell(`${fixed(time, 2)} s`, time === sectors[i] ? "number best" : "number")),
        ]),
      ),
    );
  }

  #mean() {
    const count = byId("in-a-row").value;
    byId("best-mean").textContent = `${fixed(this.figures.best_means_s[count - 1], 2)} s`;
  }

  #corners({ corners, missing }) {
    byId("no-corners").textContent = missing;
    byId("no-corners").hidden = missing === "";
    byId("corner-part").hidden = missing !== "";
    byId("corner-rows").replaceChildren(
      ...corners.map((corner) =>
        element("tr", {}, [
          this.#link(`Corner ${corner.number}`, corner.best_start_s, "Go to the quickest pass"),
          cell(`${fixed(degrees(corner.turn_rad), 0)}° ${corner.turn_rad > 0 ? "left" : "right"}`, ""),
          cell(String(corner.passes)),
          cell(`${fixed(corner.time_s, 2)} s`),
          cell(`${fixed(corner.best_time_s, 2)} s`),
          cell(fixed(corner.entry_width, 2)),
          cell(`${fixed(corner.apex_m, 2)} of ${fixed(corner.length_m, 2)} m`),
          cell(`${fixed(corner.apex_margin_m * 100, 0)} cm`),
          cell(fixed(corner.exit_width, 2)),
          cell(`${fixed(corner.apex_speed_mps, 2)} m/s`),
          cell(corner.min_speed_mps === null ? "–" : `${fixed(corner.min_speed_mps, 2)} m/s`),
          cell(`${fixed(corner.radius_m, 2)} / ${fixed(corner.track_radius_m, 2)} m`),
        ]),
      ),
    );
  }

  #link(text, seconds, title) {
    const button = element("button", { className: "small", text, attributes: { title } });
    button.addEventListener("click", () => {
      byId("laps").close();
      this.seek(seconds);
    });
    return element("td", {}, [button]);
  }
}
