// Several things in one answer, see analysis/console/parcel.py.

/** Unpack an answer: the JSON head, and each part as bytes. */
export async function unpackParcel(response) {
  const buffer = await response.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  const parts = head.parts.map((size) => {
    const part = new Uint8Array(buffer, at, size);
    at += size;
    return part;
  });
  return { head, parts };
}

/** Decode a part that is a picture; null for an empty one. */
export function bitmapOf(part) {
  return part.length ? createImageBitmap(new Blob([part])) : null;
}
