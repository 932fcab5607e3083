-- Prolongs a node's lease. One that has ended is not prolonged: its death is final. `info`: what the node says of itself has changed.
-- Answers what of its runs is to be cancelled.
local now = clock()
local lease = tonumber(redis.call('ZSCORE', key.nodes, arg.node) or 0)
if lease < now then return refuse('NODE_DEAD', 'The lease of node ' .. arg.node .. ' has ended; it starts over under a new identity.') end
step.begin()
redis.call('ZADD', key.nodes, int(now + tonumber(arg.ttl)), arg.node)
if arg.info ~= '' then redis.call('HSET', key.nodeInfo, arg.node, arg.info) end
return { int(now), redis.call('HGETALL', key.cancelled) }
