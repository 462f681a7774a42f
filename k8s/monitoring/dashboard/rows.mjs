// The rows of the dashboard, from what an operator looks at first to what explains it. What a healthy hub doesn't have, such as
// errors, is written so that it shows 0: an empty panel means that something is wrong with the scrape.
import { at, heatmap, lines, number, orZero, q, quantile, rate, rates } from './panels.mjs';

const JOB = '{namespace=~"$namespace",job="$job"}'; // recorded series have no instance
const byNode = (metric, more) => q(at(metric, more), '{{instance}}');
const SEND = 'route="/api/messages/send/{id}",method="POST"';

const overview = [
  number('Nodes serving', 'Nodes that answer and are not draining.', q(`sum(job:hubbub_nodes_serving:sum${JOB})`, 'nodes'), { width: 3 }),
  number('Alerts firing', 'Alerts of hubbub that fire now.', q(orZero('count(ALERTS{alertname=~"Hubbub.*",alertstate="firing"})'), 'alerts'), { width: 3, steps: [[1, 'red']] }),
  number('Sockets', 'Sockets connected, all nodes.', q(`sum(${at('hubbub_sockets')})`, 'sockets'), { width: 3 }),
  number('People', 'People with a socket; who is on two nodes counts twice.', q(`sum(${at('hubbub_local_users')})`, 'people'), { width: 3 }),
  number('Messages', 'Messages stored for the first time.', q(rates('', 'hubbub_messages_accepted_total'), 'messages'), { unit: 'cps', width: 3 }),
  number('Delivery, median', 'From the commit to the queues of the sockets.', q(quantile(0.5, 'hubbub_delivery_seconds', { more: 'path=~"local|remote"' }), 'p50'), { unit: 's', width: 3, steps: [[0.1, 'orange'], [1, 'red']] }),
  number('Delivery, p99', 'The slower of local and remote, as the alert sees it.', q(`max(job_path:hubbub_delivery_seconds:p99_5m${JOB})`, 'p99'), { unit: 's', width: 3, steps: [[0.25, 'orange'], [1, 'red']] }),
  number('Sends failing', 'By the hub’s fault, by REST and by socket.', q(`max(job:hubbub_sends_failed:ratio_rate5m${JOB})`, 'failed'), { unit: 'percentunit', width: 3, steps: [[0.001, 'orange'], [0.01, 'red']] }),
  lines('Health', '1: well. One line below that is what went wrong.', [
    q(`min(${at('hubbub_database_up')})`, 'database up'),
    q(`min(${at('hubbub_backplane_up')})`, 'Redis up'),
    q(`1 - max(${at('hubbub_backplane_deaf')})`, 'no node deaf'),
    q(`min(up${JOB})`, 'all targets up'),
  ], { width: 12, max: 1 }),
  lines('Versions', 'Nodes by version.', [q(`count by (version) (${at('hubbub_build_info')})`, '{{version}}')], { width: 12, stacked: true }),
];

const connections = [
  lines('Sockets by node', 'New nodes begin empty and fill as clients come and go.', [byNode('hubbub_sockets')], { stacked: true }),
  lines('Spread', 'The fullest and the emptiest node, compared with the mean.', [
    q(`max(${at('hubbub_sockets')}) / avg(${at('hubbub_sockets')})`, 'fullest / mean'),
    q(`min(${at('hubbub_sockets')}) / avg(${at('hubbub_sockets')})`, 'emptiest / mean'),
  ]),
  lines('Handshakes', 'passing and throttled clients come again by themselves; refused ones don’t.', [q(rates('result', 'hubbub_handshakes_total'), '{{result}}')], { unit: 'cps' }),
  lines('Disconnects', 'Why sockets ended.', [q(rates('reason', 'hubbub_disconnects_total'), '{{reason}}')], { unit: 'cps', stacked: true }),
  lines('Coming back', 'What became of clients that said where they were. reset: they load everything anew.', [q(rates('verdict, reason', 'hubbub_resumes_total'), '{{verdict}} {{reason}}')], { unit: 'cps' }),
  lines('Drain', 'Sockets that draining nodes still have to close.', [byNode('hubbub_drain_sockets_left')]),
  lines('TCP connections', 'By listener. Polling clients have more than one.', [q(`sum by (listener) (${at('hubbub_http_connections')})`, '{{listener}}')]),
  lines('Shed', 'Sockets that fuller nodes closed so that they move (cluster.shed).', [q(orZero(rates('', 'hubbub_sockets_shed_total')), 'shed')], { unit: 'cps' }),
  lines('Polls forwarded', 'Polling requests that reached another node than their session’s.', [
    q(orZero(rates('', 'hubbub_polls_forwarded_total', 'result="answered"')), 'answered'),
    q(orZero(rates('', 'hubbub_polls_forwarded_total', 'result="failed"')), 'failed'),
  ], { unit: 'cps' }),
];

const delivery = [
  lines('Messages', 'Repeated ones were sent again with the same clientId, and stored once.', [
    q(rates('', 'hubbub_messages_accepted_total'), 'accepted'),
    q(rates('', 'hubbub_messages_repeated_total'), 'repeated'),
  ], { unit: 'cps' }),
  lines('Log entries delivered', 'By path. log: no hint brought them in time.', [q(rates('path', 'hubbub_log_entries_delivered_total'), '{{path}}')], { unit: 'cps', stacked: true }),
  lines('Delivery time', 'From the commit to the queues of the sockets.', [
    q(quantile(0.5, 'hubbub_delivery_seconds', { by: 'path', more: 'path=~"local|remote"' }), '{{path}} p50'),
    q(quantile(0.99, 'hubbub_delivery_seconds', { by: 'path', more: 'path=~"local|remote"' }), '{{path}} p99'),
  ], { unit: 's' }),
  heatmap('Delivery time, all paths', 'Deliveries by how long they took.', q(`sum by (le) (increase(${at('hubbub_delivery_seconds_bucket')}[$__rate_interval]))`, '{{le}}')),
  lines('From the log', 'Gaps repaired: a hint was lost. Replayed: missed by a client that came back.', [
    q(rates('', 'hubbub_gaps_repaired_total'), 'gaps repaired'),
    q(rates('', 'hubbub_log_entries_replayed_total'), 'replayed'),
  ], { unit: 'cps' }),
  lines('Reconciles', 'sweep is the regular one; the others follow a fault.', [q(rates('reason', 'hubbub_reconciles_total'), '{{reason}}')], { unit: 'cps' }),
  lines('Too slow', 'Sockets cut because their outbox was full; signals that a node had no room for.', [
    q(rates('', 'hubbub_outbox_overflows_total'), 'outbox overflows'),
    q(rates('', 'hubbub_signals_dropped_total'), 'signals dropped'),
  ], { unit: 'cps' }),
  lines('Events to sockets', 'By event.', [q(rates('event', 'hubbub_events_emitted_total'), '{{event}}')], { unit: 'cps' }),
  lines('Events from sockets', 'By event and result.', [q(rates('event, result', 'hubbub_events_received_total'), '{{event}} {{result}}')], { unit: 'cps' }),
];

const within = (metric) => `sum(increase(${at(metric)}[1h]))`;
const presence = [
  lines('People online', 'As each node sees it: lines that don’t lie on each other are nodes that disagree.', [byNode('hubbub_presence_online')]),
  lines('Known', '0: the node can’t tell who is online elsewhere, and shows what it knew last.', [byNode('hubbub_presence_known')], { max: 1 }),
  lines('Audience', 'Nodes by whom people are told of. conversations: as set, or more are online than presence.everyone_up_to.', [q(`sum by (audience) (${at('hubbub_presence_audience')})`, '{{audience}}')], { stacked: true }),
  lines('Came and left', 'As each node told its sockets; all nodes tell the same.', [q(rate('hubbub_presence_changes_total'), '{{instance}}')], { unit: 'cps' }),
  lines('Bytes', 'Queued to sockets. list: whole lists, for frontends that know nothing else.', [q(rates('kind', 'hubbub_presence_bytes_total'), '{{kind}}')], { unit: 'Bps', stacked: true }),
  lines('Bytes a socket', 'What each socket is sent of presence in a second, on average.', [q(`${rates('', 'hubbub_presence_bytes_total')} / sum(${at('hubbub_sockets')})`, 'mean')], { unit: 'Bps' }),
  lines('Events', 'presence:snapshot, presence and presence:state go to clients that ask for changes, getOnlineUsers to the others.', [q(rates('event', 'hubbub_events_emitted_total', 'event=~"getOnlineUsers|presence.*"'), '{{event}}')], { unit: 'cps' }),
  lines('Made good, in an hour', 'Nodes that are gone and were swept; differences corrected after Redis lost its memory; people whose lastSeen is too early.', [
    q(within('hubbub_nodes_swept_total'), 'nodes swept'),
    q(within('hubbub_presence_corrected_total'), 'corrected'),
    q(within('hubbub_last_seen_lost_total'), 'last seen lost'),
  ]),
  lines('Typing', 'Signs shown, and those that the limit refused.', [
    q(rates('', 'hubbub_events_emitted_total', 'event="typing"'), 'shown'),
    q(orZero(rates('', 'hubbub_rate_limited_total', 'limit="typing"')), 'refused'),
  ], { unit: 'cps' }),
];

const database = [
  lines('Sends failing', 'Share that failed by the hub’s fault.', [q(`job:hubbub_sends_failed:ratio_rate5m${JOB}`, 'failed')], { unit: 'percentunit' }),
  lines('Sends in one transaction', 'Grows with the load: that is how the database keeps up.', [
    q(`${rates('', 'hubbub_batch_sends_sum')} / ${rates('', 'hubbub_batch_sends_count')}`, 'mean'),
    q(quantile(0.99, 'hubbub_batch_sends'), 'p99'),
  ]),
  lines('Time of a transaction', 'A sender waits for up to two.', [
    q(quantile(0.5, 'hubbub_batch_seconds'), 'p50'),
    q(quantile(0.99, 'hubbub_batch_seconds'), 'p99'),
  ], { unit: 's' }),
  lines('Send queue', 'Sends that wait for a writer; at database.queue (4096) further ones are answered 503.', [byNode('hubbub_send_queue')]),
  lines('Transactions repeated', 'By reason.', [q(rates('reason', 'hubbub_batch_retries_total'), '{{reason}}')], { unit: 'cps' }),
  lines('Pools in use', 'Share of the connections that each node may have.', [
    q(`${at('hubbub_database_pool_connections', 'state="used"')} / ignoring (state) ${at('hubbub_database_pool_limit')}`, '{{instance}} {{pool}}'),
  ], { unit: 'percentunit', max: 1 }),
  lines('Database connections', 'All nodes together; compare with the server’s max_connections.', [q(`sum by (pool, state) (${at('hubbub_database_pool_connections')})`, '{{pool}} {{state}}')], { stacked: true }),
  lines('Database up', 'By node.', [byNode('hubbub_database_up')], { max: 1 }),
  lines('Log entries pruned', 'Older than database.log_retention.', [q(rates('', 'hubbub_log_entries_pruned_total'), 'pruned')], { unit: 'cps' }),
];

const redis = [
  lines('Redis up', 'By node; constant 1 on a node alone.', [byNode('hubbub_backplane_up')], { max: 1 }),
  lines('Beacon age', 'Time since a node heard itself; deaf from 3 s on.', [byNode('hubbub_beacon_age_seconds')], { unit: 's' }),
  lines('Redis connections', 'By state; none on a node alone.', [q(orZero(`sum by (state) (${at('hubbub_redis_connections')})`), '{{state}}')], { stacked: true }),
  lines('Commands queued', 'Waiting to be written to Redis.', [byNode('hubbub_redis_queued_commands')]),
  lines('Envelopes', 'Told to other nodes, or not.', [
    q(rates('', 'hubbub_envelopes_published_total'), 'published'),
    q(rates('', 'hubbub_publish_failures_total'), 'failed'),
  ], { unit: 'cps' }),
  lines('Rate limits', 'Requests refused by limit, and decisions taken without Redis.', [
    q(rates('limit', 'hubbub_rate_limited_total'), '{{limit}}'),
    q(rates('', 'hubbub_limit_fallbacks_total'), 'decided without Redis'),
  ], { unit: 'cps' }),
];

const http = [
  lines('Requests', 'By route.', [q(rates('route', 'hubbub_http_requests_total'), '{{route}}')], { unit: 'reqps', stacked: true }),
  lines('Latency, p99', 'By route.', [q(quantile(0.99, 'hubbub_http_request_seconds', { by: 'route' }), '{{route}}')], { unit: 's' }),
  lines('Answered 5xx', 'Share by route.', [
    q(`(${rates('route', 'hubbub_http_requests_total', 'status=~"5.."')} or 0 * ${rates('route', 'hubbub_http_requests_total')}) / ${rates('route', 'hubbub_http_requests_total')}`, '{{route}}'),
  ], { unit: 'percentunit' }),
  lines('Answers by status', '503: come again later. 429: a limit.', [q(rates('status', 'hubbub_http_requests_total'), '{{status}}')], { unit: 'reqps', stacked: true }),
  lines('Sends', 'POST of messages, by status.', [q(rates('status', 'hubbub_http_requests_total', SEND), '{{status}}')], { unit: 'reqps' }),
  lines('Images', 'Accepted and refused.', [q(rates('result', 'hubbub_images_total'), '{{result}}')], { unit: 'cps' }),
];

const processes = [
  lines('CPU', 'Cores in use.', [q(rate('process_cpu_seconds_total'), '{{instance}}')]),
  lines('Memory', 'Resident, and the limit that the alert knows.', [byNode('process_resident_memory_bytes'), q('hubbub:memory_limit_bytes', 'limit')], { unit: 'bytes' }),
  lines('File descriptors', 'Share of what may be open.', [q(`${at('process_open_fds')} / ${at('process_max_fds')}`, '{{instance}}')], { unit: 'percentunit', max: 1 }),
  lines('Runtime lag, p99', 'How late timers fire: too little CPU, or work that blocks.', [q(quantile(0.99, 'hubbub_runtime_lag_seconds', { by: 'instance' }), '{{instance}}')], { unit: 's' }),
  lines('Threads', 'By node.', [byNode('process_threads')]),
  lines('Running since', 'Age of the process.', [q(`time() - ${at('process_start_time_seconds')}`, '{{instance}}')], { unit: 's' }),
];

export const rows = [
  ['Overview', overview],
  ['Connections', connections],
  ['Delivery', delivery],
  ['Presence', presence],
  ['Sends and database', database],
  ['Redis', redis],
  ['HTTP', http],
  ['Process', processes],
];
