-- Ends a pause: its key goes, and what it held back goes on, a bounded number of jobs at a time.
local now = clock()
local deleted = redis.call('DEL', arg.prefix .. 'pause:' .. arg.name)
local most, done = tonumber(arg.batch), 0
if redis.call('SISMEMBER', key.pauses, arg.name) == 1 then done = end_pause(arg.name, most, now) end
if flush_lanes() then publish(int(now)) end
flush_events(now)
return { int(now), deleted, done >= most and 1 or 0 }
