-- Takes a job whose fire times cannot be computed out of the leader's way, with the error, until it is defined anew.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end
step.begin()
if redis.call('HEXISTS', key.jobs, arg.job) == 0 then
  redis.call('ZREM', key.due, arg.job)
  return 0
end
local state = redis.call('HGET', key.state, arg.job)
local version, created, born = string.match(state or '', '^(%S+) (%S+) ?(%S*)')
if version ~= arg.version then return 0 end
redis.call('ZREM', key.due, arg.job)
redis.call('ZADD', key.parked, int(now), arg.job)
redis.call('HSET', key.state, arg.job, version .. ' ' .. created .. ' ' .. (born == '' and '0' or born) .. ' ' .. arg.reason)
tell('jobParked ' .. arg.job)
flush_events(now)
return 1
