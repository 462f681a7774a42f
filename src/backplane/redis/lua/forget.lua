-- Removes a node from a person's presence, unless a newer attach of that node wrote it.
-- KEYS: presence of one person. ARGV: node, generation (0: whatever is there).
if ARGV[2] == '0' or redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
