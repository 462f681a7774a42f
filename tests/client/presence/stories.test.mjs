// What is promised with the default settings, one story each: leaving, logging out, vanishing, rolling out, the death of a node,
// and all that can become of Redis. Whatever any client was told meanwhile is checked, too.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import '../faults/ending.mjs';
import { sleep } from '../faults/program.mjs';
import { DEFAULT } from './bounds.mjs';
import { LATE, arrive, assertOutageTold, assertTrue, onStand, statesTold, timesTold } from './story.mjs';

const { bounds } = DEFAULT;
const now = () => performance.now();
const MINUTE = { timeout: 60_000 };

describe('presence with the default settings', { concurrency: true }, () => {
  onStand('people who come and go', 12, (story) => {
    describe('each for themselves', { concurrency: true }, () => {
      test('a reload, a cut and a move make nobody flicker; leaving counts after 10 s', MINUTE, async () => {
        const { stand } = story;
        const [ann, bob] = stand.takes(2);
        const from = now();
        await arrive(stand, [
          [ann, 0, 0],
          [ann, 1, 1],
          [bob, 0, 2],
        ]);

        await Promise.all([ann.reloads(0, 3_000), ann.blips(1), bob.moves(0, 0)]);
        await ann.leaves(1);
        await bob.reloads(0, 6_000);
        await bob.leaves(0);
        await stand.agrees([ann, bob], bounds.grace + bounds.announced + LATE);

        assert.deepEqual(timesTold(stand, [ann, bob], from), ['0 0 0', '1 1 1']);
        assertTrue(stand, from, [ann, bob]);
      });

      test('a logout counts within 4 s, whatever grace goes on', MINUTE, async () => {
        const { stand } = story;
        const [carl, dora] = stand.takes(2);
        const from = now();
        await arrive(stand, [
          [carl, 0, 0],
          [carl, 1, 1],
          [carl, 2, 2],
          [dora, 0, 2],
        ]);

        // A tab of his closed a moment ago; her page closed its socket first, and asks another node.
        await Promise.all([carl.leaves(2), dora.leaves(0)]);
        await Promise.all([carl.logsOut(0), dora.logsOut(1)]);
        await stand.agrees([carl, dora], bounds.loggedOut + LATE);

        assert.deepEqual(timesTold(stand, [carl, dora], from), ['1 1 1', '1 1 1']);
        assertTrue(stand, from, [carl, dora]);
      });

      test('a peer that vanished is offline after ping timeout and grace, unless it comes back', MINUTE, async () => {
        const { stand } = story;
        const [eve, fred] = stand.takes(2);
        const from = now();
        await arrive(stand, [
          [eve, 0, 1],
          [fred, 0, 1],
        ]);

        await Promise.all([eve.vanishes(0), fred.vanishes(0)]);
        await sleep(bounds.grace - 2_000);
        await fred.arrives(1, 2);
        await stand.agrees([eve, fred], bounds.ping + bounds.grace + bounds.announced + LATE);

        assert.deepEqual(timesTold(stand, [eve, fred], from), ['1 1 1', '0 0 0']);
        assertTrue(stand, from, [eve, fred]);
      });
    });

    test('without Redis the last known state stands, and what happened meanwhile is seen after it', MINUTE, async (t) => {
      const { stand } = story;
      const [gus, hal, ida, joe] = stand.takes(4);
      await arrive(stand, [
        [gus, 0, 0],
        [hal, 0, 1],
        [ida, 0, 2],
      ]);
      await stand.rests(bounds.announced + LATE);
      const [repairs, from] = [await stand.repairs(), now()];

      await gus.leaves(0);
      const away = stand.restarts(8_000);
      await sleep(500);
      await Promise.all([hal.moves(0, 2), ida.logsOut(2), joe.arrives(0, 1)]);
      await away;
      t.diagnostic(`whole after ${await stand.rests(bounds.grace + bounds.back + LATE)} ms`);

      await assertOutageTold(stand, from, repairs);
      assert.deepEqual(timesTold(stand, [gus, hal, ida], from), ['1 1 1', '0 0 0', '1 1 1']);
      assertTrue(stand, from);
    });
  });

  onStand('nodes that die', 9, (story) => {
    /** The node of these people dies; they do not come back to another. */
    const diesWith = (stand, node, people) => {
      const { process } = stand.seatAt(node);
      people.forEach((person) => person.givesUp(process));
      return stand.kills(node);
    };

    test('the people of a node that was killed are offline within 15 s, once, and it is swept once', MINUTE, async (t) => {
      const { stand } = story;
      const [ann, bob, carl, dora] = stand.takes(4);
      await arrive(stand, [
        [ann, 0, 2],
        [bob, 0, 2],
        [carl, 0, 2],
        [dora, 0, 0],
      ]);
      await stand.rests(bounds.announced + LATE);
      const [before, from] = [await stand.swept(), now()];

      await diesWith(stand, 2, [ann, bob]);
      t.diagnostic(`whole after ${await stand.rests(bounds.killed + LATE)} ms`);
      // Who would be told twice is told by now.
      await sleep(bounds.announced);

      assert.deepEqual(timesTold(stand, [ann, bob, carl, dora], from), ['1 1', '1 1', '0 0', '0 0']);
      const swept = [...(await stand.swept())].reduce((sum, [process, count]) => sum + count - before.get(process), 0);
      assert.equal(swept, 1);
      assertTrue(stand, from);
    });

    test('so are those of a node that was killed while Redis was away and forgot everything', MINUTE, async (t) => {
      const { stand } = story;
      await stand.revives(2);
      stand.goHome();
      const [eve, fred, gus, hal] = stand.takes(4);
      await arrive(stand, [
        [eve, 0, 2],
        [fred, 0, 2],
        [gus, 0, 2],
        [hal, 0, 0],
      ]);
      await stand.rests(bounds.announced + LATE);
      const from = now();

      const away = stand.restarts(4_000);
      await sleep(1_000);
      await diesWith(stand, 2, [eve, fred]);
      await away;
      t.diagnostic(`whole after ${await stand.rests(bounds.killed + LATE)} ms`);

      assert.deepEqual(timesTold(stand, [eve, fred, gus, hal], from), ['1 1', '1 1', '0 0', '0 0']);
      assertTrue(stand, from);
    });
  });

  onStand('a Redis that forgets', 16, (story) => {
    /** Somebody is on each node; `happens` lets one come and one go. When it is over, everybody must see that within 5 s. */
    const isWholeAfter = async (t, happens) => {
      const { stand } = story;
      const [ann, bob, carl, dora] = stand.takes(4);
      await arrive(stand, [
        [ann, 0, 0],
        [bob, 0, 1],
        [carl, 0, 2],
      ]);
      await stand.rests(bounds.announced + LATE);
      const from = now();

      await happens({ stand, comes: () => dora.arrives(0, 1), goes: () => ann.logsOut(2) });
      await carl.arrives(1, 0);
      t.diagnostic(`whole after ${await stand.rests(bounds.back + LATE)} ms`);

      assert.deepEqual(timesTold(stand, [bob, carl, dora], from), ['0 0 0', '0 0 0', '0 0 0']);
      assertTrue(stand, from);
    };

    test('presence is whole within 5 s after a flush', MINUTE, (t) =>
      isWholeAfter(t, async ({ stand, comes, goes }) => {
        await stand.flushes();
        await Promise.all([comes(), goes()]);
      }),
    );

    test('presence is whole within 5 s after a replica took over that had not heard of the last changes', MINUTE, (t) =>
      isWholeAfter(t, ({ stand, comes, goes }) => stand.failsOver(() => Promise.all([comes(), goes()]))),
    );

    test('presence is whole within 5 s after Redis came back with older data', MINUTE, (t) =>
      isWholeAfter(t, async ({ stand, comes, goes }) => {
        const dump = await stand.saves();
        await Promise.all([comes(), goes()]);
        await stand.rests(bounds.announced + LATE);
        await stand.restarts(500, dump);
      }),
    );

    test('nobody is announced offline because Redis stopped without a word', MINUTE, async (t) => {
      const { stand } = story;
      const [eve, fred, gus] = stand.takes(3);
      await arrive(stand, [
        [eve, 0, 0],
        [fred, 0, 1],
      ]);
      await stand.rests(bounds.back + LATE);
      const [repairs, from] = [await stand.repairs(), now()];

      const stalled = stand.stalls(9_000);
      await sleep(500);
      await Promise.all([fred.logsOut(0), gus.arrives(0, 2)]);
      await stalled;
      t.diagnostic(`whole after ${await stand.rests(bounds.back + LATE)} ms`);

      await assertOutageTold(stand, from, repairs);
      assert.deepEqual(timesTold(stand, [eve, fred, gus], from), ['0 0 0', '1 1 1', '0 0 0']);
      assertTrue(stand, from);
    });
  });

  onStand('nodes that lose Redis, and nodes that are replaced', 8, (story) => {
    test('a node that loses Redis alone keeps its people online, and tells only its own clients', MINUTE, async (t) => {
      const { stand } = story;
      const [ann, bob, carl, dora] = stand.takes(4);
      await arrive(stand, [
        [ann, 0, 2],
        [bob, 0, 0],
        [carl, 0, 2],
      ]);
      await stand.rests(bounds.announced + LATE);
      const from = now();

      // Longer than its lease.
      const cut = stand.cutsOff(2, 13_000);
      await sleep(1_000);
      await Promise.all([carl.leaves(0), dora.arrives(0, 2), bob.logsOut(1)]);
      await cut;
      t.diagnostic(`whole after ${await stand.rests(bounds.back + LATE)} ms`);

      assert.deepEqual(statesTold(stand, from), ['', '', 'unknown known']);
      assert.deepEqual(timesTold(stand, [ann, bob, carl], from), ['0 0 0', '1 1 1', '1 1 1']);
      assertTrue(stand, from);
    });

    test('a rolling restart of all nodes makes nobody flicker, and leaves no ghost behind', { timeout: 90_000 }, async () => {
      const { stand } = story;
      const [eve, fred, gus] = stand.takes(3);
      await arrive(stand, [
        [eve, 0, 0],
        [fred, 0, 1],
        [gus, 0, 2],
      ]);
      await stand.rests(bounds.announced + LATE);
      const from = now();

      for (const node of [0, 1, 2]) await stand.replaces(node);
      await stand.rests(bounds.announced + LATE);
      await Promise.all([eve.logsOut(2), fred.logsOut(1)]);
      await stand.rests(bounds.loggedOut + LATE);

      assertTrue(stand, from);
    });
  });
});
