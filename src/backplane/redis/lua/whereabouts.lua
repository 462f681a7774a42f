-- Reads on which nodes people are. KEYS: the entries of people, any number. -> for each, the nodes under which it is
local places = {}
for i, key in ipairs(KEYS) do
  places[i] = redis.call('HKEYS', key)
end
return places
