-- Where a run stands. All places are looked at in one moment, since a run moves from one to the next. Writes nothing.
local places = {
  redis.call('HGET', key.attempts, arg.run),
  redis.call('ZSCORE', key.waiting, arg.run),
  redis.call('ZSCORE', key.unstarted, arg.run),
  redis.call('ZSCORE', key.blocked, arg.run),
  redis.call('ZSCORE', key.paused, arg.run),
  redis.call('HGET', key.limited, arg.run),
  redis.call('HGET', key.progress, arg.run),
  redis.call('ZSCORE', key.lane, arg.run),
}
for node in each(list.nodes) do places[#places + 1] = redis.call('HGET', arg.prefix .. 'active:' .. node, arg.run) end
return places
