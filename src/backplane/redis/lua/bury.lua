-- Ends a sweep: removes what is left of a node, and keeps anybody from sweeping it once more. KEYS: claim, number, version,
-- users, all of one node. ARGV: milliseconds, who. -> 1, or 0 if the claim ran out and somebody else took it
if redis.call('GET', KEYS[1]) ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], 'done', 'PX', ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
return 1
