-- Reads who is on a node together with the version that this is, and what the node's lease says.
-- KEYS: users, version, lease, all of one node. -> {version, lease, user...}; nothing while the set is not complete
local version = redis.call('GET', KEYS[2])
if not version then
  return {}
end
local people = redis.call('SMEMBERS', KEYS[1])
table.insert(people, 1, redis.call('GET', KEYS[3]) or '')
table.insert(people, 1, version)
return people
