// Log-ins of people who signed up.
import { signsUp, writePeople } from '../support/systems.mjs';
import { withLoad } from '../support/load.mjs';

const ACCOUNTS = 16;

export function login({ system, tool, seconds, warmUp }) {
  return system.runs(2, async (world) => {
    const run = (system.logins = (system.logins ?? 0) + 1);
    const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, (_, i) => signsUp(world.urls[0], `l${run}-${i}`)));
    const people = await writePeople(system.stand, `${system.key}-accounts`, accounts);
    return withLoad(tool, people, ['login', '--url', world.urls, '-c', 8, '--seconds', seconds, '--warm-up', warmUp], async (load) => {
      const cost = await load.costs(world, 'begin', 'end');
      const result = await load.result();
      const { answer_ms: answer } = result;
      return {
        rate: result.answered_per_s, cpu: (cost.all / result.answered) * 1000, p50: answer.p50, p99: answer.p99, faults: result.failed,
        toolCpu: (result.cpu_s / result.answered) * 1e6, late: result.late_ticks,
      };
    });
  });
}
