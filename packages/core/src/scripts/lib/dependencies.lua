-- Jobs whose runs wait for other jobs' runs of the same fire time: parents and children.
--
-- edges   `>parent child owner` and `<child parent owner`. owner d: by the child's `dependsOn`, t: by the parent's `then`. Where one of the two lives
--         in another partition, it has the other direction, and that partition stands behind the owner: lib/outbox.lua
-- met     `<child>@<fire time> <what>`. what: a parent whose run of it succeeded; `#`: the child's run of it is held in `waiting`;
--         `~`: it was given up; `!`: since its grace was over; `=`: it was written, for a child without a trigger

local MOST_PENDING = 100 -- fire times of a child of which something is known

local parents_seen = {} -- of jobs that were asked for
local given_up = {} -- runs that this step has skipped since they depend on others

local function is_tied()
  if has_edges == nil then has_edges = redis.call('EXISTS', key.edges) == 1 end
  return has_edges
end

-- Jobs tied to a job, each once, and the partitions of those that live in others. mark `>`: its children, `<`: its parents.
local function tied_to(mark, job)
  local found, seen, away = {}, {}, {}
  for _, edge in ipairs(redis.call('ZRANGEBYLEX', key.edges, '[' .. mark .. job .. ' ', '(' .. mark .. job .. '!')) do
    local other, partition = string.match(edge, ' (%S+) ?%S* ?(%d*)$')
    if not seen[other] then seen[other] = true; found[#found + 1] = other end
    if partition ~= '' then away[other] = partition end
  end
  return found, away
end

local function parents_of(job)
  if not parents_seen[job] then parents_seen[job] = tied_to('<', job) end
  return parents_seen[job]
end

-- What is known of a child's run: a set, and its members.
local function known_of(run)
  local found, members = {}, redis.call('ZRANGEBYLEX', key.met, '[' .. run .. ' ', '(' .. run .. '!')
  for _, member in ipairs(members) do found[string.match(member, ' (%S+)$')] = true end
  return found, members
end

local function all_met(child, record, found)
  local parents = parents_of(child)
  for _, parent in ipairs(parents) do if not found[parent] then return false end end
  return #parents > 0 or not extra(record, 'nt')
end

local function is_used_up(child, record)
  return extra(record, 'mr') and redis.call('HGET', key.exhaustion, child) == 'done'
end

-- Whether a leader has yet to write the run of a job's fire time, if it is one.
local function is_to_come(job, time)
  local cursor = redis.call('ZSCORE', key.due, job) or redis.call('ZSCORE', key.frozen, job)
  return cursor and tonumber(cursor) <= time
end

local function skip_dependent(child, run, record, now)
  dequeue(run, record)
  redis.call('HDEL', key.attempts, run) -- left by a hand-back with voters
  given_up[#given_up + 1] = run
  remember_job(child, entry(at_of(run), 0, now, 'k', 0, 0, '-', '{"reason":"dependency"}'), run, '', now)
  unblock(child) -- it may be the one that others were to follow
end

-- Notes one thing more of a child's run. Of more fire times than can be known of, the earliest goes: one that has started or ended,
-- if there is such a one.
local function note(child, run, what, record, now)
  redis.call('ZADD', key.met, 0, run .. ' ' .. what)
  local first, last = '[' .. child .. '@', '(' .. child .. '@~'
  if redis.call('ZLEXCOUNT', key.met, first, last) <= MOST_PENDING then return end
  local runs, members = {}, {}
  for _, member in ipairs(redis.call('ZRANGEBYLEX', key.met, first, last)) do
    local other = string.match(member, '^%S+')
    if not members[other] then members[other] = {}; runs[#runs + 1] = other end
    table.insert(members[other], member)
  end
  if #runs <= MOST_PENDING then return end
  local unstarted, gone = redis.call('ZMSCORE', key.unstarted, unpack(runs)), 1
  for i = #runs, 1, -1 do if not unstarted[i] then gone = i end end
  local other = runs[gone]
  local found = known_of(other)
  redis.call('ZREM', key.met, unpack(members[other]))
  if found['='] or found['~'] or found['!'] then return end
  if unstarted[gone] then skip_dependent(child, other, record, now)
  elseif extra(record, 'nt') then
    remember_job(child, entry(at_of(other), 0, now, 'm', 0, 0, '-', '{"reason":"dependency"}'), '', '', now)
  end
end

-- A child's run that can not start any more, or not be written, unless a parent is redriven. `late`: its grace is over, and no parent has failed.
local function give_up(child, run, record, now, late)
  redis.call('ZREM', key.met, run .. ' #')
  note(child, run, late and '!' or '~', record, now)
  skip_dependent(child, run, record, now)
end

-- All parents' runs of a fire time have succeeded: the child's run that was held goes on; one that there is not is written.
local function let_go(child, run, record, found, members, now)
  if redis.call('ZSCORE', key.unstarted, run) then
    if redis.call('ZREM', key.met, run .. ' #') == 1 and redis.call('ZREM', key.waiting, run) == 1 then
      make_ready(record.lane, record.priority, fire_time_of(run), run)
    end
    return
  end
  if extra(record, 'nt') then
    if #members > 0 then redis.call('ZREM', key.met, unpack(members)) end
    if is_used_up(child, record) then return end
    -- In the place of what was known of it, it is not one fire time more.
    if #members > 0 then redis.call('ZADD', key.met, 0, run .. ' =') else note(child, run, '=', record, now) end
  elseif not found['~'] then return
  else
    redis.call('ZREM', key.met, run .. ' ~')
    if is_to_come(child, fire_time_of(run)) then return end
  end
  redis.call('ZADD', key.unstarted, 0, run)
  dropped[run] = nil -- a change of its job may have taken it out of where it was
  make_ready(record.lane, record.priority, fire_time_of(run), run)
end

-- What the end of a parent's run means for a child's run of the same fire time.
local function tell_child(child, parent, at, succeeded, now)
  outbox.told = outbox.told + 1
  local record, run = parse(redis.call('HGET', key.jobs, child) or ''), child .. '@' .. at
  if not record then return end
  local own, found, members = not extra(record, 'nt'), known_of(run)
  if found['='] then return end
  local unstarted = own and redis.call('ZSCORE', key.unstarted, run)
  -- It fires by itself, but not then; or its run of then has started or ended.
  if own and not unstarted and not found['~'] and not found['!'] and not is_to_come(child, tonumber(at)) then return end
  if succeeded then
    found[parent] = true
    local complete = all_met(child, record, found)
    if own or not complete then note(child, run, parent, record, now) end
    if complete and found['!'] then redis.call('ZREM', key.met, run .. ' ' .. parent, unpack(members)) -- too late
    elseif complete then let_go(child, run, record, found, members, now) end
  elseif found['!'] then redis.call('ZREM', key.met, run .. ' !'); note(child, run, '~', record, now)
  elseif not found['~'] then
    if unstarted or (not own and not is_used_up(child, record)) then give_up(child, run, record, now)
    elseif own then note(child, run, '~', record, now) end
  end
end

do
  local DEEPEST = 100 -- generations that a step tells of an end: more than a definition may tie together
  local generation = 0

  -- A job's run has ended: its children's runs of the same fire time go on or are given up, if this was what they waited for.
  -- What was missed is nobody's concern.
  function tell_dependents(job, text, now)
    if not is_tied() then return end
    local at, state = string.match(text, '^(%d+) %S+ %S+ (%a) ')
    if not at or state == 'm' then return end
    local found, members = known_of(job .. '@' .. at)
    if #members > 0 and not found['~'] and not found['!'] and not found['='] then redis.call('ZREM', key.met, unpack(members)) end
    if generation == DEEPEST then return end
    generation = generation + 1
    local children, elsewhere = outbox.split(tied_to('>', job))
    for _, child in ipairs(children) do tell_child(child, job, at, state == 's', now) end
    outbox.put_about('end ' .. job .. ' ' .. at .. ' ' .. (state == 's' and 1 or 0), elsewhere)
    generation = generation - 1
  end
end

-- Whether a due run of a fire time may not start, since it depends on others: it is held until its grace is over, or given up. For one that
-- nobody could look at before, after a pause or while there was no node, the grace begins then: its parents are as late.
local function is_held(run, job, record, now)
  if not is_tied() or extra(record, 'nt') or #parents_of(job) == 0 then return false end
  local found = known_of(run)
  if found['='] or all_met(job, record, found) then return false end
  local grace = record.grace or PRIORITY
  local last = fire_time_of(run) + grace
  if now > last and not found['#'] then last = now + grace end
  if found['~'] then skip_dependent(job, run, record, now)
  elseif now > last then give_up(job, run, record, now, true)
  else
    redis.call('ZADD', key.waiting, int(last + 1), run)
    note(job, run, '#', record, now)
    unblock(job)
  end
  return true
end

-- Runs that are taken out before they start are held no more.
local function forget_held(runs)
  if not is_tied() then return end
  local marks = {}
  for i, run in ipairs(runs) do marks[i] = run .. ' #' end
  redis.call('ZREM', key.met, unpack(marks))
end

-- Gives up the held runs of a job whose grace is over: they are no misfires.
local function give_up_overdue(job, record, now)
  if not is_tied() or extra(record, 'nt') or #parents_of(job) == 0 then return end
  local overdue = '[' .. job .. '@' .. string.format('%013.0f', math.max(now - record.grace, 0))
  for _, member in ipairs(redis.call('ZRANGEBYLEX', key.met, '[' .. job .. '@', overdue)) do
    local run, what = string.match(member, '^(%S+) (%S+)$')
    if what == '#' and redis.call('ZSCORE', key.unstarted, run) then
      local last = redis.call('ZSCORE', key.waiting, run)
      if not last or tonumber(last) <= now then give_up(job, run, record, now, true) end
    end
  end
end
