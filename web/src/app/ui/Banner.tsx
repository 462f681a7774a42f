import { useEffect, useState } from 'react';
import { useLive } from '../state/live';
import { texts } from '../texts';

/** How long a state may last before it is worth a word: most pass at once. */
const patience = { connecting: 1000, 'catching-up': 400, offline: 0, live: 0, ended: 0 };

/** Says what the connection is doing when it is not live. */
export function Banner() {
  const connection = useLive((live) => live.connection);
  const hub = useLive((live) => live.hub);
  const [shown, setShown] = useState<typeof connection>('live');
  useEffect(() => {
    const timer = setTimeout(() => setShown(connection), patience[connection]);
    return () => clearTimeout(timer);
  }, [connection]);

  const { connection: words } = texts;
  const said = { connecting: words.connecting, 'catching-up': words.catchingUp, offline: words.offline, live: '', ended: '' }[shown];
  const visible = said !== '' && connection !== 'live';
  return (
    <div className="banner-place" role="status">
      {visible && (
        <div className={`banner banner-${shown}`}>
          <span>{said}</span>
          {shown === 'offline' && (
            <button type="button" className="text-button" onClick={() => hub?.reconnect()}>
              {words.now}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
