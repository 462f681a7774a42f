// A name server that knows one name, as a cluster's does that lists the pods of a headless Service.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const A = 1;

export class NameServer {
  addresses;
  #socket;

  static async of(addresses) {
    const server = new NameServer();
    server.addresses = addresses;
    server.#socket = createSocket('udp4', (question, { port, address }) => server.#socket.send(server.#answer(question), port, address));
    server.#socket.bind(0, '127.0.0.1');
    await once(server.#socket, 'listening');
    server.at = `127.0.0.1:${server.#socket.address().port}`;
    return server;
  }

  /** RFC 1035: the head, the question as it came, and a record for each address that points back to the name in it. */
  #answer(query) {
    let end = 12;
    while (query[end] !== 0) end += query[end] + 1;
    const type = query.readUInt16BE(end + 1);
    const question = query.subarray(12, end + 5);
    const addresses = type === A ? this.addresses : [];
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(addresses.length, 6);
    const records = addresses.map((address) => {
      const record = Buffer.alloc(16);
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(A, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(1, 6);
      record.writeUInt16BE(4, 10);
      record.set(address.split('.').map(Number), 12);
      return record;
    });
    return Buffer.concat([head, question, ...records]);
  }

  close() {
    this.#socket.close();
  }
}
