// docs/delivery-ledger.md: what the runs of the latest build of each system add up to.
import { readFile, writeFile } from 'node:fs/promises';
import { FAULTS } from './faults.mjs';
import { KINDS } from './page.mjs';
import { BOUND, IN_FLIGHT } from './run.mjs';
import { PINGS } from './systems.mjs';
import { add, total } from './summary.mjs';

const number = (value) => (value ?? 0).toLocaleString('en-US');
const ms = (value) => (value === undefined || value === null ? '–' : `${number(Math.round(value))} ms`);
const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [row(head), row(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(row)].join('\n');

/** The figures of each system's latest build, the original's after ours. */
function systems(records) {
  const latest = new Map(records.map((record) => [record.build.name, record.build.digest]));
  return [...latest]
    .sort(([a], [b]) => Number(a !== 'hubbub') - Number(b !== 'hubbub') || a.localeCompare(b))
    .map(([name, digest]) => {
      const runs = records.filter(({ build }) => build.name === name && build.digest === digest);
      return { name, runs, last: runs.at(-1), figures: runs.map((run) => run.figures).reduce((a, b) => add(a, b)) };
    });
}

const NAMES = {
  hubbub: 'hubbub',
  'node-redis': 'Node, Redis adapter',
  'node-sharded': 'Node, sharded Redis adapter',
  'node-streams': 'Node, Redis Streams adapter with recovery',
};

const worstOf = (kinds) => Math.max(0, ...Object.values(kinds).flatMap(({ worst }) => Object.values(worst)));

function totals(all) {
  const line = (name, value) => [name, ...all.map(({ figures }) => value(figures))];
  const reconnects = ({ clients }) => Object.values(clients).map((client) => client.reconnects).reduce((a, b) => add(a, b), undefined);
  const whole = (figures) => {
    const { recovered, resumed, current } = reconnects(figures);
    return recovered + resumed + current;
  };
  return table(
    ['', ...all.map(({ name }) => `**${NAMES[name] ?? name}**`)],
    [
      line('faults that count', ({ kinds }) => number(total(kinds, 'counted'))),
      line('messages acknowledged (201)', ({ acknowledged }) => number(acknowledged)),
      line('shown on pages', ({ shown }) => number(shown)),
      line('**lost** on pages', ({ clients }) => `**${number(total(clients, 'lost') + total(clients, 'missed'))}**`),
      line('… of these, around a reconnect that admits it', ({ clients }) => number(total(clients, 'missed'))),
      line('clients that gave up for good, after a CONNECT_ERROR', ({ gaveUp }) => number(gaveUp.length)),
      line('**doubled** on pages', ({ clients }) => `**${number(total(clients, 'doubled'))}**`),
      line('**out of order** on pages', ({ clients }) => `**${number(total(clients, 'disordered'))}**`),
      line('acknowledged, but not in the database', ({ history }) => number(history.missing)),
      line('twice in the database (a retried send)', ({ history }) => number(history.doubled)),
      line('numbers missing in a log, or shown in another order than the log', ({ logs }) => ('entries' in logs ? number(logs.gaps + logs.unlogged + logs.misplaced) : 'no log')),
      line('worst delay after fault end and reconnect', ({ kinds }) => ms(worstOf(kinds))),
      line('reconnects that recovered or resumed', (figures) => number(whole(figures))),
      line('reconnects that start anew', (figures) => number(reconnects(figures).reset + reconnects(figures).silent)),
    ],
  );
}

function byKind({ figures }) {
  const clients = Object.keys(KINDS);
  const rows = [...Object.keys(FAULTS), 'none']
    .filter((kind) => figures.kinds[kind])
    .map((kind) => {
      const entry = figures.kinds[kind];
      const counted = entry.faults === entry.counted ? number(entry.counted) : `${number(entry.counted)} of ${number(entry.faults)}`;
      return [
        kind === 'none' ? 'before any fault' : `\`${kind}\``,
        counted,
        number(entry.inFlight),
        number(entry.lost + entry.missed),
        number(entry.doubled),
        number(entry.disordered),
        ...clients.map((client) => ms(entry.worst[client])),
      ];
    });
  const head = ['fault', 'count', 'messages around', 'lost', 'doubled', 'out of order'];
  return table([...head, ...clients.map((client) => `worst, ${client}`)], rows);
}

function byClient({ figures }) {
  const rows = Object.entries(figures.clients).map(([kind, entry]) => {
    const { recovered, resumed, current, reset, silent } = entry.reconnects;
    const wrong = [entry.lost + entry.missed, entry.doubled, entry.disordered].map(number);
    return [kind, entry.pages, number(entry.shown), ...wrong, ms(entry.worst), number(recovered + resumed + current), number(reset + silent)];
  });
  const reconnects = ['reconnects that lost nothing', 'reconnects that start anew'];
  return table(['client', 'pages', 'messages shown', 'lost', 'doubled', 'out of order', 'worst delay', ...reconnects], rows);
}

function beside(all) {
  const rows = Object.keys(FAULTS).map((kind) => {
    const cells = all.map(({ figures }) => {
      const entry = figures.kinds[kind];
      return entry ? `${number(entry.lost + entry.missed)} · ${number(entry.doubled)} · ${number(entry.disordered)}` : '–';
    });
    return [`\`${kind}\``, ...cells];
  });
  return table(['lost · doubled · out of order', ...all.map(({ name }) => NAMES[name] ?? name)], rows);
}

const PAIR = ['', 'sent', 'failed sends', 'not shown', 'send p50', 'send p99', 'delay p50', 'delay p99', 'delay worst'];

function pairLine(name, { sent, failed, unseen, sendMs, delayMs }) {
  return [name, number(sent), failed, unseen, ms(sendMs.p50), ms(sendMs.p99), ms(delayMs.p50), ms(delayMs.p99), ms(delayMs.max)];
}

const lostOf = ({ clients }) => total(clients, 'lost') + total(clients, 'missed');

const STORIES = {
  outage: ({ seconds, sent, failed, sendMs, calmMs, sameNode, acrossNodes }) => `## Without Redis for ${seconds} s

Under the load of the run, ${number(sent)} sends were answered 201 meanwhile, and ${number(failed)} attempts failed: p50 ${ms(sendMs.p50)}, p99
${ms(sendMs.p99)} (just before, with Redis: ${ms(calmMs.p50)} and ${ms(calmMs.p99)}). Two pairs of people, up to ten messages a second each; of
those between nodes, ${acrossNodes.laterThan5s} came later than 5 s after Redis was back:

${table(PAIR, [pairLine('same node', sameNode), pairLine('across nodes', acrossNodes)])}`,

  embedded: ({ kills, figures }) => `## A node alone, killed ${kills} times

SQLite, SIGKILL under load, ${number(total(figures.kinds, 'counted'))} kills with at least ${IN_FLIGHT} messages around: ${number(figures.acknowledged)} messages
acknowledged, ${figures.history.missing} of them missing in the database, ${figures.history.doubled} there twice; on pages ${lostOf(figures)} lost,
${total(figures.clients, 'doubled')} doubled, ${total(figures.clients, 'disordered')} out of order; worst delay ${ms(worstOf(figures.kinds))}.`,

  control: (figures) => `## With repair switched off

The control: the same books with \`HUBBUB__REALTIME__REPAIR=false\`, and five faults in which sockets stay. **${number(lostOf(figures))} lost** of
${number(lostOf(figures) + figures.shown)} that pages should have shown. The books can turn red.`,

  stuck: ({ peers, fed, cutWithinSeconds, left, without, beside }) => `## Beside ${number(peers)} peers that stopped reading

Each said CONNECT, and read nothing more once all were there; ${number(fed)} messages of 1,900 characters went to their accounts;
${cutWithinSeconds === undefined ? `${left} of them were still there after 90 s` : `all of them were cut within ${cutWithinSeconds} s`}. A pair on two nodes:

${table(PAIR, [pairLine('without them', without), pairLine('beside them', beside)])}`,
};

function stories({ runs }) {
  return Object.entries(STORIES).flatMap(([what, tells]) => {
    const last = runs.findLast((run) => run[what]);
    return last ? [tells(last[what])] : [];
  });
}

function text(records) {
  const all = systems(records);
  const ours = all.find(({ name }) => name === 'hubbub');
  const { cores, cpu, memoryGiB, kernel, node, postgres, redis } = (ours ?? all[0]).last.machine;
  const sections = [
    `# Delivery ledger

Written by \`make soak\`; all figures are from real runs, and add up over the runs of one build. Three nodes, their own PostgreSQL (fsync on) and
Redis with a replica, a balancer, and people whose pages stay open through everything: unchanged \`socket.io-client\` 4.8 (WebSocket only, polling with
upgrade, polling only) and clients of ours (the same library, which says its position). Senders repeat a message, on whatever node, until it is
answered 201.

Machine: ${cores} cores (${cpu}), ${memoryGiB} GiB, ${kernel}, Node.js ${node}, PostgreSQL ${postgres}, Redis ${redis}; nodes, databases, clients
and proxies share it. All settings are the defaults, but for: limits off, pings every ${PINGS.default.interval} s with a timeout of ${PINGS.default.timeout} s, and a drain of 2 s.`,
    `## In all\n\n${totals(all)}`,
    `A fault counts only with at least ${IN_FLIGHT} messages under way or acknowledged from its start to a second after its end, and with proof that it bit
(the process is gone, Redis has another run id, connections were cut …). *Lost*: not shown on a page that was open, by the time everything had
settled, though acknowledged. The worst delay is counted from the acknowledgement, the end of the fault, or the reader's reconnect, whichever was
last; the bound is ${BOUND / 1_000} s. One fault in seven is followed by a calm in which a late delivery finds no excuse in the next fault.`,
  ];
  if (ours) sections.push(`## hubbub, by kind of fault\n\n${byKind(ours)}`, `## hubbub, by kind of client\n\n${byClient(ours)}`);
  if (all.length > 1) {
    sections.push(`## Beside the Node original

The same schedule against [bench/node-peer](../bench/node-peer/README.md): what hubbub replaces, on three nodes. A send has no \`clientId\` there, so a
repeated send may be stored twice; that is counted above, not here. Its messages go to the receiver's pages only, hubbub's to the sender's, too. A client
that gave up loses everything from then on, under whatever fault follows.

${beside(all)}`);
  }
  if (ours) sections.push(...stories(ours));
  const line = ({ at, command, build }) => `${command}    # ${at.slice(0, 16)}Z, ${build.version} (${build.digest})`;
  const commands = all.flatMap(({ runs }) => runs.map(line));
  sections.push(`## To run it again\n\nThe seed gives the same faults in the same order.\n\n\`\`\`sh\n${commands.join('\n')}\n\`\`\``);
  return `${sections.join('\n\n')}\n`;
}

export async function writeReport(books, file) {
  const records = (await readFile(books, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
  await writeFile(file, text(records));
}
