// One picture on a canvas, of which only the latest wanted one matters: what comes too late is not drawn.

const KEPT = 240;

/** Fetch and decode pictures; the last ones are kept, decoded. */
class Album {
  constructor() {
    this.kept = new Map();
  }

  async get(address) {
    if (!this.kept.has(address)) {
      this.kept.set(address, this.#load(address));
      if (this.kept.size > KEPT) {
        const [oldest, picture] = this.kept.entries().next().value;
        this.kept.delete(oldest);
        picture.then(({ bitmap }) => bitmap?.close());
      }
    }
    return this.kept.get(address);
  }

  async #load(address) {
    try {
      const response = await fetch(address);
      if (!response.ok) return { error: (await response.json()).error };
      return { bitmap: await createImageBitmap(await response.blob()) };
    } catch (error) {
      return { error: String(error.message ?? error) };
    }
  }
}

/** Put a bitmap on a canvas of its size; nothing clears it. */
export function paint(canvas, bitmap) {
  if (bitmap && (canvas.width !== bitmap.width || canvas.height !== bitmap.height)) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (bitmap) context.drawImage(bitmap, 0, 0);
}

export class Pane {
  /**
   * @param canvas where the pictures go.
   * @param said called with why there is no picture, or with "".
   */
  constructor(canvas, said = () => {}) {
    this.canvas = canvas;
    this.said = said;
    this.album = new Album();
    this.wanted = null;
    this.busy = false;
  }

  /** Show the picture at an address, or none for null. One is fetched at a time, and the next is the latest. */
  async show(address) {
    this.wanted = address;
    if (this.busy) return;
    this.busy = true;
    let shown;
    while (shown !== this.wanted) {
      shown = this.wanted;
      const picture = shown === null ? {} : await this.album.get(shown);
      if (picture.bitmap || shown === null || shown === this.wanted) {
        paint(this.canvas, picture.bitmap);
        this.canvas.dataset.shown = shown ?? "";
        this.said(picture.error ?? "");
      }
    }
    this.busy = false;
  }
}
