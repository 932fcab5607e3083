-- Ends a pause: its key goes, and what it held back goes on, a bounded number of jobs at a time. `again`: the key has gone already; if it is
-- there, it is another pause, and what is left is held by that.
local now = clock()
local pause = arg.prefix .. 'pause:' .. arg.name
local deleted = arg.again == '0' and redis.call('DEL', pause) or 0
local most, done = tonumber(arg.batch), 0
if redis.call('EXISTS', pause) == 0 and (deleted == 1 or redis.call('HEXISTS', key.pauses, arg.name) == 1) then done = end_pause(arg.name, most, now) end
if flush_lanes() then publish(int(now)) end
flush_events(now)
return { int(now), deleted, done >= most and 1 or 0 }
