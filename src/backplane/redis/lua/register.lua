-- Writes changes of who is on a node into its set, and which version of the set that is. The node counts its versions: a
-- server that is back with older data must not give one out again for another content.
-- KEYS: lease, users, version, all of one node; where one server holds everything, the presence of each who came, too.
-- ARGV: the version, or nothing while the set is not complete; how many came; the node; those who came, those who left; for
-- each presence among the keys, the generation of the attach.
-- -> 1; -1 if the node has no lease; -2 - v if the set has that or a later version v, so that the write is late or the
-- node's count is wrong
if redis.call('EXISTS', KEYS[1]) == 0 then
  return -1
end
local before = tonumber(redis.call('GET', KEYS[3]) or '0')
if ARGV[1] ~= '' and before >= tonumber(ARGV[1]) then
  return -2 - before
end
local came = tonumber(ARGV[2])
local people = #ARGV - (#KEYS - 3)
for at = 4, people do
  redis.call(at <= came + 3 and 'SADD' or 'SREM', KEYS[2], ARGV[at])
end
if ARGV[1] == '' then
  redis.call('DEL', KEYS[3])
else
  redis.call('SET', KEYS[3], ARGV[1])
end
for at = 4, #KEYS do
  redis.call('HSET', KEYS[at], ARGV[3], ARGV[people + at - 3])
end
return 1
