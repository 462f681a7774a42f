// Reads what a WebSocket server sends, frame by frame and exactly, however TCP cuts it. It copies nothing but frames that come in pieces.

/** How many bytes the frame at `at` has, or at least, as far as its head is here: `[head, whole]`. */
function measure(buffer, at) {
  const left = buffer.length - at;
  if (left < 2) return [2, 2];
  const length = buffer[at + 1] & 127;
  const head = length === 127 ? 10 : length === 126 ? 4 : 2;
  if (left < head) return [head, head];
  if (length < 126) return [head, head + length];
  return [head, head + (length === 126 ? buffer.readUInt16BE(at + 2) : Number(buffer.readBigUInt64BE(at + 2)))];
}

export class Frames {
  #pieces = [];
  #held = 0;
  #wanted = 0;
  #message; // payloads of a message whose last frame has not come

  /**
   * Calls `each(opcode, payload)` for each message that `chunk` completes. What was read may be overwritten afterwards, and so may a
   * payload: who keeps one copies it.
   */
  reads(chunk, each) {
    let buffer = chunk;
    if (this.#held > 0) {
      this.#keeps(chunk, this.#wanted);
      if (this.#held < this.#wanted) return;
      buffer = Buffer.concat(this.#pieces, this.#held);
      this.#pieces = [];
      this.#held = 0;
    }
    let at = 0;
    while (at < buffer.length) {
      const [head, whole] = measure(buffer, at);
      if (buffer.length - at < whole) {
        this.#keeps(buffer.subarray(at), whole);
        return;
      }
      this.#frame(buffer[at], buffer.subarray(at + head, at + whole), each);
      at += whole;
    }
  }

  #keeps(piece, wanted) {
    this.#pieces.push(Buffer.from(piece));
    this.#held += piece.length;
    this.#wanted = wanted;
  }

  #frame(first, payload, each) {
    const [last, opcode] = [first >= 0x80, first & 15];
    if (opcode >= 8 || (last && opcode > 0)) {
      each(opcode, payload); // a control frame, which may come between others, or a message in one frame: nearly all
    } else if (opcode > 0) {
      this.#message = { opcode, parts: [Buffer.from(payload)] };
    } else {
      this.#message.parts.push(Buffer.from(payload));
      if (last) each(this.#message.opcode, Buffer.concat(this.#message.parts));
    }
  }
}
