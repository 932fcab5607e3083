-- A run that runs holds a place in each scope by which it is limited: `held:<scope>` has the runs that do, `holds` the scopes of a
-- run. Places go with the runs, whatever ends them, so that a dead node's are free as soon as its runs are taken over.
-- Scopes: `all`, `queue:<queue>`, `task:<task>`, `key:<concurrencyKey>`. Runs that wait for a key stand in `full:<key>`, out of
-- the way of others; `limited` says for which.

-- Nodes that may hold runs: those with a lease, dead ones that are still to be taken over, and those that somebody took off the list, of which nobody
-- has taken notice yet.
local function holders()
  local nodes, seen = redis.call('ZRANGE', key.nodes, 0, -1), {}
  for _, node in ipairs(nodes) do seen[node] = true end
  for _, node in ipairs(redis.call('ZRANGE', key.dead, 0, 99)) do
    nodes[#nodes + 1] = node
    seen[node] = true
  end
  for _, node in ipairs(redis.call('HKEYS', arg.prefix .. 'node-info')) do if not seen[node] then nodes[#nodes + 1] = node end end
  return nodes
end

local freed, freed_scopes = false, {} -- whether places have become free, and where

local function held_key(scope) return arg.prefix .. 'held:' .. scope end
local function full_key(name) return arg.prefix .. 'full:' .. name end

-- Lets the first run that waits for a key go on.
local function admit(name)
  local first = redis.call('ZPOPMIN', full_key(name))
  local run, score = first[1], first[2]
  if not run then return end
  redis.call('HDEL', key.limited, run)
  local record = records_of({ run })[run]
  if record then place(record.lane, tonumber(score), run) end
end

-- Runs that run no more hold no places.
local function release_places(runs)
  if #runs == 0 or redis.call('EXISTS', key.holds) == 0 then return end
  local texts = redis.call('HMGET', key.holds, unpack(runs))
  for i, run in ipairs(runs) do
    for scope in string.gmatch(texts[i] or '', '%S+') do
      redis.call('SREM', held_key(scope), run)
      freed, freed_scopes[scope] = true, true
      local name = string.match(scope, '^key:(.+)$')
      if name then admit(name) end
    end
  end
  redis.call('HDEL', key.holds, unpack(runs))
end

-- Runs that are to wait for no key any more.
local function leave_queue_of_key(runs)
  if #runs == 0 or redis.call('EXISTS', key.limited) == 0 then return 0 end
  local names, found = redis.call('HMGET', key.limited, unpack(runs)), 0
  for i, run in ipairs(runs) do
    if names[i] then found = found + redis.call('ZREM', full_key(names[i]), run) end
  end
  redis.call('HDEL', key.limited, unpack(runs))
  return found
end
