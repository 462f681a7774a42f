// Sockets that come, and sockets that stay: one for each of so many people.
import { memory, withLoad } from '../support/load.mjs';

/** As fast as both nodes let them in, 64 at a time. */
export function storm({ system, tool, quick }) {
  return system.runs(2, async (world) => {
    const count = quick ? 1_000 : 5_000;
    const people = await system.crowd(world, count);
    return withLoad(tool, people, ['connect', '--url', world.urls, '-n', count, '--in-flight', 64], async (load) => {
      const cost = await load.costs(world, 'begin', 'connected');
      const result = await load.result();
      return {
        rate: result.connected_per_s,
        cpu: (cost.all / result.connected) * 1000,
        nodesCpu: (cost.nodes / result.connected) * 1000,
        p50: result.connect_ms.p50, p99: result.connect_ms.p99,
        faults: result.failed + result.dropped,
        toolCpu: (result.cpu_s / result.connected) * 1e6,
        late: result.late_ticks,
      };
    });
  });
}

/** What they cost while nothing happens but pings. */
export function idle({ system, tool, quick }) {
  return system.runs(2, async (world) => {
    const [count, settle, hold] = quick ? [1_000, 2, 3] : [15_000, 15, 50];
    const people = await system.crowd(world, count);
    const order = ['connect', '--url', world.urls, '-n', count, '--rate', 1_000, '--settle', settle, '--hold', hold];
    const before = memory(world);
    return withLoad(tool, people, order, async (load) => {
      const cost = await load.costs(world, 'hold', 'held');
      const grown = memory(world) - before;
      const result = await load.result();
      return {
        memory: grown / count / 1024,
        cpu: (cost.nodes / cost.seconds / count) * 10_000 * 100,
        faults: result.failed + result.dropped,
        toolCpu: 0,
        late: result.late_ticks,
      };
    });
  });
}
