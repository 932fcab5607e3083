-- Completes finished runs and claims due ones, in one step. A request that was answered before (same number) is answered
-- as it was then: a reply may have been lost.
local now = clock()
local lease = tonumber(redis.call('ZSCORE', key.nodes, arg.node) or 0)
if lease < now then return refuse('NODE_DEAD', 'The lease of node ' .. arg.node .. ' has ended; it starts over under a new identity.') end
local number = tonumber(arg.number)
local last = redis.call('HMGET', key.request, 'number', 'accepted')
local last_number = tonumber(last[1] or 0)
if number < last_number then return refuse('STALE_REQUEST', 'A later request of node ' .. arg.node .. ' has been answered already.') end

local more = 0 -- 1: runs that could start were not looked at yet
local slots, accepted, claimed, passed = tonumber(arg.slots), {}, {}, {}
local fused = arg.lock_ttl ~= '0'

-- A run whose job was removed: what is known of it goes.
local function forget(run)
  redis.call('HDEL', key.attempts, run)
  redis.call('ZREM', key.unstarted, run)
  redis.call('ZREM', key.requeued, run)
  leave_queue_of_key({ run })
  if job_of(run) then release_job(run) else redis.call('HDEL', key.runs, run) end
end

-- Complete -------------------------------------------------------------------------------------------------------------

-- outcome s f t c: ended so. F T: failed or timed out, and to be tried again after `result` ms. b: handed back without having started. x: a lock says that this attempt started elsewhere.
-- l: given up by a node that stops; another attempt may start at once.
local function complete()
  local items, runs = {}, {}
  for run, token, outcome, detail, result in each(list.completions) do
    items[#items + 1] = { run = run, token = token, outcome = outcome, detail = detail, result = result }
    runs[#runs + 1] = run
  end
  if #items == 0 then return end
  local held = redis.call('HMGET', key.active, unpack(runs))
  local records, gone, locks = nil, {}, {}
  local others = redis.call('EXISTS', key.attempts) == 1 and redis.call('HMGET', key.attempts, unpack(runs)) or {}
  local cancels = redis.call('EXISTS', key.cancelled) == 1 and redis.call('HMGET', key.cancelled, unpack(runs)) or {}
  for i, item in ipairs(items) do
    local token, attempt, started, task = string.match(held[i] or '', '^(%S+) (%S+) (%S+) %S+ (%S+)$')
    if token ~= item.token then
      accepted[i] = '0'
    else
      accepted[i] = '1'
      held[i] = false -- so that the same run twice in one request counts once
      for j = i + 1, #items do if runs[j] == item.run then held[j] = false end end
      gone[#gone + 1] = item.run
      if fused then locks[#locks + 1] = arg.prefix .. 'lock:' .. item.run .. '#' .. attempt end
      local _, lost, earlier, left = attempt_of(others[i])
      if cancels[i] and item.outcome ~= 's' and item.outcome ~= 'c' then
        -- What was cancelled is not tried again, whatever became of the attempt.
        if others[i] then redis.call('HDEL', key.attempts, item.run) end
        end_cancelled(item.run, task, started, attempt, token, arg.node, cancels[i], earlier, now)
      elseif item.outcome == 'b' then
        records = records or records_of(runs)
        local record = records[item.run]
        if record then
          if is_fire_time(item.run) and tonumber(attempt) == 1 then redis.call('ZADD', key.unstarted, 0, item.run)
          else mark_requeued(item.run) end
          if item.detail ~= '' then
            left = string.sub(left == '' and item.detail or left .. ',' .. item.detail, -400)
            redis.call('HSET', key.attempts, item.run, attempt .. ' ' .. lost .. ' ' .. left .. '\n' .. earlier)
          end
          make_ready(record.lane, record.priority, fire_time_of(item.run) or now, item.run)
          if job_of(item.run) then release_job(item.run) end
          if string.find(redis.call('HGET', key.holds, item.run) or '', 'counted', 1, true) then
            redis.call('HINCRBY', key.counts, job_of(item.run), -1)
          end
        else forget(item.run) end
      elseif item.outcome == 'x' or item.outcome == 'l' then
        records = records or records_of(runs)
        local text = entry(at_of(item.run) or started, started, now, 'l', attempt, token, arg.node, item.detail)
        local not_before = item.outcome == 'x' and now + tonumber(arg.lease_ttl) or now
        lose(item.run, records[item.run], tonumber(attempt), lost, earlier, text, now, not_before)
      else
        local failed = item.outcome ~= 's' and item.outcome ~= 'c'
        if failed then records = records or records_of(runs) end
        local record, state = failed and records[item.run] or nil, string.lower(item.outcome)
        local text = entry(at_of(item.run) or started, started, now, state, attempt, token, arg.node, item.detail)
        local again = state ~= item.outcome
        if again and record then
          queue_again(item.run, record, tonumber(attempt), lost, text, earlier, now, now + (tonumber(item.result) or 0))
        else
          if others[i] then redis.call('HDEL', key.attempts, item.run) end
          finish(item.run, task, text, earlier, again and '' or item.result, now)
          if failed then bury(item.run, record, attempt, now) end
        end
      end
    end
  end
  if #gone > 0 then
    redis.call('HDEL', key.active, unpack(gone))
    release_places(gone)
    if cancels[1] ~= nil then redis.call('HDEL', key.cancelled, unpack(gone)) end
    if redis.call('EXISTS', key.progress) == 1 then redis.call('HDEL', key.progress, unpack(gone)) end
  end
  if #locks > 0 then redis.call('DEL', unpack(locks)) end
end

-- Due runs leave `waiting` for their lane ------------------------------------------------------------------------------

local function make_due_ready()
  local due = redis.call('ZRANGE', key.waiting, '-inf', int(now), 'BYSCORE', 'LIMIT', 0, tonumber(arg.batch), 'WITHSCORES')
  if #due == 0 then return end
  local runs = {}
  for i = 1, #due, 2 do runs[#runs + 1] = due[i] end
  local records = records_of(runs)
  for i, run in ipairs(runs) do
    local record = records[run]
    if record then make_ready(record.lane, record.priority, fire_time_of(run) or tonumber(due[2 * i]), run) else forget(run) end
  end
  redis.call('ZREM', key.waiting, unpack(runs))
end

-- Claim ----------------------------------------------------------------------------------------------------------------

-- The scopes that this node's configuration limits: how many places there are, how many are left (read when first asked for),
-- and whether a run that finds none waits (w) or is skipped (s).
local limits = {}
for scope, max, how in each(list.limits) do limits[scope] = { max = tonumber(max), how = how } end

local function left_in(scope, limit)
  if not limit.left then limit.left = limit.max - redis.call('SCARD', held_key(scope)) end
  return limit.left
end

-- How a lane's runs are limited: nil if they are not; else its scopes.
local function scopes_of(lane)
  if not next(limits) then return nil end
  local queue, task = string.match(lane, '^(.-)@(.+)$')
  local scopes = {}
  for _, scope in ipairs({ 'all', 'queue:' .. queue, 'task:' .. task }) do
    if limits[scope] then scopes[#scopes + 1] = scope end
  end
  return #scopes > 0 and scopes or nil
end

-- What finds no place in a lane: w, s, or nil if there is one.
local function full(lane)
  local answer
  for _, scope in ipairs(lane.scopes or {}) do
    local limit = limits[scope]
    if left_in(scope, limit) <= 0 then
      if limit.how == 'w' then return 'w' end
      answer = 's'
    end
  end
  return answer
end

-- The limit of a run's own key: its scope and its limit, or nil.
local keys_seen = {}
local function key_limit(record)
  local name = extra(record, 'ck')
  if not name then return nil end
  local scope = 'key:' .. name
  local limit = keys_seen[scope]
  if not limit then
    limit = { name = name, max = tonumber(extra(record, 'cl') or 1), how = extra(record, 'cw') or 'w' }
    keys_seen[scope] = limit
  end
  return scope, limit
end

-- Rates: `rate:<scope>` has the times of the latest starts, at most as many as may start within a period.
local rates, rate_until = {}, nil
for scope, max, per in each(list.rates) do rates[scope] = { max = tonumber(max), per = tonumber(per) } end

-- When the next run of a scope may start; nil: now.
local function rate_opens(scope, rate)
  local oldest = tonumber(redis.call('LINDEX', arg.prefix .. 'rate:' .. scope, rate.max - 1) or nil)
  if oldest and oldest > now - rate.per then return oldest + rate.per end
  return nil
end

local function count_start(scope, rate)
  local name = arg.prefix .. 'rate:' .. scope
  redis.call('LPUSH', name, int(now))
  redis.call('LTRIM', name, 0, rate.max - 1)
  redis.call('PEXPIRE', name, int(rate.per))
end

local function rates_of(lane)
  if not next(rates) then return nil end
  local queue, task = string.match(lane, '^(.-)@(.+)$')
  local scopes = {}
  for _, scope in ipairs({ 'queue:' .. queue, 'task:' .. task }) do
    if rates[scope] then scopes[#scopes + 1] = scope end
  end
  return #scopes > 0 and scopes or nil
end

-- Whether a lane's rate lets none start now; remembers when it will.
local function is_too_fast(lane)
  for _, scope in ipairs(lane.rates or {}) do
    local opens = rate_opens(scope, rates[scope])
    if opens then
      if not rate_until or opens < rate_until then rate_until = opens end
      return true
    end
  end
  return false
end

-- The rate of a run's own key, or nil.
local function key_rate(record)
  local name, rate = extra(record, 'ck'), extra(record, 'kr')
  if not name or not rate then return nil end
  local max, per = string.match(rate, '^(%d+):(%d+)$')
  return 'key:' .. name, { max = tonumber(max), per = tonumber(per) }
end

-- Lets runs go on that wait for a key with places left, of a few keys picked at random: one that was let go on may not have taken
-- its place after all (it was cancelled, or its misfire grace was over), or a limit may have been raised.
local function admit_some()
  if redis.call('EXISTS', key.limited) == 0 then return end
  local some, runs = redis.call('HRANDFIELD', key.limited, 10, 'WITHVALUES'), {}
  for i = 1, #some, 2 do runs[#runs + 1] = some[i] end
  local records = records_of(runs)
  for i, run in ipairs(runs) do
    local name, record = some[2 * i], records[run]
    local max = record and extra(record, 'ck') == name and tonumber(extra(record, 'cl') or 1) or 1000
    for _ = 1, math.min(max - redis.call('SCARD', held_key('key:' .. name)), 10) do admit(name) end
  end
end

-- Takes a place for a run in each scope that limits it.
local function hold(run, lane, record)
  local scopes = {}
  for _, scope in ipairs(lane.scopes or {}) do
    scopes[#scopes + 1] = scope
    limits[scope].left = left_in(scope, limits[scope]) - 1
  end
  local scope, limit = key_limit(record)
  if scope then
    scopes[#scopes + 1] = scope
    limit.left = left_in(scope, limit) - 1
  end
  if #scopes == 0 then return end
  for _, name in ipairs(scopes) do redis.call('SADD', held_key(name), run) end
  redis.call('HSET', key.holds, run, table.concat(scopes, ' '))
end

local lanes = {}
local function read_lane(lane, size)
  local items = redis.call('ZRANGE', lane_key(lane.name), lane.offset, lane.offset + size - 1, 'WITHSCORES')
  lane.offset, lane.at, lane.runs, lane.scores = lane.offset + size, 1, {}, {}
  lane.last = #items < 2 * size
  for i = 1, #items, 2 do
    lane.runs[#lane.runs + 1] = items[i]
    lane.scores[#lane.scores + 1] = tonumber(items[i + 1])
  end
  if #lane.runs == 0 then lane.ended = true; return end
  lane.records = records_of(lane.runs)
  lane.attempts = redis.call('EXISTS', key.attempts) == 1 and redis.call('HMGET', key.attempts, unpack(lane.runs)) or {}
  lane.unstarted = redis.call('ZMSCORE', key.unstarted, unpack(lane.runs))
end

local function first_lane(size)
  local best
  for _, lane in ipairs(lanes) do
    if not lane.ended and lane.at > #lane.runs then
      if lane.last then lane.ended = true else read_lane(lane, size) end
    end
    if not lane.ended and lane.scopes and full(lane) == 'w' then lane.ended = true end
    if not lane.ended and lane.rates and is_too_fast(lane) then lane.ended = true end
    if not lane.ended and (not best or lane.scores[lane.at] < best.scores[best.at]) then best = lane end
  end
  return best
end

local settled, leaving = {}, {} -- job -> whether its misfires need another look; runs leaving unstarted
local taken, to_cancel = {}, {} -- runs claimed by this request; those of them that a later one of their job cuts short

local function pass(run, state, reason)
  passed[#passed + 1] = run; passed[#passed + 1] = state; passed[#passed + 1] = reason
end

local function skip(run, job, reason)
  remember_job(job, entry(at_of(run), 0, now, 'k', 0, 0, '-', '{"reason":"' .. reason .. '"}'), run, '', now)
  redis.call('HDEL', key.attempts, run) -- left by a hand-back with voters
  pass(run, 'skipped', reason)
end

-- A run that finds no place and is not to wait ends so, whatever attempt it would have been.
local function skip_limited(run, job, record, attempt, earlier)
  redis.call('HDEL', key.attempts, run)
  redis.call('ZREM', key.requeued, run)
  local detail = '{"reason":"limit"' .. (job and '' or ',"task":"' .. record.task .. '"') .. '}'
  local text = entry(at_of(run) or int(now), 0, now, 'k', attempt == 1 and 0 or attempt, 0, '-', detail)
  finish(run, record.task, text, attempt == 1 and '' or earlier, '', now)
  pass(run, 'skipped', 'limit')
end

-- Whether a run finds no place: it is skipped, or waits for its key.
local function is_limited(run, job, lane, score, record, attempt, earlier)
  local scope, limit = key_limit(record)
  if scope and left_in(scope, limit) <= 0 then
    if limit.how == 's' then
      skip_limited(run, job, record, attempt, earlier)
      return 'skipped'
    end
    redis.call('ZADD', full_key(limit.name), int(score), run)
    redis.call('HSET', key.limited, run, limit.name)
    return 'waits'
  end
  if lane.scopes and full(lane) == 's' then
    skip_limited(run, job, record, attempt, earlier)
    return 'skipped'
  end
  return nil
end

-- The runs of a job that wait for the end of its running one, at most 1000.
local function blocked_of(job, count)
  return redis.call('ZRANGEBYLEX', key.blocked, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, count)
end

-- Cancels the run that holds a job, whether it runs, is being claimed, or waits for another attempt.
local function cancel_holder(holder)
  if taken[holder] then
    to_cancel[#to_cancel + 1] = holder
    return
  end
  if ask_to_cancel(holder, 'overlap') then return end
  local record = records_of({ holder })[holder]
  if record then cancel_queued(holder, record, 'overlap', now) end
end

-- What becomes of a job's run while another may be running: nil: it may start; or 'skipped'; or 'blocked', until that one's end.
local function overlap_of(run, job, record, attempt)
  local how = record.overlap
  if how == 'a' then return nil end
  local holder, since = string.match(redis.call('HGET', key.running, job) or '', '^(%S+) (%S+)$')
  -- A further attempt, or one that was redriven, never cuts a newer run short: it waits.
  if holder and holder ~= run and how == 'r' and attempt == 1 then
    cancel_holder(holder)
    holder = nil
  end
  if not holder or holder == run then
    redis.call('HSET', key.running, job, run .. ' ' .. int(now))
    return nil
  end
  if how == 's' and attempt == 1 and tonumber(since) <= fire_time_of(run) then return 'skipped' end
  if how == 'o' and attempt == 1 and blocked_of(job, 1)[1] then return 'skipped' end
  if how == 'c' and attempt == 1 then
    for _, other in ipairs(blocked_of(job, TAKE)) do
      if redis.call('HEXISTS', key.attempts, other) == 0 then
        dequeue(other, record)
        skip(other, job, 'overlap')
      end
    end
    cancel_holder(holder)
    -- One that waited for its next attempt is gone at once, and has let nothing go on that waited for it.
    if redis.call('HEXISTS', key.running, job) == 0 then
      redis.call('HSET', key.running, job, run .. ' ' .. int(now))
      return nil
    end
  end
  redis.call('ZADD', key.blocked, 0, run)
  return 'blocked'
end

-- Whether a run is not made up for, by its job's catch-up.
local function is_missed(run, job, record)
  if not record.grace or now - fire_time_of(run) <= record.grace then
    return settled[job] ~= nil and not redis.call('ZSCORE', key.unstarted, run)
  end
  if settled[job] == nil then settled[job] = settle_misfires(job, record, now) end
  while redis.call('ZSCORE', key.unstarted, run) do
    if not settled[job] then return false end
    settled[job] = settle_misfires(job, record, now)
  end
  return true
end

-- Whether as many runs as a job's `maxRuns` have started: then what else was materialised is taken back, and there is no next
-- fire time.
local function is_exhausted(job, record)
  local most = tonumber(extra(record, 'mr') or nil)
  if not most or tonumber(redis.call('HGET', key.counts, job) or 0) < most then return false end
  while take_back(job, record.lane, 0) == TAKE do end
  redis.call('ZREM', key.due, job)
  return true
end

-- Counts a run of a fire time that starts, for a job with a `maxRuns`.
local function count_run(run, job, record)
  if not extra(record, 'mr') then return end
  redis.call('HINCRBY', key.counts, job, 1)
  -- Among the places that it holds, so that it is known to be counted should it be handed back.
  local held = redis.call('HGET', key.holds, run)
  redis.call('HSET', key.holds, run, held and held .. ' counted' or 'counted')
  is_exhausted(job, record)
end

local function consider(lane)
  local i = lane.at
  local run, record = lane.runs[i], lane.records[lane.runs[i]]
  lane.at = i + 1
  leave_lane(lane.name, run)
  if dropped[run] then return end
  local attempt, lost, earlier, left = attempt_of(lane.attempts[i])
  local fires, job = is_fire_time(run), job_of(run)
  if not record then return forget(run) end
  if fires and attempt == 1 then
    if not lane.unstarted[i] then return end -- taken back
    if is_missed(run, job, record) then return pass(run, 'missed', 'misfire') end
  end
  if record.lane ~= lane.name then return make_ready(record.lane, record.priority, fire_time_of(run) or now, run) end
  if fires and attempt == 1 and is_exhausted(job, record) then
    leaving[#leaving + 1] = run
    redis.call('HDEL', key.attempts, run)
    return
  end
  local key_scope, rate = key_rate(record)
  local opens = key_scope and rate_opens(key_scope, rate)
  if opens then -- as one whose time has not come
    redis.call('ZADD', key.waiting, int(opens), run)
    return
  end
  local limited = is_limited(run, job, lane, lane.scores[i], record, attempt, earlier)
  if limited then
    if limited == 'skipped' and fires then leaving[#leaving + 1] = run end
    return
  end
  if job then
    local answer = overlap_of(run, job, record, attempt)
    if answer == 'blocked' then return end
    if answer then
      skip(run, job, 'overlap')
      leaving[#leaving + 1] = run
      redis.call('ZREM', key.requeued, run)
      return
    end
  end
  if fires then leaving[#leaving + 1] = run end
  if job and not (fires and attempt == 1) then redis.call('ZREM', key.requeued, run) end
  if fused then
    local lock = arg.prefix .. 'lock:' .. run .. '#' .. attempt
    if not redis.call('SET', lock, arg.node .. ':' .. arg.number, 'NX', 'PX', arg.lock_ttl) then
      local text = entry(at_of(run) or int(now), 0, now, 'l', attempt, 0, arg.node,
        '{"reason":"lock","task":"' .. record.task .. '"}')
      if fires and attempt == 1 then count_run(run, job, record) end -- it has started, somewhere
      redis.call('HDEL', key.holds, run)
      lose(run, record, attempt, lost, earlier, text, now, now + tonumber(arg.lease_ttl))
      return pass(run, 'lockRefused', 'lock')
    end
  end
  hold(run, lane, record)
  if key_scope then count_start(key_scope, rate) end
  for _, scope in ipairs(lane.rates or {}) do count_start(scope, rates[scope]) end
  if fires and attempt == 1 then count_run(run, job, record) end
  taken[run] = true
  claimed[#claimed + 1] = { run = run, record = record, attempt = attempt, left = left, lost = lost }
end

local function claim()
  local names = {}
  for lane in each(list.lanes) do names[#names + 1] = lane end
  if #names == 0 or slots == 0 then return end
  for from = 1, #names, TAKE do
    local heads = redis.call('ZMSCORE', key.ready, unpack(names, from, math.min(from + TAKE - 1, #names)))
    for i = 1, #heads do
      if heads[i] then lanes[#lanes + 1] = { name = names[from + i - 1], scopes = scopes_of(names[from + i - 1]), rates = rates_of(names[from + i - 1]), offset = 0, at = 1, runs = {}, scores = {} } end
    end
  end
  local looked, most, size = 0, slots + tonumber(arg.batch), math.min(slots, TAKE)
  while #claimed < slots do
    if looked == most then more = 1; break end
    local lane = first_lane(size)
    if not lane then break end
    consider(lane)
    looked = looked + 1
  end
  if #leaving > 0 then in_chunks('ZREM', key.unstarted, leaving, TAKE) end
  if #claimed == 0 then return end
  -- Tokens follow the clock where it is ahead of the count, so that they rise even in a store that lost its last writes.
  local token = math.max(tonumber(redis.call('GET', key.fence) or 0), now * 1000)
  redis.call('SET', key.fence, int(token + #claimed))
  local active = {}
  for i, item in ipairs(claimed) do
    item.token = int(token + i)
    active[#active + 1] = item.run
    active[#active + 1] = item.token .. ' ' .. item.attempt .. ' ' .. int(now) .. ' ' .. arg.number .. ' ' .. item.record.task
  end
  in_chunks('HSET', key.active, active, 2 * TAKE)
  for _, run in ipairs(to_cancel) do ask_to_cancel(run, 'overlap') end
end

-- The answer ----------------------------------------------------------------------------------------------------------

local function claimed_before()
  local active, runs = redis.call('HGETALL', key.active), {}
  for i = 1, #active, 2 do
    local token, attempt, started, request, task = string.match(active[i + 1], '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    if request == arg.number then
      runs[#runs + 1] = active[i]
      claimed[#claimed + 1] = { run = active[i], token = token, attempt = tonumber(attempt), started = started, task = task }
    end
  end
  if #runs == 0 then return end
  local records = records_of(runs)
  local others = redis.call('HMGET', key.attempts, unpack(runs))
  for i, item in ipairs(claimed) do
    item.record = records[item.run]
    local _, lost = attempt_of(others[i])
    item.lost = lost
  end
end

local answer = last[2] or ''
if number == last_number then
  claimed_before()
  more = 1 -- what else the lost answer said is not known
else
  complete()
  local woken = flush_lanes()
  make_due_ready()
  admit_some()
  flush_lanes()
  claim()
  if flush_lanes() then woken = true; more = 1 end
  woken = woken or freed
  -- Runs that became ready by this, handed back or let go on, are news to idle nodes. (What became due is not.)
  if woken and redis.call('EXISTS', key.ready) == 1 then publish(int(now)) end
  answer = table.concat(accepted)
  redis.call('HSET', key.request, 'number', arg.number, 'accepted', answer)
end

local reply = {}
for _, item in ipairs(claimed) do
  reply[#reply + 1] = item.run
  reply[#reply + 1] = item.token
  reply[#reply + 1] = tostring(item.attempt)
  reply[#reply + 1] = item.started or int(now)
  reply[#reply + 1] = item.task or item.record.task
  -- empty where the job was removed after a claim whose answer was lost
  reply[#reply + 1] = item.left or ''
  reply[#reply + 1] = tostring(item.lost or 0)
  reply[#reply + 1] = item.record and string.sub(item.record.text, item.record.body) or ''
end
local next_due = redis.call('ZRANGE', key.waiting, 0, 0, 'WITHSCORES')[2]
if rate_until and (not next_due or rate_until < tonumber(next_due)) then next_due = int(rate_until) end
return { int(now), answer, next_due or '', reply, passed, more }
