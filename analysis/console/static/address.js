// The moment and the settings in the page's address, so that a copied link returns to both.

const WRITE_MS = 200; // Browsers refuse to change the address hundreds of times a minute.

/** Read an address: only what is there and understood. */
export function readAddress(address) {
  const given = new URLSearchParams(new URL(address).hash.slice(1));
  const number = (name) => (given.has(name) && given.get(name) !== "" ? Number(given.get(name)) : NaN);
  const state = {
    t: number("t"),
    opacity: number("opacity"),
    window: number("window"),
    speed: number("speed"),
    heat: given.get("heat"),
    action: given.get("action"),
    path: given.get("path"),
    strip: given.get("strip"),
    from: number("from"),
    to: number("to"),
  };
  return Object.fromEntries(
    Object.entries(state).filter(([, value]) => value !== null && !Number.isNaN(value)),
  );
}

let waiting = null;

/** Write the state into the address, without a step in the browser's history. */
export function writeAddress(state) {
  clearTimeout(waiting);
  waiting = setTimeout(() => history.replaceState(null, "", addressOf(state)), WRITE_MS);
}

/** The address of a state on this page, without the token that may have opened it. */
export function addressOf(state) {
  return `${location.pathname}#${new URLSearchParams(state)}`;
}
