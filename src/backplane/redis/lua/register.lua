-- Writes changes of who is on a node into its set and counts its presence version up.
-- KEYS: lease, users, version, all of one node. ARGV: how many came, those who came, those who left.
-- -> the new version, or -1 if the node has no lease
if redis.call('EXISTS', KEYS[1]) == 0 then
  return -1
end
local came = tonumber(ARGV[1])
for at = 2, #ARGV do
  redis.call(at <= came + 1 and 'SADD' or 'SREM', KEYS[2], ARGV[at])
end
return redis.call('INCR', KEYS[3])
