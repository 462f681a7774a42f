// What the database says: each acknowledged message once, and everybody saw each conversation in its order.
import { ask } from './senders.mjs';

const PAGE = 1_000;

/** A whole conversation, oldest first, through the REST pages. */
async function conversation(url, user, other) {
  const pages = [];
  let path = `/api/messages/${other.id}?limit=${PAGE}`;
  while (path) {
    let answer;
    for (let attempt = 0; attempt < 20; attempt += 1) {
      answer = await ask({ url, path, token: user.token, ms: 30_000 });
      if (answer.status === 200) break;
    }
    if (answer.status !== 200) throw new Error(`history: ${answer.status} ${JSON.stringify(answer.body)}`);
    pages.unshift(answer.body);
    path = /<([^>]+)>; *rel="next"/.exec(answer.headers.link ?? '')?.[1];
  }
  return pages.flat();
}

/** Compares the books with the history: `{stored, missing, doubled, swapped, misread}`; all but `stored` must be 0. */
export async function checkHistory(ledger, url) {
  const result = { stored: 0, missing: 0, doubled: 0, swapped: 0, misread: 0 };
  const places = ledger.streams.map(() => []); // stream -> number -> place in its conversation
  const rooms = new Map(); // conversation -> its streams
  for (const stream of ledger.streams) {
    const key = [stream.from.id, stream.to.id].sort().join();
    rooms.set(key, [...(rooms.get(key) ?? []), stream]);
  }
  const roomOf = new Map([...rooms].flatMap(([key, streams]) => streams.map((stream) => [stream.index, key])));
  for (const streams of rooms.values()) {
    const times = new Map(streams.map((stream) => [stream.index, []]));
    const messages = await conversation(url, streams[0].from, streams[0].to);
    messages.forEach((message, place) => {
      const [index, n] = message.text.split('.').map(Number);
      const seen = times.get(index);
      if (!seen) throw new Error(`a message of another conversation: ${message.text}`);
      result.stored += 1;
      seen[n] = (seen[n] ?? 0) + 1;
      if (seen[n] > 1) result.doubled += 1;
      else {
        if (n > 0 && (places[index][n - 1] ?? -1) > place) result.swapped += 1;
        places[index][n] = place;
      }
    });
    for (const stream of streams) {
      stream.stored = times.get(stream.index);
      for (let n = 0; n < stream.begun; n += 1) if (stream.ackedAt[n] && !times.get(stream.index)[n]) result.missing += 1;
    }
  }
  for (const page of ledger.pages) {
    const reached = new Map();
    for (let i = 0; i < page.shown.length; i += 2) {
      const [index, n] = [page.shown[i], page.shown[i + 1]];
      const place = places[index][n];
      const room = roomOf.get(index);
      if (place !== undefined && place < (reached.get(room) ?? -1)) result.misread += 1;
      else reached.set(room, place);
    }
  }
  return result;
}
