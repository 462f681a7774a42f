-- Claims the sweep of a node that has no lease. KEYS: lease, claim, both of one node. ARGV: milliseconds. -> 1 or 0
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
return redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
