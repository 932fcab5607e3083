-- A node that stops takes itself off the list. What it still holds is taken over by the leader at once.
local now = clock()
step.begin()
redis.call('ZREM', key.nodes, arg.node)
if redis.call('EXISTS', key.active) == 1 then
  redis.call('ZADD', key.dead, int(now), arg.node)
  redis.pcall('PUBLISH', key.wake, 'nodes')
else
  redis.call('DEL', key.request, key.cancelled)
  redis.call('HDEL', key.nodeInfo, arg.node)
end
-- No other node will ever be called so.
redis.call('DEL', arg.prefix .. 'pause:node:' .. arg.node)
redis.call('HDEL', key.pauses, 'node:' .. arg.node)
tell('nodeLeft ' .. arg.node)
flush_events(now)
return int(now)
