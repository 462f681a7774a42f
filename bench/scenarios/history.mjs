// Conversations of 1,000 messages: the newest page of each, the way back from there, and all 1,000 in one answer.
import { answers, withLoad } from '../support/load.mjs';
import { writePeople } from '../support/systems.mjs';

const MESSAGES = 1_000;
const CONVERSATIONS = 50;

/** Readers of conversations, made once: people of whom no other scenario makes use. */
async function readers(system, world) {
  if (system.readers) return system.readers;
  const people = await system.makes(world, 2 * CONVERSATIONS);
  const pairs = Array.from({ length: CONVERSATIONS }, (_, i) => [people[2 * i], people[2 * i + 1]]);
  await system.converses(world, pairs, MESSAGES);
  return (system.readers = await writePeople(system.stand, `${system.key}-readers`, pairs.map(([one, other]) => ({ ...one, other: other.id }))));
}

const read = (args) => ({ system, tool, seconds, warmUp }) =>
  system.runs(2, async (world) => {
    const people = await readers(system, world);
    const order = ['history', '--url', world.urls, '-c', 16, '--seconds', seconds, '--warm-up', warmUp, ...args];
    return withLoad(tool, people, order, (load) => answers(load, world));
  });

/** The newest 50, as an application shows them first. The Node original knows only whole conversations. */
export const newest = read(['--limit', 50]);
/** Ten pages of 50, each behind the one before. */
export const back = read(['--limit', 50, '--back', 9]);
/** All 1,000 in one answer: what the original does. */
export const whole = read(['--limit', 0]);
