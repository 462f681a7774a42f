// What figures are worth: medians, ratios, and whether they reach what was set. Pure, so that it can be tested.

export const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The median of each figure over several runs; of what must not happen, the sum, and of late ticks, the most. */
export function medians(runs) {
  const of = (name) => {
    const values = runs.map((run) => run[name]);
    if (name === 'faults' || name === 'unsent') return values.reduce((sum, value) => sum + value, 0);
    return name === 'late' ? Math.max(...values) : median(values);
  };
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, of(name)]));
}

export function digits(value) {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (value >= 100) return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ',');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** How many times better: `4.2 x` of what should be more, `1/4.2` of what should be less. */
export function ratio(better, hub, node) {
  if (!(hub > 0) || !(node > 0)) return '–';
  return better === 'more' ? `${digits(hub / node)} x` : `1/${digits(node / hub)}`;
}

/** Factors (`must: 4`, `aim: 8`) are how many times better than the Node original; `limit`s are values that hold by themselves. */
export function verdict({ better, must, aim, limits }, hub, node) {
  if (!(hub > 0)) return '–';
  const good = (wanted) => {
    if (wanted === undefined) return undefined;
    if (limits) return better === 'more' ? hub >= wanted : hub <= wanted;
    if (!(node > 0)) return undefined;
    return (better === 'more' ? hub / node : node / hub) >= wanted;
  };
  if (good(aim)) return 'aim';
  const reached = good(must);
  if (reached === undefined) return '–';
  return reached ? 'must' : '**no**';
}

const factor = ({ better, limits }, value) => {
  if (value === undefined) return '–';
  if (limits) return digits(value);
  return better === 'more' ? `${value} x` : `1/${value}`;
};

/** Each row of the comparison: which figure of which scenario, and what was set. */
export const ROWS = [
  { title: 'messages/s, closed loop, 64 senders', of: 'closed', figure: 'rate', better: 'more', must: 4, aim: 8 },
  { title: 'CPU s per 100,000 delivered: nodes + Redis + PostgreSQL', of: 'closed', figure: 'cpu', better: 'less', must: 6, aim: 10 },
  { title: "send to socket at half of the Node original's load, p50 ms", of: 'half', figure: 'p50', better: 'less', must: 2, aim: 4 },
  { title: '… p99 ms', of: 'half', figure: 'p99', better: 'less', must: 4, aim: 10 },
  { title: "one person's 1,000 sockets: deliveries/s", of: 'fanout', figure: 'rate', better: 'more', must: 2, aim: 2.7 },
  { title: '… CPU s per 100,000 delivered', of: 'fanout', figure: 'cpu', better: 'less', must: 2, aim: 3 },
  { title: '1,000 people with a socket each: deliveries/s', of: 'people', figure: 'rate', better: 'more', must: 2, aim: 2.7 },
  { title: '… CPU s per 100,000 delivered', of: 'people', figure: 'cpu', better: 'less', must: 2, aim: 3 },
  { title: 'authenticated connects/s, 64 at a time', of: 'connect', figure: 'rate', better: 'more', must: 3, aim: 5 },
  { title: '… CPU ms each', of: 'connect', figure: 'cpu', better: 'less', must: 3, aim: 6 },
  { title: 'memory of an idle WebSocket at 15,000, KiB', of: 'idle', figure: 'memory', better: 'less', limits: true, must: 18, aim: 16.5 },
  { title: 'CPU of idle connections, % of a core per 10,000', of: 'idle', figure: 'cpu', better: 'less', must: 2, aim: 4 },
  { title: 'embedded (SQLite) against the Node original on PostgreSQL: messages/s', on: 'embedded', of: 'closed', figure: 'rate', better: 'more', must: 2, aim: 5 },
  { title: 'history: newest 50 messages, requests/s', of: 'newest', figure: 'rate', better: 'more' },
  { title: 'history: pages of 50 going back, requests/s', of: 'back', figure: 'rate', better: 'more' },
  { title: 'history: all 1,000 messages, requests/s', of: 'whole', figure: 'rate', better: 'more' },
  { title: 'log-ins/s', of: 'login', figure: 'rate', better: 'more' },
];

export const HEAD = ['', 'Node original', 'hubbub', 'ratio', 'must', 'aim', 'reaches', 'hubbub embedded'];

/** Rows of the table of those scenarios that ran: `found.hub.closed.rate` is a figure. What was set is for two nodes, if the row doesn't say another system. */
export function comparison(found) {
  return ROWS.filter(({ on = 'hub', of }) => found[on]?.[of]).map((row) => {
    const [node, hub, embedded] = ['node', row.on ?? 'hub', 'embedded'].map((system) => found[system]?.[row.of]?.[row.figure]);
    return [
      row.title, digits(node), digits(hub), ratio(row.better, hub, node), factor(row, row.must), factor(row, row.aim), verdict(row, hub, node), digits(embedded),
    ];
  });
}

const DETAILS = {
  'messages/s': 'rate', 'CPU s per 100,000': 'cpu', nodes: 'nodesCpu', PostgreSQL: 'postgresCpu', Redis: 'redisCpu', 'answered p50': 'ackP50',
  'to the socket p50': 'p50', p90: 'p90', p99: 'p99', 'p99.9': 'p999', max: 'max', 'lost, doubled, out of order': 'faults', 'failed or not sent': 'unsent',
  'tool: µs each': 'toolCpu', 'late ticks': 'late',
};
const OTHERS = { 'a second': 'rate', 'CPU (ms each; fan-out: s per 100,000)': 'cpu', p50: 'p50', p99: 'p99', faults: 'faults', 'tool: µs each': 'toolCpu', 'late ticks': 'late' };
const DELIVERIES = ['closed', 'half', 'people'];

/** Two further tables, with everything that was measured: of deliveries, and of the rest. */
export function details(found, names) {
  const rows = (columns, chosen) => chosen.flatMap((scenario) =>
    Object.keys(names).filter((system) => found[system]?.[scenario]).map((system) => [
      `${scenario}, ${names[system]}`, ...Object.values(columns).map((figure) => digits(found[system][scenario][figure])),
    ]));
  const others = ['fanout', 'connect', 'newest', 'back', 'whole', 'login'];
  return [
    { head: ['deliveries (times in ms)', ...Object.keys(DETAILS)], rows: rows(DETAILS, DELIVERIES) },
    { head: ['others (times in ms)', ...Object.keys(OTHERS)], rows: rows(OTHERS, others) },
  ].filter((part) => part.rows.length > 0);
}
