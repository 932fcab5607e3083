-- Declares nodes dead whose lease has ended, for good, and takes over a bounded number of the runs that dead nodes held:
-- each gets another attempt or is recorded as lost, as its delivery says.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end
step.begin('jobs', 'runs', 'unstarted')

local died = redis.call('ZRANGE', key.nodes, '-inf', '(' .. int(now), 'BYSCORE', 'LIMIT', 0, 100)
for _, node in ipairs(died) do
  redis.call('ZREM', key.nodes, node)
  redis.call('ZADD', key.dead, int(now), node)
  tell('nodeDead ' .. node)
end

local taken, left = {}, tonumber(arg.batch)
for _, node in ipairs(redis.call('ZRANGE', key.dead, 0, 99)) do
  if left <= 0 then break end
  local active = arg.prefix .. 'active:' .. node
  local held = redis.call('HRANDFIELD', active, left, 'WITHVALUES')
  local runs, tokens, claims = {}, {}, {}
  for i = 1, #held, 2 do
    local claim = former.read_claim(held[i], held[i + 1], active)
    if claim then
      runs[#runs + 1] = held[i]
      tokens[#tokens + 1] = claim.token
      claims[#claims + 1] = claim
    end
  end
  left = left - #held / 2
  if #runs > 0 then
    local records, others = former.records_of(runs, tokens), redis.call('HMGET', key.attempts, unpack(runs))
    local cancels = redis.call('HMGET', arg.prefix .. 'cancelled:' .. node, unpack(runs))
    for i, run in ipairs(runs) do
      local token, attempt, started, task = claims[i].token, claims[i].attempt, claims[i].started, claims[i].task
      local _, lost, earlier = attempt_of(others[i])
      local text = entry(at_of(run) or started, started, now, 'l', attempt, token, node,
        '{"reason":"node-dead","task":"' .. task .. '"}')
      local record = records[run]
      local again = false
      if cancels[i] then
        redis.call('HDEL', key.attempts, run)
        end_cancelled(run, task, started, attempt, token, node, cancels[i], earlier, now)
      else
        again = lose(run, record, tonumber(attempt), lost, earlier, text, now, now)
      end
      taken[#taken + 1] = run; taken[#taken + 1] = node; taken[#taken + 1] = again and 'retry' or 'lost'
      taken[#taken + 1] = task
    end
    redis.call('HDEL', active, unpack(runs))
    release_places(runs)
    redis.call('HDEL', key.progress, unpack(runs))
  end
  if redis.call('EXISTS', active) == 0 then
    redis.call('DEL', arg.prefix .. 'request:' .. node, arg.prefix .. 'cancelled:' .. node)
    redis.call('HDEL', key.nodeInfo, node)
    redis.call('ZREM', key.dead, node)
  end
end
settle_exhausted()
if flush_lanes() or #taken > 0 then publish(int(now)) end
flush_events(now)
local next_end = redis.call('ZRANGE', key.nodes, 0, 0, 'WITHSCORES')[2]
return { int(now), died, taken, next_end or '', redis.call('ZCARD', key.dead), failing.paused }
