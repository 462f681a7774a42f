// From a send to the socket of the receiver on the other node.
import { withLoad } from '../support/load.mjs';

const PAIRS = 200;

/** Figures of a run of `deliver`. */
function figures(result, cost) {
  const { ack_ms: ack, deliver_ms: deliver } = result;
  return {
    rate: result.acked_per_s,
    delivered: result.delivered,
    cpu: (cost.all / result.delivered) * 100_000,
    nodesCpu: (cost.nodes / result.delivered) * 100_000,
    postgresCpu: (cost.postgres / result.delivered) * 100_000,
    redisCpu: (cost.redis / result.delivered) * 100_000,
    ackP50: ack.p50, ackP99: ack.p99,
    p50: deliver.p50, p90: deliver.p90, p99: deliver.p99, p999: deliver.p999, max: deliver.max,
    faults: result.lost + result.doubled + result.out_of_order,
    unsent: result.unsent + result.failed,
    toolCpu: (result.cpu_s / result.delivered) * 1e6,
    late: result.late_ticks,
  };
}

export function deliver({ system, tool, seconds, warmUp }, args, { pairs = PAIRS, extra = 0 } = {}) {
  return system.runs(2, async (world) => {
    const people = await system.crowd(world, 2 * pairs + extra);
    const [a, b = a] = world.urls;
    const order = ['deliver', '--send', a, '--receive', b, '--pairs', pairs, '--seconds', seconds, '--warm-up', warmUp, ...args];
    return withLoad(tool, people, order, async (load) => {
      const cost = await load.costs(world, 'begin', 'end');
      return figures(await load.result(), cost);
    });
  });
}

/** As fast as 64 senders can. */
export const closed = (setting) => deliver(setting, ['-c', 64]);

/** The same to 1,000 people with a socket each. */
export const people = (setting) => deliver(setting, ['-c', 64], { pairs: 1_000 });

/** At half of what the Node original can: for both the same load. */
export const half = (setting, { node }) => deliver(setting, ['--rate', Math.round((node?.closed?.rate ?? 2_800) / 2)]);
