-- Removes a job and what was materialised of it. A run of it that runs goes on.
local now = clock()
local record = redis.call('HGET', key.jobs, arg.job)
if not record then return 0 end
while take_back(arg.job, parse(record).lane, 0) == TAKE do end
flush_lanes()
redis.call('HDEL', key.jobs, arg.job)
redis.call('HDEL', key.state, arg.job)
redis.call('ZREM', key.due, arg.job)
redis.call('ZREM', key.parked, arg.job)
return 1
