-- Removes a job and what was materialised of it. A run of it that runs goes on.
local record = redis.call('HGET', key.jobs, arg.job)
if not record then return 0 end
local parsed = parse(record)
while take_back(arg.job, parsed and parsed.lane, 0) == TAKE do end
-- Further attempts, and runs by hand. One that the job was held by, waiting for its next attempt, holds it no more.
local first, last = '[' .. arg.job .. '@', '(' .. arg.job .. '@~'
local holder = string.match(redis.call('HGET', key.running, arg.job) or '', '^%S+')
if holder and redis.call('ZSCORE', key.requeued, holder) then redis.call('HDEL', key.running, arg.job) end
repeat
  local runs = redis.call('ZRANGEBYLEX', key.requeued, first, last, 'LIMIT', 0, TAKE)
  if #runs > 0 then
    redis.call('ZREM', key.requeued, unpack(runs))
    redis.call('ZREM', key.waiting, unpack(runs))
    redis.call('ZREM', key.blocked, unpack(runs))
    leave_queue_of_key(runs)
    redis.call('HDEL', key.attempts, unpack(runs))
    if parsed then for _, run in ipairs(runs) do leave_lane(parsed.lane, run) end end
  end
until #runs < TAKE
flush_lanes()
redis.call('HDEL', key.jobs, arg.job)
redis.call('HDEL', key.state, arg.job)
redis.call('HDEL', key.counts, arg.job)
redis.call('HDEL', key.paced, arg.job)
redis.call('ZREM', key.due, arg.job)
redis.call('ZREM', key.parked, arg.job)
return 1
