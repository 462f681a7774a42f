-- Numbers a message and puts it into a node's inbox, in one step, so that the receiver notices every loss.
-- KEYS: lease, number, both of one node. ARGV: channel, message. -> the number, or -1 if the node has no lease:
-- nothing is kept for the dead. The lease says how the node listens.
local lease = redis.call('GET', KEYS[1])
if not lease then
  return -1
end
local number = redis.call('INCR', KEYS[2])
local command = string.find(lease, ' sharded', 1, true) and 'SPUBLISH' or 'PUBLISH'
redis.call(command, ARGV[1], string.format('%.0f', number) .. '|' .. ARGV[2])
return number
