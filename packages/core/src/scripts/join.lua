-- A node takes up its lease, or, `again`, tells anew what it can do.
-- `began`: the time that the sender had read here before its first request under this name. `formers`: what the process may have been called before.
local now = clock()

-- Who drains a node means the process: where it starts over under a new identity it is paused as it was.
local function drain_as_before(former)
  local of_former, name = arg.prefix .. 'pause:node:' .. former, 'node:' .. arg.node
  if redis.call('EXISTS', of_former) == 0 then return end
  redis.call('RENAME', of_former, arg.prefix .. 'pause:' .. name)
  redis.call('HDEL', key.pauses, 'node:' .. former)
  note_pause(name, now)
end

-- What it held under a former identity is nobody's if that was taken off the list, not by its lease's end: the leader takes it over at once.
local function give_up_former(former)
  if redis.call('ZSCORE', key.nodes, former) or redis.call('ZSCORE', key.dead, former) then return end
  if redis.call('HEXISTS', key.nodeInfo, former) == 0 then return end
  redis.call('ZADD', key.dead, int(now), former)
  tell('nodeDead ' .. former)
  redis.pcall('PUBLISH', key.wake, 'nodes')
end

local refused = founded_otherwise()
if refused then return refused end
if redis.call('ZSCORE', key.dead, arg.node) then return refuse('NODE_DEAD', 'Node ' .. arg.node .. ' has been declared dead.') end
local lease = tonumber(redis.call('ZSCORE', key.nodes, arg.node) or nil)
if (lease or arg.again == '1') and (lease or 0) < now then
  return refuse('NODE_DEAD', 'The lease of node ' .. arg.node .. ' has ended; it starts over under a new identity.')
end
-- An earlier copy of this request gave a lease until then at the least. From then on the death of this identity may have been declared, and forgotten.
if arg.again == '0' and now > tonumber(arg.began) + tonumber(arg.ttl) then
  return refuse('NODE_DEAD', 'The request of node ' .. arg.node .. ' to join comes more than a lease after it began to ask; it starts over under a new identity.')
end
step.begin()
found()
redis.call('ZADD', key.nodes, int(now + tonumber(arg.ttl)), arg.node)
redis.call('HSET', key.nodeInfo, arg.node, arg.info)
if arg.again == '0' then
  if not lease then tell('nodeJoined ' .. arg.node) end
  for former in each(list.formers) do
    drain_as_before(former)
    give_up_former(former)
  end
end
flush_events(now)
return int(now)
