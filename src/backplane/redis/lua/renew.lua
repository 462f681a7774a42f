-- Renews a lease that still exists; never makes a lost one again, because whoever saw it lost may have cleaned up.
-- KEYS: lease, users, both of one node. ARGV: milliseconds, what the lease says of the node.
-- -> {1 or 0, number of users registered, replication id}
local alive = redis.call('SET', KEYS[1], ARGV[2], 'XX', 'PX', ARGV[1]) and 1 or 0
local replication = ''
local info = redis.pcall('INFO', 'replication')
if type(info) == 'string' then
  replication = string.match(info, 'master_replid:(%x+)') or ''
end
return {alive, redis.call('SCARD', KEYS[2]), replication}
