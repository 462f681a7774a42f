// What the database says: each acknowledged message once, and everybody saw each conversation in its order.
import { ask } from './senders.mjs';

const PAGE = 1_000;

/** GET until it is answered. */
async function gets(url, user, path) {
  let answer;
  for (let attempt = 0; attempt < 20; attempt += 1) {
    answer = await ask({ url, path, token: user.token, ms: 30_000 });
    if (answer.status === 200) return answer;
  }
  throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

/** A whole conversation, oldest first, through the REST pages. */
async function conversation(url, user, other) {
  const pages = [];
  let path = `/api/messages/${other.id}?limit=${PAGE}`;
  while (path) {
    const answer = await gets(url, user, path);
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
    for (const { index, n } of page.shown) {
      const place = places[index][n];
      const room = roomOf.get(index);
      if (place !== undefined && place < (reached.get(room) ?? -1)) result.misread += 1;
      else reached.set(room, place);
    }
  }
  return result;
}

/**
 * Compares the pages with the logs of their owners, which are the order of everything: `{entries, gaps, unlogged, misplaced}`; all but
 * `entries` must be 0. `gaps`: numbers that the log does not have; `unlogged`: acknowledged messages that it does not have;
 * `misplaced`: shown before something older, or with another number than the log's.
 */
export async function checkLogs(ledger, url) {
  const result = { entries: 0, gaps: 0, unlogged: 0, misplaced: 0 };
  const people = new Map(ledger.pages.map((page) => [page.user.id, page.user]));
  for (const person of people.values()) {
    const numbers = new Map(); // stream.number -> number in the log
    let last = 0;
    for await (const { event, data, position } of log(url, person)) {
      const number = Number(position.split('.')[1]);
      result.entries += 1;
      if (number !== last + 1) result.gaps += 1;
      last = number;
      if (event === 'newMessage') numbers.set(data.text, number);
    }
    for (const stream of ledger.streams.filter(({ from, to }) => from === person || to === person)) {
      for (let n = 0; n < stream.begun; n += 1) if (stream.ackedAt[n] && !numbers.has(`${stream.index}.${n}`)) result.unlogged += 1;
    }
    for (const page of ledger.pages.filter(({ user }) => user === person)) {
      let before = 0;
      for (const { index, n, number } of page.shown) {
        const logged = numbers.get(`${index}.${n}`) ?? Infinity;
        if (logged < before || (number !== undefined && number !== logged)) result.misplaced += 1;
        before = logged;
      }
    }
  }
  return result;
}

async function* log(url, person) {
  const { body } = await gets(url, person, '/api/sync');
  let since = `${body.position.split('.')[0]}.0`;
  for (;;) {
    const { body: page } = await gets(url, person, `/api/sync?since=${since}&limit=${PAGE}`);
    if (!page.events) throw new Error(`the log of ${person.id} from ${since}: ${JSON.stringify(page)}`);
    yield* page.events;
    if (page.next === page.position) return;
    since = page.next;
  }
}
