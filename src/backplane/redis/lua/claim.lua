-- Claims the sweep of a node that has no lease, or goes on with one's own. KEYS: lease, claim, both of one node. ARGV:
-- milliseconds, who. -> 1 or 0
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local claimed = redis.call('GET', KEYS[2])
if claimed and claimed ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[1])
return 1
