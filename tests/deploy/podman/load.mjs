// People with pages of all kinds behind the load balancer, who write to one another all the time; the books are those of the fault suite.
import { fetchText } from '../../client/faults/balancer.mjs';
import { checkHistory, checkLogs } from '../../client/faults/history.mjs';
import { Ledger } from '../../client/faults/ledger.mjs';
import { KINDS, Page } from '../../client/faults/page.mjs';
import { sleep, until } from '../../client/faults/program.mjs';
import { Senders } from '../../client/faults/senders.mjs';
import { User } from '../../client/support/user.mjs';

const PEOPLE = 60;
const PAGES = { websocket: 160, upgrade: 120, polling: 60, own: 140 };
/** So many others everybody writes to, and messages a second of all together. */
const PEERS = 2;
const RATE = 60;
/** Pages that are opened at the same time. */
const DOOR = 40;

export class Load {
  ledger = new Ledger({ showsSender: true });

  static async starts({ url }) {
    const load = new Load();
    load.url = url;
    const people = [];
    for (let i = 0; i < PEOPLE; i += 1) people.push(await User.signsUp({ url }, `person${i}`));
    for (const [i, from] of people.entries()) {
      for (let k = 1; k <= PEERS; k += 1) load.ledger.addStream(from, people[(i + k) % PEOPLE]);
    }
    for (const [kind, count] of Object.entries(PAGES)) {
      for (let i = 0; i < count; i += 1) {
        load.#opens(people[i % PEOPLE], kind);
        if (i % DOOR === DOOR - 1 || i === count - 1) await load.allConnected(30_000);
      }
    }
    load.senders = new Senders({ streams: load.ledger.streams, ledger: load.ledger, urls: [url], rate: RATE });
    load.senders.start();
    return load;
  }

  /** As a browser: it keeps the balancer's cookie, though only for as long as one session. */
  #opens(user, kind) {
    const onMessage = (page, message, place) => this.ledger.shown(page, message, place);
    const page = new Page({ user, kind, url: this.url, onMessage, reconnection: { withCredentials: true, autoConnect: false } });
    if (!KINDS[kind].own) {
      // The balancer's cookie would displace a session in a fixed header.
      delete page.socket.io.opts.extraHeaders;
      page.socket.auth = { token: user.token };
    }
    page.lostAt = [];
    page.errors = 0;
    page.socket.on('disconnect', () => page.lostAt.push(performance.now()));
    page.socket.on('connect_error', () => (page.errors += 1));
    this.ledger.addPage(page);
    page.socket.connect();
  }

  get pages() {
    return this.ledger.pages;
  }

  async allConnected(ms) {
    const away = () => this.pages.filter(({ socket }) => !socket.connected);
    await until(() => away().length === 0, ms, () => `all pages are connected; ${away().length} of ${this.pages.length} are not: ${away()[0].kind}`);
  }

  /** Times between two moments, of all pages: `lost` connections, and how they came `back`. */
  between(from, to) {
    const within = (at) => at >= from && at < to;
    const lost = this.pages.flatMap(({ lostAt }) => lostAt.filter(within));
    const back = this.pages.flatMap(({ reconnects }) => reconnects.map(({ at }) => at).filter(within));
    return { lost, back };
  }

  /** No more messages; resolves with the books once everything is shown, or nothing more comes. */
  async ends({ patience = 15_000 } = {}) {
    const { ledger, senders } = this;
    await senders.stop();
    let [missing, since] = [ledger.outstanding(), performance.now()];
    while (missing > 0 && performance.now() - since < patience) {
      await sleep(200);
      const now = ledger.outstanding();
      if (now < missing) since = performance.now();
      missing = now;
    }
    // What comes twice may come late.
    await sleep(500);
    const history = await checkHistory(ledger, this.url);
    const logs = await checkLogs(ledger, this.url);
    return { ledger, findings: ledger.findings(), history, logs, deaths: [], failures: senders.failures };
  }

  close() {
    this.senders?.halt();
    this.pages.forEach((page) => page.close());
  }
}

/** `hubbub_sockets` of each node. */
export async function sockets(nodes) {
  const bodies = await Promise.all(nodes.map(({ opsUrl }) => fetchText(`${opsUrl}/metrics`)));
  return bodies.map(({ body }) => Number(/^hubbub_sockets (\d+)/m.exec(body)?.[1]));
}
