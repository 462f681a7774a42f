// REST that goes wrong.
import { Api, ApiError, type Message, type SendBody } from '..';

/** REST that goes wrong as a test wants: `before` may throw instead of the request being made. */
export class FaultyApi extends Api {
  readonly sends: SendBody[] = [];
  before: (body: SendBody, receiverId: string) => void | Promise<void> = () => undefined;
  after: (message: Message) => void | Promise<void> = () => undefined;

  override async send(receiverId: string, body: SendBody, signal?: AbortSignal): Promise<Message> {
    this.sends.push(body);
    await this.before(body, receiverId);
    const message = await super.send(receiverId, body, signal);
    await this.after(message);
    return message;
  }
}

/** What a request without a network ends with. */
export function lost(): never {
  throw new ApiError('lost', 0, 'network');
}
