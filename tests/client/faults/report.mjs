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

const worstOf = (entries) => Math.max(0, ...Object.values(entries).flatMap(({ worst }) => (typeof worst === 'number' ? [worst] : Object.values(worst))));

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
  return table(['fault', 'count', 'messages around', 'lost', 'doubled', 'out of order', ...clients.map((client) => `worst, ${client}`)], rows);
}

function byClient({ figures }) {
  const rows = Object.entries(figures.clients).map(([kind, entry]) => {
    const { recovered, resumed, current, reset, silent } = entry.reconnects;
    return [kind, entry.pages, number(entry.shown), entry.lost + entry.missed, entry.doubled, entry.disordered, ms(entry.worst), number(recovered + resumed + current), number(reset + silent)];
  });
  return table(['client', 'pages', 'messages shown', 'lost', 'doubled', 'out of order', 'worst delay', 'reconnects that lost nothing', 'reconnects that start anew'], rows);
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

const pairLine = (name, { sent, failed, unseen, sendMs, delayMs }) => [name, number(sent), failed, unseen, ms(sendMs.p50), ms(sendMs.p99), ms(delayMs.p50), ms(delayMs.p99), ms(delayMs.max)];
const PAIR = ['', 'sent', 'failed sends', 'not shown', 'send p50', 'send p99', 'delay p50', 'delay p99', 'delay worst'];

function stories({ runs }) {
  const latest = (what) => runs.findLast((run) => run[what])?.[what];
  const [outage, embedded, without, stuck] = ['outage', 'embedded', 'control', 'stuck'].map(latest);
  const parts = [];
  if (outage) {
    parts.push(`## Without Redis for ${outage.seconds} s\n
Under the load of the run, ${number(outage.sent)} sends were answered 201 meanwhile and ${number(outage.failed)} attempts failed (p50 ${ms(outage.sendMs.p50)}, p99 ${ms(outage.sendMs.p99)};
with Redis, just before: ${ms(outage.calmMs.p50)} and ${ms(outage.calmMs.p99)}). Two pairs of people, ten messages a second each; of those between nodes, ${outage.acrossNodes.laterThan5s} came later than 5 s after Redis was back:\n
${table(PAIR, [pairLine('same node', outage.sameNode), pairLine('across nodes', outage.acrossNodes)])}`);
  }
  if (embedded) {
    const { history, acknowledged, kinds, clients } = embedded.figures;
    parts.push(`## A node alone, killed ${embedded.kills} times\n
SQLite, SIGKILL under load, ${number(total(kinds, 'counted'))} kills with at least ${IN_FLIGHT} messages around: ${number(acknowledged)} messages acknowledged, ${history.missing} of them missing in the
database, ${history.doubled} there twice; on pages ${total(clients, 'lost') + total(clients, 'missed')} lost, ${total(clients, 'doubled')} doubled, ${total(clients, 'disordered')} out of order; worst delay ${ms(worstOf(kinds))}.`);
  }
  if (without) {
    parts.push(`## With repair switched off\n
The control, with \`HUBBUB__REALTIME__REPAIR=false\` and five faults in which sockets stay: **${number(total(without.clients, 'lost'))} lost** of ${number(total(without.clients, 'lost') + without.shown)} that pages should have shown. The books can turn red.`);
  }
  if (stuck) {
    const cut = stuck.cutWithinSeconds === undefined ? `${stuck.left} of them were still there after 90 s` : `all of them were cut within ${stuck.cutWithinSeconds} s`;
    parts.push(`## Beside ${number(stuck.peers)} peers that stopped reading\n
Each said CONNECT and read nothing more; ${number(stuck.fed)} messages of 1,900 characters went to their accounts; ${cut}. A pair on two nodes:\n
${table(PAIR, [pairLine('without them', stuck.without), pairLine('beside them', stuck.beside)])}`);
  }
  return parts.join('\n\n');
}

function text(records) {
  const all = systems(records);
  const ours = all.find(({ name }) => name === 'hubbub');
  const { machine } = (ours ?? all[0]).last;
  const used = [`${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB`, machine.kernel, `Node.js ${machine.node}`, `PostgreSQL ${machine.postgres}`, `Redis ${machine.redis}`];
  const sections = [
    `# Delivery ledger

Written by \`make soak\`; all figures are from real runs, and add up over the runs of one build. Three nodes, their own PostgreSQL (fsync on) and Redis with
a replica, a balancer, and people whose pages stay open through everything: unchanged \`socket.io-client\` 4.8 (WebSocket only, polling with upgrade,
polling only) and clients of ours (the same library, which says its position). Senders repeat a message, on whatever node, until it is answered 201.

Machine: ${used.join(', ')}; nodes, databases, clients and proxies share it. All settings are the defaults, but for: limits
off, pings every ${PINGS.default.interval} s with a timeout of ${PINGS.default.timeout} s, and a drain of 2 s.`,
    `## In all\n\n${totals(all)}`,
    `A fault counts only with at least ${IN_FLIGHT} messages under way or acknowledged from its start to a second after its end, and with proof that it bit (the process is gone,
Redis has another run id, connections were cut …). *Lost*: not shown on a page that was open, by the time everything had settled, though acknowledged. The worst delay is counted from the
acknowledgement, the end of the fault, or the reader's reconnect, whichever was last; the bound is ${BOUND / 1_000} s.`,
  ];
  if (ours) sections.push(`## hubbub, by kind of fault\n\n${byKind(ours)}`, `## hubbub, by kind of client\n\n${byClient(ours)}`);
  if (all.length > 1) {
    sections.push(`## Beside the Node original

The same schedule against [bench/node-peer](../bench/node-peer/README.md): what hubbub replaces, on three nodes. A send has no \`clientId\` there, so a repeated send may
be stored twice; that is counted above, not here. Its messages go to the receiver's pages only, hubbub's to the sender's, too.

${beside(all)}`);
  }
  if (ours) sections.push(stories(ours));
  const commands = all.flatMap(({ runs }) => runs.map(({ at, command, build }) => `${command}    # ${at.slice(0, 16)}Z, ${build.version} (${build.digest})`));
  sections.push(`## To run it again\n\nThe seed gives the same faults in the same order.\n\n\`\`\`sh\n${commands.join('\n')}\n\`\`\``);
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

export async function writeReport(books, file) {
  const records = (await readFile(books, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
  await writeFile(file, text(records));
}
