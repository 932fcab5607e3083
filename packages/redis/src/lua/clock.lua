-- The one clock: Redis' own, in milliseconds, read once a script. It never goes back, not even if the server's does.
-- Reads and writes the key `clock`.
local function clock()
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local seen = tonumber(redis.call('GET', key.clock) or 0)
  if seen >= now then return seen end
  redis.call('SET', key.clock, string.format('%.0f', now))
  return now
end
-- A number as text without exponent or fraction.
local function int(number) return string.format(number < 9e15 and number > -9e15 and '%d' or '%.0f', number) end
