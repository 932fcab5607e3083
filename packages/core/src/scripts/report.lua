-- Whether a node still holds an attempt; keeps what the handler reported of its progress.
local now = clock()
local lease = tonumber(redis.call('ZSCORE', key.nodes, arg.node) or 0)
local held = redis.call('HGET', key.active, arg.run)
if lease < now or not held or string.match(held, '^%S+') ~= arg.token then
  return refuse('LEASE_LOST', 'Run ' .. arg.run .. ' is not held by node ' .. arg.node .. ' with token ' .. arg.token .. ' any more.')
end
step.begin()
if arg.progress ~= '' then redis.call('HSET', key.progress, arg.run, arg.progress) end
return int(now)
