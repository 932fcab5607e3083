-- Removes a job and what was materialised of it. A run of it that runs goes on.
local record = redis.call('HGET', key.jobs, arg.job)
if not record then return 0 end
local parsed = parse(record)
while take_back(arg.job, parsed and parsed.lane, 0) == TAKE do end
flush_lanes()
-- Further attempts, and runs by hand, that wait for the end of the one that runs.
local first, last = '[' .. arg.job .. '@', '(' .. arg.job .. '@~'
repeat
  local runs = redis.call('ZRANGEBYLEX', key.blocked, first, last, 'LIMIT', 0, TAKE)
  if #runs > 0 then
    redis.call('ZREM', key.blocked, unpack(runs))
    redis.call('HDEL', key.attempts, unpack(runs))
  end
until #runs < TAKE
redis.call('HDEL', key.jobs, arg.job)
redis.call('HDEL', key.state, arg.job)
redis.call('ZREM', key.due, arg.job)
redis.call('ZREM', key.parked, arg.job)
return 1
