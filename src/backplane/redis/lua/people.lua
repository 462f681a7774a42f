-- Reads who is on a node together with the version that this is.
-- KEYS: users, version, both of one node. -> {version, user...}
local people = redis.call('SMEMBERS', KEYS[1])
table.insert(people, 1, redis.call('GET', KEYS[2]) or '0')
return people
