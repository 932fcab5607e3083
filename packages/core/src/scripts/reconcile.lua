-- Gives up what the store says that a node holds and the node knows nothing of: a store that lost acknowledged writes goes
-- on from an older state, in which that had not ended. Without this it would be held for as long as the node lives.
-- Answers also what the node holds and the store knows nothing of: a claim that the store has forgotten. No outcome of it will be taken.
-- `number`: of the node's last request, of whichever line. One that arrives late, after a later one, would take for unknown what that one was given: it is refused.
local now = clock()
local lease = tonumber(redis.call('ZSCORE', key.nodes, arg.node) or 0)
if lease < now then return refuse('NODE_DEAD', 'The lease of node ' .. arg.node .. ' has ended; it starts over under a new identity.') end
local last = redis.call('HMGET', key.request, 'number', 'number2')
if math.max(tonumber(last[1] or 0), tonumber(last[2] or 0)) > tonumber(arg.number) then return refuse('STALE_REQUEST', 'A later request of node ' .. arg.node .. ' has been answered already.') end
step.begin('jobs', 'runs', 'unstarted')

local held, active, runs, tokens, taken = {}, redis.call('HGETALL', key.active), {}, {}, {}
for run, token in each(list.held) do held[run] = token end
local claims, known, unknown = {}, {}, {}
for i = 1, #active, 2 do
  claims[active[i]] = former.read_claim(active[i], active[i + 1], key.active)
  known[active[i]] = claims[active[i]] and claims[active[i]].token
end
for run, token in pairs(held) do if known[run] ~= token then unknown[#unknown + 1] = run end end
for i = 1, #active, 2 do
  if #runs < tonumber(arg.batch) and known[active[i]] and known[active[i]] ~= held[active[i]] then
    runs[#runs + 1] = active[i]
    tokens[#tokens + 1] = known[active[i]]
  end
end
if #runs == 0 then
  flush_events(now)
  return { int(now), taken, {}, unknown }
end
local records, others = former.records_of(runs, tokens), redis.call('HMGET', key.attempts, unpack(runs))
local cancels = redis.call('HMGET', arg.prefix .. 'cancelled:' .. arg.node, unpack(runs))
redis.call('HDEL', arg.prefix .. 'cancelled:' .. arg.node, unpack(runs))
for i, run in ipairs(runs) do
  local token, attempt, started, task = claims[run].token, claims[run].attempt, claims[run].started, claims[run].task
  local _, lost, earlier = attempt_of(others[i])
  local text = entry(at_of(run) or started, started, now, 'l', attempt, token, arg.node,
    '{"reason":"store-lost","task":"' .. task .. '"}')
  local again = false
  if cancels[i] then
    redis.call('HDEL', key.attempts, run)
    end_cancelled(run, task, started, attempt, token, arg.node, cancels[i], earlier, now)
  else
    again = lose(run, records[run], tonumber(attempt), lost, earlier, text, now, now)
  end
  taken[#taken + 1] = run; taken[#taken + 1] = again and 'retry' or 'lost'
end
redis.call('HDEL', key.active, unpack(runs))
release_places(runs)
redis.call('HDEL', key.progress, unpack(runs))
settle_exhausted()
flush_lanes()
publish(int(now))
flush_events(now)
return { int(now), taken, failing.paused, unknown }
