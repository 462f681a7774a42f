// node --test bench/*.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparison, details, digits, median, medians, ratio, verdict } from './figures.mjs';

test('a median is the one in the middle, or between the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(median([10, 9, 100]), 10, 'as numbers, not as text');
});

test('of several runs, what must not happen adds up', () => {
  assert.deepEqual(medians([{ rate: 1, faults: 0, late: 1 }, { rate: 3, faults: 2, late: 5 }, { rate: 2, faults: 1, late: 0 }]), { rate: 2, faults: 3, late: 5 });
});

test('ratios say how many times better', () => {
  assert.equal(ratio('more', 8_000, 2_000), '4.00 x');
  assert.equal(ratio('less', 5, 60), '1/12.0');
  assert.equal(ratio('more', 8_000, undefined), '–');
});

test('numbers are as exact as they are useful', () => {
  assert.deepEqual([0.4567, 12.34, 123.4, 1_234_567, undefined, NaN].map(digits), ['0.46', '12.3', '123', '1,234,567', '–', '–']);
});

test('what is reached is the aim, the must, or neither', () => {
  const more = { better: 'more', must: 4, aim: 8 };
  assert.deepEqual([80, 79, 40, 39].map((hub) => verdict(more, hub, 10)), ['aim', 'must', 'must', '**no**']);
  const less = { better: 'less', must: 2, aim: 4 };
  assert.deepEqual([2.5, 5, 5.1].map((hub) => verdict(less, hub, 10)), ['aim', 'must', '**no**']);
  const limits = { better: 'less', limits: true, must: 18, aim: 16.5 };
  assert.deepEqual([16.5, 18, 18.1].map((hub) => verdict(limits, hub, undefined)), ['aim', 'must', '**no**']);
  assert.equal(verdict(more, 80, undefined), '–');
  assert.equal(verdict({ better: 'more' }, 80, 10), '–');
});

test('the comparison has the rows of what ran, with the embedded hub against two nodes of the original', () => {
  const found = { hub: { closed: { rate: 8_000, cpu: 10 } }, embedded: { closed: { rate: 6_000, cpu: 8 } }, node: { closed: { rate: 2_000, cpu: 60 } } };
  const rows = comparison(found);
  assert.deepEqual(rows.map((row) => row.slice(1)), [
    ['2,000', '8,000', '4.00 x', '4 x', '8 x', 'must', '6,000'],
    ['60.0', '10.0', '1/6.00', '1/6', '1/10', 'must', '8.00'],
    ['2,000', '6,000', '3.00 x', '2 x', '5 x', 'must', '6,000'],
  ]);
  assert.equal(comparison({ hub: { closed: { rate: 8_000, cpu: 10 } } })[0][6], '–', 'without Node');
  const [deliveries, ...none] = details(found, { node: 'N', hub: 'H', embedded: 'E' });
  assert.deepEqual(deliveries.rows.map((row) => row.slice(0, 2)), [['closed, N', '2,000'], ['closed, H', '8,000'], ['closed, E', '6,000']]);
  assert.equal(none.length, 0);
});
