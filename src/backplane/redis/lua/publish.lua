-- Numbers a message and puts it into a node's inbox, in one step, so that the receiver notices every loss.
-- KEYS: lease, number, both of one node. ARGV: channel, message, a word or nothing. -> the number; 0 if the lease lacks the
-- word, and so the node would not understand the message; -1 if the node has no lease: nothing is kept for the dead. The
-- lease says how the node listens.
local lease = redis.call('GET', KEYS[1])
if not lease then
  return -1
end
if ARGV[3] ~= '' and not string.find(lease, ' ' .. ARGV[3], 1, true) then
  return 0
end
local number = redis.call('INCR', KEYS[2])
local command = string.find(lease, ' sharded', 1, true) and 'SPUBLISH' or 'PUBLISH'
redis.call(command, ARGV[1], string.format('%.0f', number) .. '|' .. ARGV[2])
return number
