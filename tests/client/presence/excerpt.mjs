// What a reader needs to judge a finding: what happened to the person and to the client around that time.
import { departures } from './beliefs.mjs';

const BEFORE = 12_000;
const AFTER = 2_000;

/** A finding as one line, with the client that it is about. */
export function headline(timeline, { rule, at, text, span }) {
  const who = span
    ? `${timeline.named(span.person) ?? 'REST'} (${span.kind}, node ${span.node}, since ${timeline.seconds(span.from)}) `
    : '';
  return `${timeline.seconds(at)} ${rule}: ${who}${text}`;
}

export function excerpt(timeline, finding) {
  const { at: center, person, span } = finding;
  const lines = [];
  const says = (at, text) => at !== undefined && at > center - BEFORE && at < center + AFTER && lines.push({ at, text });
  for (const { kind, node, from, to } of timeline.faults) {
    const where = node === undefined ? '' : ` of node ${node}`;
    says(from, `${kind}${where} begins`);
    says(to, `${kind}${where} ends`);
  }
  for (const logout of timeline.logouts) if (logout.person === person) says(logout.from, `${timeline.named(person)} logs out`);
  for (const socket of timeline.spans.filter((one) => person && one.person === person)) {
    const name = `${timeline.named(person)} at node ${socket.node}`;
    says(socket.opened, `${name}: tries`);
    says(socket.from, `${name}: connected`);
    says(socket.sure, `${name}: ${socket.end}`);
    says(socket.gone, `${name}: gone`);
  }
  if (span && person) notes(span, person, departures(span, person), says);
  return [
    headline(timeline, finding),
    ...lines.sort((a, b) => a.at - b.at).map(({ at, text }) => `    ${timeline.seconds(at)} ${text}`),
  ].join('\n');
}

function notes(span, person, went, says) {
  let thought;
  for (const note of span.notes) {
    if (note.state) says(note.at, `it is told: ${note.state}`);
    const online = note.online?.has(person)
      ? true
      : note.what === 'changes'
        ? undefined
        : note.unknown?.has(person)
          ? undefined
          : note.online && false;
    if (went.includes(note.at)) says(note.at, `it is told by ${note.what}: went`);
    else if (online !== undefined && online !== thought)
      says(note.at, `it is told by ${note.what}: ${online ? 'there' : 'not there'}`);
    thought = online ?? thought;
  }
}

/** The first findings of each rule, as text; '' when there are none. */
export function report(timeline, found, most = 3) {
  const rules = [...new Set(found.map(({ rule }) => rule))];
  const samples = rules.flatMap((rule) => found.filter((finding) => finding.rule === rule).slice(0, most));
  const counts = rules.map((rule) => `${found.filter((finding) => finding.rule === rule).length} ${rule}`);
  return samples.length === 0 ? '' : [counts.join(', '), ...samples.map((finding) => excerpt(timeline, finding))].join('\n');
}
