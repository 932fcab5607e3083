-- Looks whether pauses under which something is held back are over: deleted, or expired. A page of them at a time; what they held back goes
-- on, a bounded number of jobs at a time.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end

local page = redis.call('SSCAN', key.pauses, arg.cursor, 'COUNT', 5000)
local cursor, names, left = page[1], page[2], tonumber(arg.batch)
look_at_pauses(names)
for _, name in ipairs(names) do
  if left > 0 and not pause_seen[name] then left = left - end_pause(name, left, now) end
end
if flush_lanes() then publish(int(now)) end
flush_events(now)
return { int(now), left > 0 and cursor or arg.cursor, left > 0 and 0 or 1 }
