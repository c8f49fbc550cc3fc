// The few lines that every part needs to touch the page.

export const byId = (id) => document.getElementById(id);

/** Make an element. Text is always text: nothing from a log is ever parsed as markup. */
export function element(tag, { className = "", text = "", attributes = {} } = {}, children = []) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function svg(tag, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Call back when the system changes between light and dark. */
export function onThemeChange(callback) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback);
}

const colours = new Map(); // Of the current theme: to ask for a style makes the browser work out all of them.
onThemeChange(() => colours.clear());

/** Read a colour of the current theme. */
export function colour(name) {
  if (!colours.has(name)) {
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  }
  return colours.get(name);
}

/**
 * Keep a canvas as sharp as the screen. Calls `draw(context, width, height)` in CSS pixels whenever its
 * size or the theme changes; returns a function that draws again, once there is a size.
 */
export function sharpCanvas(canvas, draw) {
  const context = canvas.getContext("2d");
  let [width, height] = [0, 0];
  const redraw = () => {
    if (width === 0 || height === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  new ResizeObserver(() => {
    // Only here, where it is known: elsewhere the question makes the browser lay out the page at once.
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    redraw();
  }).observe(canvas);
  onThemeChange(redraw);
  return redraw;
}

/** What changes rarely on a canvas: drawn once for a size, a theme and a key, and otherwise copied. */
export class Still {
  /** `draw(context)`, in CSS pixels, is called where what was drawn last is not what the key stands for. */
  copyTo(context, width, height, key, draw) {
    const ratio = window.devicePixelRatio || 1;
    const drawn = [width, height, ratio, colour("text"), key].join();
    if (this.drawn !== drawn) {
      this.drawn = drawn;
      this.canvas = document.createElement("canvas");
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      const own = this.canvas.getContext("2d");
      own.scale(ratio, ratio);
      draw(own);
    }
    context.drawImage(this.canvas, 0, 0, width, height);
  }
}

/** Follow a finger or mouse that is held down: `move(x, event)` in CSS pixels from the element's left edge. */
export function onDrag(target, move) {
  let held = null;
  const at = (event) => event.clientX - target.getBoundingClientRect().left;
  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || held !== null) return; // A second finger does not take over.
    held = event.pointerId;
    target.setPointerCapture(held);
    move(at(event), event);
  });
  target.addEventListener("pointermove", (event) => {
    if (event.pointerId === held) move(at(event), event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    target.addEventListener(end, (event) => {
      if (event.pointerId === held) held = null;
    });
  }
}
