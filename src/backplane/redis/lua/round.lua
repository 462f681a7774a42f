-- Numbers messages and puts them into nodes' inboxes, each as publish.lua does, and reads on which nodes people are: all of a round,
-- where one server holds everything.
-- KEYS: lease and number of each node, then the entries of people, any number of either. ARGV: how many nodes; channel and message of each.
-- -> for each node its number, or -1 if it has no lease; for each person the nodes under which they are
local nodes = tonumber(ARGV[1])
local numbers, places = {}, {}
for i = 1, nodes do
  if redis.call('EXISTS', KEYS[2 * i - 1]) == 1 then
    numbers[i] = redis.call('INCR', KEYS[2 * i])
    redis.call('PUBLISH', ARGV[2 * i], string.format('%.0f', numbers[i]) .. '|' .. ARGV[2 * i + 1])
  else
    numbers[i] = -1
  end
end
for i = 2 * nodes + 1, #KEYS do
  places[#places + 1] = redis.call('HKEYS', KEYS[i])
end
return {numbers, places}
