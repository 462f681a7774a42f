// One person with 1,000 sockets on the other node.
import { withLoad } from '../support/load.mjs';

export function fanout({ system, tool, seconds, warmUp, quick }) {
  return system.runs(2, async (world) => {
    const people = await system.crowd(world, 400);
    const [a, b = a] = world.urls;
    const sockets = quick ? 200 : 1_000;
    const order = ['fanout', '--send', a, '--receive', b, '--sockets', sockets, '--window', 2, '--seconds', seconds, '--warm-up', warmUp];
    return withLoad(tool, people, order, async (load) => {
      const cost = await load.costs(world, 'begin', 'end');
      const result = await load.result();
      return {
        rate: result.delivered_per_s,
        cpu: (cost.all / result.delivered) * 100_000,
        p50: result.deliver_ms.p50, p99: result.deliver_ms.p99,
        complete: result.complete_ms.p50,
        faults: result.lost + result.doubled + result.failed + result.dropped,
        toolCpu: (result.cpu_s / result.delivered) * 1e6,
        late: result.late_ticks,
      };
    });
  });
}
