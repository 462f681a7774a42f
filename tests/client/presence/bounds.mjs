// What is promised of presence, in milliseconds, for the default settings and for shorter ones that make a walk worth its time.

/** `slack` is what a busy machine may add to any of them; `jitter` is how much sooner a node may see an event than its client. */
const MACHINE = { slack: 500, jitter: 250 };

// As config/default.toml has them.
const PROMISED = {
  ...MACHINE,
  grace: 10_000,
  /** From the moment at which somebody counts as online or offline until all are told: a beacon (1 s), the interval (1 s), and a list's (2 s). */
  announced: 4_000,
  loggedOut: 4_000,
  killed: 15_000,
  /** A dead node's people stand at least so long: its lease is renewed each 2 s and lasts 8. */
  earliestSweep: 6_000,
  /** After Redis is back, or has lost what it knew. */
  back: 5_000,
  /** Redis is away for so long before clients are told that nothing is known. */
  unknown: 5_000,
  /** What a node that was told to stop leaves behind for people who are on their way to another. */
  handover: 33_000,
  listInterval: 2_000,
  listBytes: 20_000,
};

// A vanished peer is noticed in 6 s instead of 45; nothing else differs from the defaults.
const SHORT_PINGS = { HUBBUB__REALTIME__PING_INTERVAL: '3s', HUBBUB__REALTIME__PING_TIMEOUT: '3s' };

export const DEFAULT = { bounds: { ...PROMISED, ping: 6_000 }, env: SHORT_PINGS };

export const SHORT = {
  bounds: {
    ...PROMISED,
    grace: 1_500,
    // A step of the graces, a beacon, the interval and a list's interval.
    announced: 1_000,
    loggedOut: 1_000,
    // The later of lease and life sign in the database (2.5 of its beats), the next look at them, and the announcement.
    killed: 4_000,
    earliestSweep: 1_500,
    // A repair, a comparison of versions (twice a lease), and the announcement.
    back: 2_500,
    unknown: 2_000,
    listInterval: 200,
    ping: 3_500,
  },
  env: {
    HUBBUB__PRESENCE__GRACE: '1500ms',
    HUBBUB__PRESENCE__INTERVAL: '100ms',
    HUBBUB__PRESENCE__LIST_INTERVAL: '200ms',
    HUBBUB__CLUSTER__BEAT: '500ms',
    HUBBUB__CLUSTER__LEASE: '2s',
    HUBBUB__CLUSTER__DATABASE_BEAT: '750ms',
    HUBBUB__CLUSTER__BEACON: '250ms',
    HUBBUB__CLUSTER__DEAF_AFTER: '1s',
    HUBBUB__REALTIME__PING_INTERVAL: '2s',
    HUBBUB__REALTIME__PING_TIMEOUT: '1500ms',
  },
};
