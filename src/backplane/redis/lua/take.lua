-- Generic cell rate algorithm with the clock of Redis; the same arithmetic as gcra.rs.
-- KEYS: buckets. ARGV, three for each: microseconds between two tokens, burst, 1 = take or 0 = only look.
-- -> for each: microseconds to wait, 0 = granted
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local waits = {}
for at, bucket in ipairs(KEYS) do
  local every, burst, takes = tonumber(ARGV[3 * at - 2]), tonumber(ARGV[3 * at - 1]), ARGV[3 * at] == '1'
  local arrival = math.max(tonumber(redis.call('GET', bucket) or '0'), now) + every
  waits[at] = math.max(arrival - now - every * burst, 0)
  if takes and waits[at] == 0 then
    redis.call('SET', bucket, string.format('%.0f', arrival), 'PX', math.max(1, math.ceil((arrival - now) / 1000)))
  end
end
return waits
