// What a chosen file is, found out before it is sent: by its content, for a name may say anything.

export const maxBytes = 15 * 1024 * 1024;

const startsWith = (bytes, ...start) => start.every((byte, i) => bytes[i] === byte);

// isHEIC looks for a brand of still images in the box that such a file begins with, as the server does
// (ISO/IEC 23008-12). The four bytes after the first brand are its version.
function isHEIC(bytes) {
  const text = String.fromCharCode(...bytes.subarray(4, 64));
  if (!text.startsWith("ftyp")) return false;
  const end = Math.min(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), bytes.length) - 4;
  for (let at = 4; at + 4 <= end; at += 4) {
    if (at !== 8 && ["heic", "heix", "heim", "heis"].includes(text.slice(at, at + 4))) return true;
  }
  return false;
}

// media returns the media type of a file by its first bytes, and undefined for one that is not taken.
export function media(bytes) {
  if (startsWith(bytes, 0xff, 0xd8, 0xff)) return "image/jpeg";
  if (startsWith(bytes, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return "image/png";
  if (startsWith(bytes, 0x25, 0x50, 0x44, 0x46, 0x2d)) return "application/pdf";
  if (bytes.length >= 16 && isHEIC(bytes)) return "image/heic";
  return undefined;
}

// judge returns what a file is, or the name of the text that says why it can't be sent.
export async function judge(file) {
  if (file.size === 0) return { wrong: "wrong_empty" };
  if (file.size > maxBytes) return { wrong: "wrong_large" };
  let start;
  try {
    start = new Uint8Array(await file.slice(0, 64).arrayBuffer());
  } catch {
    return { wrong: "wrong_unread" };
  }
  const type = media(start);
  return type ? { media: type } : { wrong: "wrong_media" };
}

// read returns the bytes of a file and their SHA-256 as hexadecimal digits. It throws where the file can't be read.
export async function read(file) {
  const bytes = await file.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { bytes, sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}
