// node --test bench/presence/*.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frames } from './frames.mjs';

function frame(text, { first = 0x81 } = {}) {
  const payload = Buffer.from(text);
  const { length } = payload;
  const head = Buffer.alloc(length > 65_535 ? 10 : length > 125 ? 4 : 2);
  head[0] = first;
  head[1] = length > 65_535 ? 127 : length > 125 ? 126 : length;
  if (length > 65_535) head.writeBigUInt64BE(BigInt(length), 2);
  else if (length > 125) head.writeUInt16BE(length, 2);
  return Buffer.concat([head, payload]);
}

/** What comes out when the bytes come in pieces of `size`, each in the same memory, as sockets read them here. */
function read(bytes, size) {
  const [frames, memory, messages] = [new Frames(), Buffer.alloc(size), []];
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(memory, 0, at, at + size);
    frames.reads(memory.subarray(0, length), (opcode, payload) => messages.push([opcode, payload.toString()]));
  }
  return messages;
}

const texts = ['2', '', 'a'.repeat(125), 'b'.repeat(126), 'c'.repeat(65_535), 'd'.repeat(65_536), 'é', 'e'.repeat(200_000), '2'];

test('frames of every length come out as they went in, however they are cut', () => {
  const bytes = Buffer.concat(texts.map((text) => frame(text)));
  for (const size of [1, 2, 3, 7, 127, 1000, 65_536, bytes.length]) {
    assert.deepEqual(read(bytes, size), texts.map((text) => [1, text]), `pieces of ${size}`);
  }
});

test('a message in several frames is one, and a control frame may come between them', () => {
  const sent = [['one ', 0x01], ['ping', 0x89], ['two ', 0x00], ['three', 0x80]];
  const parts = sent.map(([text, first]) => frame(text, { first }));
  for (const size of [1, 5, 100]) {
    assert.deepEqual(read(Buffer.concat([...parts, frame('x')]), size), [[9, 'ping'], [1, 'one two three'], [1, 'x']]);
  }
});
