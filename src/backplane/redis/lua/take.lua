-- Generic cell rate algorithm with the clock of Redis; the same arithmetic as gcra.rs.
-- KEYS: bucket. ARGV: microseconds between two tokens, burst, 1 = take or 0 = only look. -> microseconds to wait, 0 = granted
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local every = tonumber(ARGV[1])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + every
local wait = arrival - now - every * tonumber(ARGV[2])
if wait > 0 then
  return wait
end
if ARGV[3] == '1' then
  redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.max(1, math.ceil((arrival - now) / 1000)))
end
return 0
