-- Ends a pause: its key goes, and what it held back goes on, a bounded number of jobs at a time. `again`: the key has gone already; if it is
-- there, it is another pause, and what is left is held by that. Of a pause that has ended otherwise, the leader lets go what goes on from now.
local refused = founded_otherwise()
if refused then return refused end
local now = clock()
step.begin('jobs')
local pause = arg.prefix .. 'pause:' .. arg.name
local there, deleted = redis.call('EXISTS', pause) == 1, 0
local noticed = redis.call('HGET', key.pauses, arg.name)
local times = string.match(noticed or '', '^%d+ %d+')
local is_ending = times and times ~= noticed
if there and arg.again == '0' then
  deleted = redis.call('DEL', pause)
  -- From here on nothing is passed over that has not been: whoever lets go on what is left reads that here, and what is to be told.
  redis.call('HSET', key.pauses, arg.name, (times or int(now) .. ' ' .. int(now)) .. ' ' .. arg.said)
  if not step.has_copies and tonumber(redis.call('HGET', key.meta, 'partitions') or 1) > 1 then
    redis.call('SET', arg.prefix .. 'resumed:' .. arg.name, arg.said, 'PX', 86400000) -- for leaders of others, which see that the key is gone
  end
  there, is_ending = false, true
elseif there and is_ending then redis.call('HSET', key.pauses, arg.name, times) end

local most, done = tonumber(arg.batch), 0
if not there and (is_ending or (times and redis.call('EXISTS', key.resumeNow) == 0)) then done = end_pause(arg.name, most, now) end
if flush_lanes() then publish(int(now)) end
flush_events(now)
return { int(now), deleted, done >= most and 1 or 0 }
