// Log-ins of people who signed up.
import { signsUp, writePeople } from '../support/systems.mjs';
import { answers, withLoad } from '../support/load.mjs';

const ACCOUNTS = 16;

export function login({ system, tool, seconds, warmUp }) {
  return system.runs(2, async (world) => {
    const run = (system.logins = (system.logins ?? 0) + 1);
    const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, (_, i) => signsUp(world.urls[0], `l${run}-${i}`)));
    const people = await writePeople(system.stand, `${system.key}-accounts`, accounts);
    return withLoad(tool, people, ['login', '--url', world.urls, '-c', 8, '--seconds', seconds, '--warm-up', warmUp], (load) => answers(load, world));
  });
}
