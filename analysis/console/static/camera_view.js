// The frame, with the heat map over it.

import { byId } from "./dom.js";
import { fixed } from "./format.js";

const SLOW_MS = 150;

export class CameraView {
  constructor(recording, pictures) {
    this.pictures = pictures;
    this.colours = new Uint32Array(Uint8Array.from(recording.legend.flat()).buffer);
    this.stage = byId("stage");
    this.note = byId("stage-note");
    this.frameCanvas = byId("frame");
    this.heatCanvas = byId("heat");
    this.problem = "";
    this.settled = false;
    this.waiting = null;
    this.drawn = {};
  }

  setOpacity(percent) {
    this.heatCanvas.style.opacity = String(percent / 100);
  }

  /** Say why there is no heat map at all, or nothing; from now on it is known whether there is one. */
  setProblem(text) {
    this.problem = text;
    this.settled = true;
  }

  show(index) {
    const frame = this.pictures.frame(index);
    const map = this.pictures.map(index);
    clearTimeout(this.waiting);
    if (frame) {
      this.#paint("frame", this.frameCanvas, frame);
      this.stage.classList.remove("waiting");
    } else {
      // The last frame stays until this one is there; dimmed if that takes long enough to be seen.
      this.waiting = setTimeout(() => this.stage.classList.add("waiting"), SLOW_MS);
    }
    this.#paint("heat", this.heatCanvas, frame ? map : undefined);
    this.stage.classList.toggle("heated", this.pictures.heat !== null);
    this.#say(frame, map);
    this.stage.dataset.shown = this.pictures.ready(index) && this.settled ? "complete" : "partly";
  }

  #paint(layer, canvas, picture) {
    if (this.drawn[layer] === picture) return;
    this.drawn[layer] = picture;
    const context = canvas.getContext("2d");
    if (picture?.bitmap && canvas.width !== picture.bitmap.width) {
      canvas.width = picture.bitmap.width;
      canvas.height = picture.bitmap.height;
    }
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (picture?.bitmap) context.drawImage(picture.bitmap, 0, 0);
    if (picture?.levels) context.putImageData(this.#coloured(picture.levels), 0, 0);
  }

  #coloured(levels) {
    const image = new ImageData(this.heatCanvas.width, this.heatCanvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = this.colours[levels[i]];
    return image;
  }

  #say(frame, map) {
    let text = "";
    if (frame?.error) text = `No picture: ${frame.error}`;
    else if (map?.error) text = `No heat map: ${map.error}`;
    else if (map?.strength === "blank") text = "Heat map is blank: this method finds nothing in this frame.";
    else if (map?.strength === "weak") text = `Heat map is weak: ${fixed(map.share * 100, 0)} % of the scale.`;
    else if (this.problem) text = `No heat map: ${this.problem}`;
    this.note.textContent = text;
    this.note.hidden = text === "";
  }
}

/** Draw the colour bar from the colours that the server uses. */
export function drawLegend(canvas, colours) {
  canvas.width = colours.length;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  colours.forEach(([red, green, blue, alpha], i) => {
    context.fillStyle = `rgb(${red} ${green} ${blue} / ${alpha / 255})`;
    context.fillRect(i, 0, 1, 1);
  });
}
