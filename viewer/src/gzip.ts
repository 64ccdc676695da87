/** base64(gzip(JSON)), as a page embeds it. */

const SLICE = 1 << 20;

/** Newer browsers decode base64 themselves, several times faster. */
const native = (Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64;

/** The value that such a text holds. */
export async function decode<T>(encoded: string): Promise<T> {
  return JSON.parse(await unpack(encoded)) as T;
}

/** The text that was packed. */
export async function unpack(encoded: string): Promise<string> {
  const gzip = new DecompressionStream("gzip");
  const [text] = await Promise.all([read(gzip.readable), write(gzip.writable, encoded.trim())]);
  return text;
}

async function write(writable: WritableStream<BufferSource>, encoded: string): Promise<void> {
  const writer = writable.getWriter();
  for (let at = 0; at < encoded.length; at += SLICE) await writer.write(bytes(encoded.slice(at, at + SLICE)));
  await writer.close();
}

async function read(readable: ReadableStream<Uint8Array>): Promise<string> {
  const reader = readable.getReader();
  const decoder = new TextDecoder();
  const parts: string[] = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(decoder.decode(part.value, { stream: true }));
  return parts.join("") + decoder.decode();
}

function bytes(encoded: string): Uint8Array<ArrayBuffer> {
  if (native !== undefined) return native.call(Uint8Array, encoded);
  const binary = atob(encoded);
  const part = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) part[at] = binary.charCodeAt(at);
  return part;
}
