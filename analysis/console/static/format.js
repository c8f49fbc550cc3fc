// Numbers as people read them: true minus signs, fixed widths, a dash for what is unknown.

const UNKNOWN = "–";

export function fixed(value, digits) {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const text = value.toFixed(digits);
  return text.replace("-", Number(text) === 0 ? "" : "\u2212"); // Rounded to nothing, it has no sign.
}

export function signed(value, digits) {
  const text = fixed(value, digits);
  return value > 0 && Number(value.toFixed(digits)) > 0 ? `+${text}` : text;
}

/** Seconds as m:ss.mmm, or m:ss without digits. */
export function clock(seconds, digits = 3) {
  const unit = 10 ** digits;
  const rounded = Math.round(Math.max(0, seconds) * unit) / unit;
  const minutes = Math.floor(rounded / 60);
  const rest = (rounded - minutes * 60).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

/** Degrees without trailing zeros: 20, 2.5. */
export function degrees(value) {
  return signed(value, Number.isInteger(value) ? 0 : 1);
}

/** Thousands apart by a thin space. */
export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function localTime(iso) {
  if (!iso) return "";
  return new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
