// What a client thinks of a person, from all that one connection was told.

/** What one note says of a person: true, false, or undefined when it says nothing. */
function says({ what, online, offline, unknown }, person) {
  switch (what) {
    case 'list':
    case 'snapshot':
      return online.has(person);
    case 'changes':
    case 'answer':
      if (online.has(person)) return true;
      return offline.has(person) && !unknown?.has(person) ? false : undefined;
    default:
      return undefined;
  }
}

/** `[{from, to, online}]`: from the first time that the connection was told anything of this person to the end of its life. */
export function beliefs(span, person, until) {
  const segments = [];
  for (const note of span.notes) {
    const online = says(note, person);
    const last = segments.at(-1);
    if (online === undefined || last?.online === online) continue;
    if (last) last.to = note.at;
    segments.push({ from: note.at, to: span.life(until).to, online });
  }
  return segments.filter(({ from, to }) => from < to);
}

/** When it was told that somebody whom it thought online is not, or, as a change, that somebody went, whatever it thought. */
export function departures(span, person) {
  const moments = [];
  let thought;
  for (const note of span.notes) {
    const online = says(note, person);
    if (online === false && (thought === true || note.what === 'changes')) moments.push(note.at);
    thought = online ?? thought;
  }
  return moments;
}

/** `[{at, state}]`: when a diff client was told that presence is known or unknown. */
export function states(span) {
  return span.notes.filter(({ state }) => state !== undefined);
}

/** `[{from, to}]`: when a diff client thought that presence is unknown. */
export function ignorances(span, until) {
  const told = states(span);
  const ends = (i) => told[i + 1]?.at ?? span.life(until).to;
  return told.flatMap(({ at, state }, i) => (state === 'unknown' ? [{ from: at, to: ends(i) }] : []));
}

/** Whom the connection thinks online at a moment; undefined before it was told anything. */
export function thoughts(span, people, at = Infinity) {
  const told = span.notes.filter((note) => note.online && note.at <= at);
  const last = (person) => told.map((note) => says(note, person)).findLast((online) => online !== undefined);
  return told.length > 0 ? new Set(people.filter(last)) : undefined;
}

/** Whether it was told at last that all is known, up to a moment. */
export function knows(span, at = Infinity) {
  const { state, unknown } = span.notes.findLast((note) => note.at <= at && (note.state ?? note.unknown) !== undefined) ?? {};
  return state !== 'unknown' && !unknown?.size;
}
