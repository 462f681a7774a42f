// A process of the load generator: it is given orders and says what became of them, a line of JSON each.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export class Helper {
  #child;
  #lines;

  /** Starts the module at `url` and gives it its first order. */
  constructor(url, order) {
    this.#child = spawn(process.execPath, [fileURLToPath(url)], { stdio: ['pipe', 'pipe', 'inherit'] });
    // That it has ended is noticed where it should have said something.
    this.#child.stdin.on('error', () => {});
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.tells(order);
  }

  tells(order) {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  async hears() {
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error('a process of the load generator has ended');
    const said = JSON.parse(value);
    if (said.error) throw new Error(`a socket failed: ${said.error}`);
    return said;
  }

  asks(order) {
    this.tells(order);
    return this.hears();
  }

  ends() {
    this.#child.kill('SIGKILL');
  }
}
