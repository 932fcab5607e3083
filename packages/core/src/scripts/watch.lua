-- Looks at the pauses that have been noticed, a page of them at a time: whether they are over (deleted, or expired), so that what they held back goes on,
-- a bounded number of jobs at a time; and whether they have lasted too long, which is said again each time that as long has passed.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end

local page = redis.call('HSCAN', key.pauses, arg.cursor, 'COUNT', 10000)
local cursor, names, left, too_long = page[1], {}, tonumber(arg.batch), tonumber(arg.too_long)
for i = 1, #page[2], 2 do names[#names + 1] = page[2][i] end
look_at_pauses(names)

local announced = {}
local function announce(name, text)
  local noticed, said = string.match(text, '^(%d+) (%d+)$')
  if not noticed or now - tonumber(said) < too_long or #announced >= 300 then return end
  redis.call('HSET', key.pauses, name, noticed .. ' ' .. int(now))
  local line = name .. ' ' .. noticed .. ' ' .. pause_text(name)
  tell('pausedTooLong ' .. line)
  announced[#announced + 1] = line
end

for i, name in ipairs(names) do
  if pause_seen[name] then announce(name, page[2][2 * i])
  elseif left > 0 then left = left - end_pause(name, left, now) end
end
if flush_lanes() then publish(int(now)) end
flush_events(now)
return { int(now), left > 0 and cursor or arg.cursor, left > 0 and 0 or 1, announced }
