-- Reads on which nodes people are, where one server holds everything. KEYS: their entries. -> for each the nodes
local places = {}
for i = 1, #KEYS do
  places[i] = redis.call('HKEYS', KEYS[i])
end
return places
